package poolstate

import "runtime"

// WatchLoss removes the acquire from the counts when it becomes garbage, in case no event ends it. That has a cost, so
// use it only for pools where it may happen; see [Acquire.EndWatch].
func (a *Acquire) WatchLoss() { runtime.SetFinalizer(a, (*Acquire).lost) }

// EndWatch ends WatchLoss: an event has ended the acquire.
func (a *Acquire) EndWatch() { runtime.SetFinalizer(a, nil) }

// lost takes an acquire that will never end out of the counts. How long it took is not known.
func (a *Acquire) lost() {
	if Progress(a.progress.Swap(int64(progressDone))) == progressDone || a.is(untracked) {
		return
	}
	if a.is(slotted) {
		a.acquires.slots.add(-occupiedUnit)
		return
	}
	a.acquires.waiters.leave(a.start)
	a.acquires.slots.add(-pendingUnit)
}
