package poolstate

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestSnapshotChangesNothing compares a reconciliation after several snapshots with one without them, in a state in
// which Reconcile changes much.
func TestSnapshotChangesNothing(t *testing.T) {
	t.Parallel()
	reconcile := func(snapshots int) Snapshot {
		p, clock := newPool(nil)
		hold(p, t.Context())
		_, c := hold(p, t.Context())
		p.Closed(c, false, closedAlready)
		begin(p, t.Context())
		clock.pass(standingWait)
		for range snapshots {
			p.Snapshot(stat(0, 0))
			p.Snapshot(stat(2, 0))
		}
		return p.Reconcile(stat(1, 0))
	}
	with, without := reconcile(3), reconcile(0)
	check(t, "holds", len(with.Holds), len(without.Holds))
	check(t, "pending peak", with.PendingPeak, without.PendingPeak)
	check(t, "peak", with.Peak, without.Peak)
	check(t, "closed", with.Closed, without.Closed)
	check(t, "doubtful", with.Doubtful, without.Doubtful)
}

func TestClosedConnsAreCountedByReason(t *testing.T) {
	t.Parallel()
	p, _ := newPool(nil)
	closed := func(why CloseReason, overflow bool) {
		_, c := hold(p, t.Context())
		p.Release(c, why)
		p.Closed(c, overflow, closedAlready)
	}
	closed(CloseBusy, false)
	closed(CloseInTransaction, false)
	closed(CloseBroken, false)
	closed(KeptOpen, true)
	closed(KeptOpen, false) // too old, idle for too long, or for another reason
	closed(KeptOpen, false)
	closed(KeptOpen, false)
	p.Closed(nil, false, closedAlready) // without a state
	read := func() Stat { return Stat{LifetimeDestroyed: 1, IdleDestroyed: 1, Max: 2} }
	want := [CloseReasonCount]int64{
		CloseBusy: 1, CloseInTransaction: 1, CloseBroken: 1, CloseOverflow: 1, CloseLifetime: 1, CloseIdle: 1, CloseOther: 2,
	}
	check(t, "closed", p.Reconcile(read).Closed, want)
	read = func() Stat { return Stat{LifetimeDestroyed: 2, IdleDestroyed: 1, Max: 2} }
	want[CloseLifetime]++
	check(t, "closed, other does not fall", p.Reconcile(read).Closed, want)
}

func TestOverflowCountsOpenConnsBeyondBaseSize(t *testing.T) {
	t.Parallel()
	p, _ := newPool(nil)
	first, second := p.NewConn(Origin{}), p.NewConn(Origin{})
	check(t, "the first", p.Opened(first), false)
	check(t, "the second", p.Opened(second), true)
	p.Closed(first, false, closedAlready)
	check(t, "one in place of the first", p.Opened(p.NewConn(Origin{})), true)
	p.Closed(second, false, closedAlready)
	check(t, "opened", p.Snapshot(stat(0, 1)).Opened, 3)
}

// TestOverflowCountsConnOnceConcurrentSafe opens two connections together, one of them beyond the base size.
func TestOverflowCountsConnOnceConcurrentSafe(t *testing.T) {
	t.Parallel()
	for range 2000 {
		p, _ := newPool(nil)
		conns := [2]*Conn{p.NewConn(Origin{}), p.NewConn(Origin{})}
		var overflows atomic.Int64
		var all sync.WaitGroup
		for _, c := range conns {
			all.Go(func() {
				if p.Opened(c) {
					overflows.Add(1)
				}
			})
		}
		all.Wait()
		if got := overflows.Load(); got != 1 {
			t.Fatalf("%d connections beyond the base size, want 1", got)
		}
	}
}

func TestAbandonedConnEndsItsHold(t *testing.T) {
	t.Parallel()
	p, _ := newPool(nil)
	func() { hold(p, context.Background()) }()
	for range 1000 {
		runtime.GC()
		if p.acquires.slots.load() == (counts{}) {
			check(t, "acquired", p.Snapshot(stat(0, 0)).Acquired, 1)
			return
		}
		runtime.Gosched()
	}
	t.Error("the hold has not ended")
}

func TestClosingCountsConnsUntilClosed(t *testing.T) {
	t.Parallel()
	p, clock := newPool(nil)
	_, c := hold(p, t.Context())
	p.Release(c, CloseBroken)
	done := make(chan struct{})
	p.Closed(c, false, done)
	check(t, "while it is closed", p.Snapshot(stat(1, 0)).Closing, 1)
	check(t, "if the pool has given up its slot", p.Snapshot(stat(0, 0)).Closing, 0)
	hold(p, t.Context())
	check(t, "beside a hold", p.Snapshot(stat(2, 0)).Closing, 1)
	check(t, "beside a hold, without its slot", p.Snapshot(stat(1, 0)).Closing, 0)
	close(done)
	check(t, "closed", p.Snapshot(stat(2, 0)).Closing, 0)

	p.Closed(nil, false, make(chan struct{}))
	clock.pass(closeLimit)
	check(t, "as long as pgxpool waits", p.Snapshot(stat(2, 0)).Closing, 1)
	clock.pass(ms)
	check(t, "after that", p.Snapshot(stat(2, 0)).Closing, 0)
}

// TestPeakIsNeverBelowSample lets AcquireAllIdle take connections without an event.
func TestPeakIsNeverBelowSample(t *testing.T) {
	t.Parallel()
	p, clock := newPool(nil)
	check(t, "while they are taken", p.Reconcile(stat(2, 0)).Peak, 2)
	clock.pass(time.Second)
	check(t, "after", p.Reconcile(stat(0, 2)).Peak, 2)
}

func TestAttachSeesChangedSizes(t *testing.T) {
	t.Parallel()
	p, _ := newPool(nil)
	p.Attach(stat(2, 0), 1, 2)
	p.Opened(p.NewConn(Origin{}))
	check(t, "overflow", p.Opened(p.NewConn(Origin{})), false)
	hold(p, t.Context())
	begin(p, t.Context())
	check(t, "pending peak", p.Snapshot(stat(2, 0)).PendingPeak, 1)
}
