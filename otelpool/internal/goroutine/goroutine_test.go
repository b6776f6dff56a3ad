package goroutine

import (
	"sync"
	"testing"
)

func TestCurrentDistinguishesGoroutines(t *testing.T) {
	t.Parallel()
	const n = 100
	var ids [n]ID
	var ready, done sync.WaitGroup
	end := make(chan struct{})
	ready.Add(n)
	for i := range n {
		done.Go(func() {
			ids[i] = Current()
			grow(1000) // the stack moves
			if again := Current(); again != ids[i] {
				t.Errorf("first %d, then %d", ids[i], again)
			}
			ready.Done()
			<-end
		})
	}
	ready.Wait()
	close(end)
	done.Wait()
	seen := map[ID]bool{Current(): true}
	for _, id := range ids {
		if id == 0 || seen[id] {
			t.Errorf("%d is 0 or another goroutine's too", id)
		}
		seen[id] = true
	}
}

// grow uses some memory of the stack for each call.
func grow(calls int) byte {
	var used [512]byte
	if calls > 0 {
		used[calls%len(used)] = grow(calls - 1)
	}
	return used[0]
}
