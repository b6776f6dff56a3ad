package poolstate

import (
	"sync"
	"testing"
	"time"
)

func TestOldestReturnsOldestOfManyWaiters(t *testing.T) {
	t.Parallel()
	var w waiters
	if got := w.oldest(time.Second); got != 0 {
		t.Errorf("without waiters: oldest %v, want 0", got)
	}
	const n = 5 * waiterCells // more than there are cells
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
		t.Errorf("all left: oldest %v, want 0", got)
	}
}

func TestWaitersWithSameStartConcurrentSafe(t *testing.T) {
	t.Parallel()
	var w waiters
	const start = time.Second // of all, as where the clock is coarse
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			for range 1000 {
				w.enter(start)
				if got := w.oldest(2 * start); got != start {
					t.Errorf("with a waiter: oldest %v, want 1s", got)
				}
				w.leave(start)
			}
		})
	}
	all.Wait()
	if got := w.oldest(2 * start); got != 0 || len(w.more) != 0 {
		t.Errorf("all left: oldest %v, want 0", got)
	}
}
