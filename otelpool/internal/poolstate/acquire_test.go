package poolstate

import (
	"context"
	"testing"
	"time"
)

const ms = time.Millisecond

func TestPhasesAddUpToTimeOfAcquire(t *testing.T) {
	t.Parallel()
	type step struct {
		do   func(*Acquire)
		pass time.Duration
	}
	enter := func(p Phase) func(*Acquire) { return func(a *Acquire) { a.Enter(p) } }
	refused := func(a *Acquire) { a.Requeue(Progress(a.progress.Load())) }
	for _, tt := range []struct {
		name  string
		queue time.Duration // before the first step
		steps []step
		want  [PhaseCount]time.Duration
	}{
		{"handed over", 3 * ms, nil, [PhaseCount]time.Duration{Queue: 3 * ms}},
		{"dialed", 3 * ms, []step{{enter(Connect), 5 * ms}}, [PhaseCount]time.Duration{Queue: 3 * ms, Connect: 5 * ms}},
		{"pinged and prepared", 1 * ms, []step{{enter(Ping), 2 * ms}, {enter(Prepare), 4 * ms}},
			[PhaseCount]time.Duration{Queue: 1 * ms, Ping: 2 * ms, Prepare: 4 * ms}},
		{"refused by PrepareConn, then dialed", 1 * ms, []step{{enter(Prepare), 2 * ms}, {refused, 4 * ms}, {enter(Connect), 8 * ms}},
			[PhaseCount]time.Duration{Queue: 5 * ms, Connect: 8 * ms, Prepare: 2 * ms}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p, clock := newPool(nil)
			a := begin(p, t.Context())
			clock.pass(tt.queue)
			all := tt.queue
			for _, s := range tt.steps {
				s.do(a)
				clock.pass(s.pass)
				all += s.pass
			}
			waited, held := p.End(a, p.NewConn(Origin{}), OK)
			check(t, "waited", waited, all)
			check(t, "held", held, true)
			check(t, "phases", p.Snapshot(stat(1, 0)).Phases, tt.want)
		})
	}
}

func TestPendingCountsAcquiresWithoutSlot(t *testing.T) {
	t.Parallel()
	for _, phase := range []Phase{Connect, Ping, Prepare} {
		p, clock := newPool(nil)
		a := begin(p, t.Context())
		clock.pass(20 * ms)
		s := p.Snapshot(stat(0, 0))
		check(t, "pending in the queue", s.Pending, 1)
		check(t, "oldest wait in the queue", s.OldestWait, 20*ms)
		a.Enter(phase)
		s = p.Snapshot(stat(0, 0))
		check(t, "pending with a slot", s.Pending, 0)
		check(t, "oldest wait with a slot", s.OldestWait, 0)
		p.End(a, nil, Failed)
		check(t, "slots at the end", p.acquires.slots.load(), counts{})
	}
}

// TestRequeueNeedsProgressOfLoss hands an acquire two connections, and closes them late.
func TestRequeueNeedsProgressOfLoss(t *testing.T) {
	t.Parallel()
	p, clock := newPool(nil)
	a := begin(p, t.Context())
	ping := func() Progress { clock.pass(ms); return a.Enter(Ping) }
	checkSlots := func(when string, pending, occupied int64) {
		t.Helper()
		clock.pass(ms)
		check(t, when+": slots", p.acquires.slots.load(), counts{pending: pending, occupied: occupied})
		check(t, when+": waits", p.acquires.waiters.oldest(clock.now) > 0, pending > 0)
	}
	first := ping()
	second := ping()
	checkSlots("handed over twice", 0, 1)
	a.Requeue(first)
	checkSlots("the first is closed while the second is pinged", 0, 1)
	a.Requeue(second)
	checkSlots("the second is closed", 1, 0)
	a.Requeue(second)
	a.Requeue(first)
	checkSlots("closed again", 1, 0)
	third := ping()
	p.End(a, nil, Failed)
	a.Requeue(third)
	checkSlots("the third is closed after the end", 0, 0)
}

func TestFailedPingRequeuesAcquire(t *testing.T) {
	t.Parallel()
	p, clock := newPool(nil)
	a := begin(p, t.Context())
	c := p.NewConn(Origin{})
	p.Opened(c)
	c.Pinging(a, a.Enter(Ping))
	clock.pass(ms)
	p.Closed(c, false, closedAlready)
	check(t, "slots", p.acquires.slots.load(), counts{pending: 1})
}

// TestFailedPingIsNotCanceled lets an acquire continue with another connection. Its context ends, as that of
// Sizing.Timeout does, before the connection that did not answer is closed.
func TestFailedPingIsNotCanceled(t *testing.T) {
	t.Parallel()
	p, _ := newPool(nil)
	ctx, cancel := context.WithCancel(t.Context())
	_, silent := hold(p, ctx)
	_, other := hold(p, ctx)
	p.Release(silent, KeptOpen)
	p.Release(other, KeptOpen)
	a := begin(p, ctx)
	silent.Pinging(a, a.Enter(Ping))
	p.End(a, other, OK)
	cancel()
	p.Closed(silent, false, closedAlready)
	closed := p.Snapshot(stat(1, 0)).Closed
	check(t, "closed since it did not answer", closed[ClosePing], 1)
	check(t, "closed since a caller gave up", closed[CloseCanceled], 0)
}

func TestPanickedHookLeaksSlot(t *testing.T) {
	t.Parallel()
	p, _ := newPool(nil)
	p.EndLeaked(begin(p, t.Context()))
	check(t, "slots", p.acquires.slots.load(), counts{occupied: 1, inUse: 1})
	_, c := hold(p, t.Context())
	s := p.Reconcile(stat(2, 0)) // the pool counts the leaked one, which is not hijacked
	check(t, "holds", len(s.Holds), 1)
	check(t, "held", s.Holds[0].Conn, c)
}

func TestAcquireAfterStopHoldsNothing(t *testing.T) {
	t.Parallel()
	p, _ := newPool(nil)
	a := begin(p, t.Context())
	p.Stop()
	_, held := p.End(a, p.NewConn(Origin{}), OK)
	check(t, "held", held, false)
	check(t, "slots", p.acquires.slots.load(), counts{})
	check(t, "acquired", p.Snapshot(stat(0, 0)).Acquired, 0)
}

func TestAcquireFromIgnoresOtherPools(t *testing.T) {
	t.Parallel()
	p, _ := newPool(nil)
	other, _ := newPool(nil)
	a := begin(p, t.Context())
	inner := begin(other, a)
	check(t, "of the pool itself", p.AcquireFrom(a), a)
	check(t, "of the other", other.AcquireFrom(inner), inner)
	check(t, "of the pool, inside the other's", p.AcquireFrom(inner), nil)
	check(t, "of no acquire", p.AcquireFrom(t.Context()), nil)
}

func TestPendingPeakCountsWaitersOfFullPool(t *testing.T) {
	t.Parallel()
	p, clock := newPool(nil)
	hold(p, t.Context())
	_, c := hold(p, t.Context())
	waiting := begin(p, t.Context())
	check(t, "one waits", p.Snapshot(stat(2, 0)).PendingPeak, 1)
	p.Release(c, KeptOpen)
	p.End(waiting, c, OK)
	clock.pass(time.Minute)
	check(t, "in the next window", p.Snapshot(stat(2, 0)).PendingPeak, 1)
	clock.pass(time.Minute)
	check(t, "in the window after", p.Snapshot(stat(2, 0)).PendingPeak, 0)
}

// TestPendingPeakCountsStandingQueue lets a caller wait for slots that AcquireAllIdle took without an event.
func TestPendingPeakCountsStandingQueue(t *testing.T) {
	t.Parallel()
	p, clock := newPool(nil)
	begin(p, t.Context())
	check(t, "as it begins", p.Snapshot(stat(2, 0)).PendingPeak, 0)
	clock.pass(standingWait)
	check(t, "a moment later", p.Snapshot(stat(2, 0)).PendingPeak, 1)
	check(t, "if the pool is not full", p.Snapshot(stat(1, 0)).PendingPeak, 0)
}

// TestPendingPeakCountsWaitersBehindOthers lets callers wait for slots that no acquire has, in a pool that is full by
// its own statistics.
func TestPendingPeakCountsWaitersBehindOthers(t *testing.T) {
	t.Parallel()
	end := map[string]func(*Pool, *Acquire){
		"handed over": func(p *Pool, a *Acquire) { p.End(a, p.NewConn(Origin{}), OK) },
		"dialed":      func(p *Pool, a *Acquire) { a.Enter(Connect) },
		"given up":    func(p *Pool, a *Acquire) { p.End(a, nil, Timeout) },
	}
	for name, end := range end {
		p, clock := newPool(nil)
		p.Attach(stat(2, 0), 2, 1)
		first, second := begin(p, t.Context()), begin(p, t.Context())
		clock.pass(2 * time.Second)
		end(p, first)
		end(p, second)
		check(t, name+": pending peak", p.Snapshot(stat(2, 0)).PendingPeak, 2)
	}
}

func TestUnnoticedHijacksRaiseNoPeak(t *testing.T) {
	t.Parallel()
	p, _ := newPool(nil)
	acquired := int64(0)
	p.Attach(func() Stat { return Stat{Acquired: acquired, Max: 2} }, 2, 2)
	for range 5 {
		acquired = 1
		hold(p, t.Context())
		acquired = 0 // hijacked
	}
	s := p.Snapshot(stat(0, 0))
	check(t, "peak", s.Peak, 1)
	check(t, "pending peak", s.PendingPeak, 0)
	check(t, "overflow", p.Opened(p.NewConn(Origin{})), false)
}
