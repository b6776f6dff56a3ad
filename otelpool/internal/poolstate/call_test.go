package poolstate

import (
	"testing"
	"time"
)

// TestCallsTolerateAnyDepth sets the depth to values that concurrent use of one connection can cause.
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
	var oldest, others forgotten
	c.push(call{QueryCall, 1, 0, &oldest})
	for op := range Operation(maxCalls) {
		c.push(call{QueryCall, op + 2, 0, &others})
	}
	if oldest != 1 || others != 0 {
		t.Errorf("the oldest was forgotten %d times, the others %d times", oldest, others)
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

// forgotten counts how often a note was forgotten.
type forgotten int

func (f *forgotten) Forget() { *f++ }

func TestCallWithoutEndIsForgottenOnce(t *testing.T) {
	t.Parallel()
	for name, never := range map[string]func(p *Pool, c *Conn){
		"released":       func(p *Pool, c *Conn) { p.Release(c, KeptOpen) },
		"canceled":       func(_ *Pool, c *Conn) { c.CancelCall(QueryCall) },
		"acquired again": func(_ *Pool, c *Conn) { c.reset() },
	} {
		p := New(Config{Now: func() time.Duration { return 0 }, MaxConns: 1, BaseSize: 1, PeakWindow: time.Minute})
		c := p.NewConn(Origin{})
		var note forgotten
		c.BeginCall(QueryCall, 1, RoleWork, 0, &note)
		never(p, c)
		never(p, c)
		if note != 1 {
			t.Errorf("%s: the call was forgotten %d times", name, note)
		}
	}
}
