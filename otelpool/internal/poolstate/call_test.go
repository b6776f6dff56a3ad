package poolstate

import "testing"

// TestCallsTolerateAnyDepth sets the depth to what several goroutines on one connection can make of it.
func TestCallsTolerateAnyDepth(t *testing.T) {
	t.Parallel()
	for _, depth := range []int{-2, -1, 0, 1, maxCalls, maxCalls + 1, maxCalls + 2} {
		c := calls{depth: depth}
		c.innermost()
		c.inside(QueryCall)
		c.pop(QueryCall)
		c.depth = depth
		c.push(call{kind: CopyCall})
		if ended, ok := c.pop(CopyCall); !ok || ended.kind != CopyCall {
			t.Errorf("with depth %d, pop returns %+v", depth, ended)
		}
	}
}

func TestCallsForgetOldestBeyondLimit(t *testing.T) {
	t.Parallel()
	var c calls
	for op := range Operation(maxCalls + 1) {
		c.push(call{QueryCall, op + 1, 0})
	}
	for op := Operation(maxCalls + 1); op > 1; op-- {
		if ended, ok := c.pop(QueryCall); !ok || ended.operation != op {
			t.Fatalf("pop returns operation %d, want %d", ended.operation, op)
		}
	}
	if _, ok := c.pop(QueryCall); ok {
		t.Error("the oldest call is still there")
	}
}
