package otelpool

import (
	"sync"
	"testing"
	"time"
)

func TestFlowKeepsItsPartsApart(t *testing.T) {
	t.Parallel()
	var f flow
	f.init()
	for _, step := range []struct {
		units int64
		want  counts
	}{
		{0, counts{}},
		{pendingUnit, counts{1, 0, 0}},
		{-occupiedUnit, counts{1, -1, 0}}, // a place given back a moment before it is taken
		{occupiedUnit - pendingUnit, counts{0, 0, 0}},
		{3*pendingUnit + 2*occupiedUnit + inUseUnit, counts{3, 2, 1}},
		{-inUseUnit - occupiedUnit, counts{3, 1, 0}},
		{1_000_000 * pendingUnit, counts{1_000_003, 1, 0}},
		{-1_000_003*pendingUnit - occupiedUnit, counts{}},
	} {
		if got := f.add(step.units); got != step.want {
			t.Fatalf("after %d: %+v, want %+v", step.units, got, step.want)
		}
	}
}

func TestPeakShowsTheCurrentAndThePreviousWindow(t *testing.T) {
	t.Parallel()
	p := peak{bucket: time.Minute}
	at := func(seconds int) time.Duration { return time.Duration(seconds) * time.Second }
	p.note(at(10), 3)
	p.note(at(20), 7)
	p.note(at(30), 5)
	for _, step := range []struct {
		seconds int
		want    int64
	}{{30, 7}, {59, 7}, {60, 7}, {119, 7}, {120, 0}, {200, 0}} {
		for range 2 { // reading resets nothing
			if got := p.read(at(step.seconds)); got != step.want {
				t.Errorf("at %d s: %d, want %d", step.seconds, got, step.want)
			}
		}
	}
	p.note(at(130), 2)
	p.note(at(190), 1)
	if got := p.read(at(190)); got != 2 {
		t.Errorf("at 190 s: %d, want that of the bucket before", got)
	}
	p.note(at(125), 9) // late, of a bucket that is still in the window
	if got := p.read(at(190)); got != 9 {
		t.Errorf("a late value is lost: %d", got)
	}
	p.note(at(30), 99) // too late
	if got := p.read(at(190)); got != 9 {
		t.Errorf("a value of long ago shows: %d", got)
	}
}

func TestOldestOfManyWaiters(t *testing.T) {
	t.Parallel()
	var w waiters
	if got := w.oldest(time.Second); got != 0 {
		t.Errorf("none waits, but the oldest %v", got)
	}
	const n = 5 * waiterSlots // more than there are slots
	for i := range time.Duration(n) {
		w.enter(i)
	}
	for i := range time.Duration(n) {
		if got, want := w.oldest(n), n-i; got != want {
			t.Fatalf("after %d left: oldest %v, want %v", i, got, want)
		}
		w.leave(i)
	}
	if got := w.oldest(n); got != 0 || len(w.more) != 0 {
		t.Errorf("all left, but the oldest %v", got)
	}
}

func TestWaitersOfOneStartConcurrentSafe(t *testing.T) {
	t.Parallel()
	var w waiters
	const start = time.Second // of all, as where the clock is coarse
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for range 1000 {
				w.enter(start)
				if got := w.oldest(2 * start); got != start {
					t.Errorf("one waits, but the oldest %v", got)
				}
				w.leave(start)
			}
		})
	}
	all.Wait()
	if got := w.oldest(2 * start); got != 0 || len(w.more) != 0 {
		t.Errorf("all left, but the oldest %v", got)
	}
}

// TestAnAcquireWaitsAgainOnlyWhereItLostItsPlace has two connections that were handed to an acquire be closed late.
func TestAnAcquireWaitsAgainOnlyWhereItLostItsPlace(t *testing.T) {
	t.Parallel()
	var now time.Duration
	r := &recorder{now: func() time.Duration { now++; return now }}
	r.flow.init()
	a := &acquire{Context: t.Context(), recorder: r, start: now}
	r.waiters.enter(a.start)
	r.flow.add(pendingUnit)
	ping := func() int64 { return r.enter(a, pingPhase) }
	check := func(when string, pending, occupied int64) {
		t.Helper()
		if got := r.flow.load(); got.pending != pending || got.occupied != occupied || (r.waiters.oldest(now) > 0) != (pending > 0) {
			t.Errorf("%s: %+v, the oldest waits since %v", when, got, r.waiters.oldest(now))
		}
	}
	first := ping()
	second := ping()
	check("handed over twice", 0, 1)
	r.requeue(a, first)
	check("the first is closed when the second is pinged", 0, 1)
	r.requeue(a, second)
	check("the second is closed", 1, 0)
	r.requeue(a, second)
	r.requeue(a, first)
	check("closed again", 1, 0)
	third := ping()
	r.progress(a, over, r.now())
	r.requeue(a, third)
	check("the third is closed when it is over", 0, 1)
}

// TestCallsBearAnyDepth has the depth be what several goroutines on one connection can make of it.
func TestCallsBearAnyDepth(t *testing.T) {
	t.Parallel()
	for _, depth := range []int{-2, -1, 0, 1, maxCalls, maxCalls + 1, maxCalls + 2} {
		s := &connState{depth: depth}
		s.innermost()
		s.inside(queryCall)
		s.settle(nil)
		s.pop(queryCall)
		s.depth = depth
		s.push(call{kind: copyCall})
		if c, ok := s.pop(copyCall); !ok || c.kind != copyCall {
			t.Errorf("with depth %d, %+v is popped", depth, c)
		}
	}
}
