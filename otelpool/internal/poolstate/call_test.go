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
		c.popOuter(BatchCall)
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

// TestOuterCallMayEndFirst ends the first of three calls, then the second, then the third, on a held connection.
func TestOuterCallMayEndFirst(t *testing.T) {
	t.Parallel()
	p := New(Config{Now: func() time.Duration { return 0 }, MaxConns: 1, BaseSize: 1, PeakWindow: time.Minute})
	c := p.NewConn(Origin{})
	c.held.Store(&Acquire{})
	kinds := []CallKind{QueryCall, CopyCall, BatchCall}
	for i, kind := range kinds {
		c.BeginCall(kind, Operation(i+1), RoleWork, time.Duration(i), nil)
	}
	for i, kind := range kinds {
		ended, ok := c.EndCall(kind, false, time.Duration(10+i))
		if want := (Ended{Operation(i + 1), 10, nil}); !ok || ended != want {
			t.Errorf("call %d: got %+v, %t, want %+v", i, ended, ok, want)
		}
	}
	if _, ok := c.EndCall(QueryCall, false, 20); ok || !c.Idle() || c.used.busy != 12 || c.used.operations != 1 {
		t.Errorf("busy %d, %d operations, depth %d", c.used.busy, c.used.operations, c.calls.depth)
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
