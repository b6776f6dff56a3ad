package poolstate

import "runtime"

// WatchLoss removes the acquire from the counts when it becomes garbage, in case no event ends it. It is expensive, so
// it is only for pools where that may happen. [Acquire.EndWatch] ends it.
func (a *Acquire) WatchLoss() { runtime.SetFinalizer(a, (*Acquire).lost) }

// EndWatch ends WatchLoss, because an event has ended the acquire.
func (a *Acquire) EndWatch() { runtime.SetFinalizer(a, nil) }

// lost removes an acquire that will never end from the counts. Its duration is unknown.
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
