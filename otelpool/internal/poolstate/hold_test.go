package poolstate

import (
	"context"
	"fmt"
	"testing"
	"time"
)

func TestReleaseReturnsHoldAndAge(t *testing.T) {
	t.Parallel()
	p, clock := newPool(nil)
	a, c := hold(p, t.Context())
	clock.pass(7 * ms)
	h, age, ok := p.Release(c, KeptOpen)
	check(t, "ok", ok, true)
	check(t, "acquire", h.Acquire, a)
	check(t, "age", age, 7*ms)
	check(t, "slots", p.acquires.slots.load(), counts{})
	_, _, ok = p.Release(c, KeptOpen)
	check(t, "ok of a release without an acquire", ok, false)
	check(t, "slots after it", p.acquires.slots.load(), counts{})
}

func TestBusyTimeCountsOutermostCalls(t *testing.T) {
	t.Parallel()
	p, clock := newPool(nil)
	_, c := hold(p, t.Context())
	call := func(took time.Duration, inside func()) {
		c.BeginCall(QueryCall, 1, RoleWork, clock.now, nil)
		clock.pass(took)
		inside()
		_, ok := c.EndCall(QueryCall, false, clock.now)
		check(t, "ended", ok, true)
	}
	call(2*ms, func() { call(3*ms, func() {}) })
	clock.pass(100 * ms)
	h, _, _ := p.Release(c, KeptOpen)
	call(50*ms, func() {})
	check(t, "work", h.Work(), Work{Unit: 1, Operations: 1, Busy: 5 * ms, First: true})
	p.End(begin(p, t.Context()), c, OK)
	h, _, _ = p.Release(c, KeptOpen)
	check(t, "work of the next hold", h.Work(), Work{First: true})
}

func TestUnitOfWorkIsFirstOncePerScope(t *testing.T) {
	t.Parallel()
	p, _ := newPool(nil)
	other, _ := newPool(nil)
	first := func(p *Pool, ctx context.Context, unit Operation) bool {
		a := begin(p, ctx)
		a.Operation = unit
		c := p.NewConn(Origin{})
		p.End(a, c, OK)
		h, _, _ := p.Release(c, KeptOpen)
		return h.Work().First
	}
	scope := WithScope(t.Context(), "")
	for _, step := range []struct {
		pool *Pool
		ctx  context.Context
		unit Operation
		want bool
	}{
		{p, scope, 1, true}, {p, scope, 1, false}, {p, scope, 2, true}, {other, scope, 1, true}, {p, scope, 2, false},
		{p, WithScope(scope, ""), 1, true}, {p, t.Context(), 1, true}, {p, t.Context(), 1, true},
	} {
		check(t, "first", first(step.pool, step.ctx, step.unit), step.want)
	}
}

func TestActivityFollowsCalls(t *testing.T) {
	t.Parallel()
	p, _ := newPool(nil)
	_, c := hold(p, t.Context())
	want := func(when string, op Operation, running bool) {
		t.Helper()
		a := c.Activity()
		gotOp, gotRunning := a.Last, a.Running
		check(t, when+": operation", gotOp, op)
		check(t, when+": running", gotRunning, running)
	}
	want("at first", 0, false)
	c.BeginCall(BatchCall, 1, RoleWork, 0, nil)
	want("in a batch", 1, true)
	c.BeginCall(QueryCall, 2, RoleWork, 0, nil)
	want("in a query on the busy connection", 2, true)
	c.EndCall(QueryCall, false, 0)
	want("back in the batch", 1, true)
	if _, ok := c.EndCall(QueryCall, false, 0); ok {
		t.Error("the end of a query ended the batch")
	}
	c.EndCall(BatchCall, false, 0)
	want("after the batch", 1, false)
	c.BeginCall(CopyCall, 3, RoleWork, 0, nil)
	c.CancelCall(CopyCall)
	want("after a canceled copy", 3, false)
	p.Release(c, KeptOpen)
	p.End(begin(p, t.Context()), c, OK)
	want("in the next hold", 0, false)
}

func TestListenerIsIdle(t *testing.T) {
	t.Parallel()
	p, _ := newPool(nil)
	c := p.NewConn(Origin{Waits: func() bool { return true }})
	p.End(begin(p, t.Context()), c, OK)
	check(t, "running", c.Activity().Running, true)
	c.BeginCall(QueryCall, 1, RoleListen, 0, nil)
	c.EndCall(QueryCall, false, 0)
	check(t, "running once it listens", c.Activity().Running, false)
}

func TestUnitIsFirstNamingCallOfHold(t *testing.T) {
	t.Parallel()
	p, _ := newPool(nil)
	call := func(c *Conn, op Operation, does Role) {
		c.BeginCall(QueryCall, op, does, 0, nil)
		c.EndCall(QueryCall, false, 0)
	}
	c := p.NewConn(Origin{})
	call(c, 9, RoleWork) // of a hook, before the hold
	p.End(begin(p, t.Context()), c, OK)
	unit := func() Operation { return p.Snapshot(stat(1, 0)).Holds[0].Unit() }
	check(t, "before any call", unit(), 0)
	call(c, 1, RoleControl)
	check(t, "after a call that does not name it", unit(), 0)
	call(c, 0, RoleWork)
	check(t, "after a call that is not recorded", unit(), 0)
	c.BeginCall(BatchCall, 1<<30-1, RoleWork, 0, nil)
	check(t, "in the first that does", unit(), 1<<30-1)
	call(c, 3, RoleWork) // refused by pgx
	c.EndCall(BatchCall, false, 0)
	call(c, 4, RoleWork)
	check(t, "after others", unit(), 1<<30-1)
	op, running := c.Activity().Last, c.Activity().Running
	check(t, "last operation", op, 4)
	check(t, "running", running, false)
	h, _, _ := p.Release(c, KeptOpen)
	check(t, "after the release", h.Unit(), 1<<30-1)

	named := begin(p, t.Context())
	named.Operation = 7
	p.End(named, c, OK)
	call(c, 1, RoleWork)
	check(t, "of a named acquire", unit(), 7)
}

func TestScopeHasNameOfScopeAround(t *testing.T) {
	t.Parallel()
	p, _ := newPool(nil)
	check(t, "without a scope", begin(p, t.Context()).ScopeName(), "")
	route := WithScope(WithScope(t.Context(), ""), "POST /orders")
	check(t, "named", begin(p, route).ScopeName(), "POST /orders")
	check(t, "without a name", begin(p, WithScope(WithScope(route, ""), "")).ScopeName(), "POST /orders")
	check(t, "with another", begin(p, WithScope(route, "refund")).ScopeName(), "refund")
	check(t, "around it", begin(p, route).ScopeName(), "POST /orders")
}

func TestPeakCoversReleasedConnections(t *testing.T) {
	t.Parallel()
	p, clock := newPool(nil)
	_, first := hold(p, t.Context())
	_, second := hold(p, t.Context())
	p.Release(first, KeptOpen)
	p.Release(second, KeptOpen)
	check(t, "peak", p.Snapshot(stat(0, 2)).Peak, 2)
	clock.pass(2 * time.Minute)
	check(t, "peak two windows later", p.Snapshot(stat(0, 2)).Peak, 0)
	check(t, "peak below the sample", p.Snapshot(stat(1, 1)).Peak, 1)
}

func TestStackIsKeptUntilDropped(t *testing.T) {
	t.Parallel()
	p, _ := newPool(nil)
	a, c := hold(p, t.Context())
	callers := []uintptr{1, 2, 3}
	c.KeepStack(a, callers)
	callers[0] = 9
	stack := p.Snapshot(stat(1, 0)).Holds[0].Stack()
	check(t, "stack", fmt.Sprint(stack), "[1 2 3]")
	released, _, _ := p.Release(c, KeptOpen)
	check(t, "kept for the report", len(released.Stack()), len(stack))
	c.DropStack()
	check(t, "dropped", len(released.Stack()), 0)
}

func TestNestedAcquireReportsOuterHold(t *testing.T) {
	t.Parallel()
	p, clock := newPool(nil)
	other, _ := newPool(nil)
	ctx := WithScope(t.Context(), "")
	outer, c := hold(p, ctx)
	hold(p, context.Background()) // outside of the scope, so the pool is full
	if _, nested := other.Begin(ctx); nested != nil {
		t.Error("an acquire of another pool is nested")
	}
	since := clock.now
	clock.pass(ms)
	inner, nested := p.Begin(ctx)
	if nested == nil {
		t.Fatal("an acquire in the scope is not nested")
	}
	check(t, "outer", nested.Outer, Hold{Acquire: outer, Conn: c, Since: since})
	check(t, "waits", nested.Waits, true)
	c2 := p.NewConn(Origin{})
	p.End(inner, c2, OK)
	check(t, "the second hold is nested", Hold{Acquire: inner, Conn: c2}.Nested(), true)
	check(t, "the first is not", nested.Outer.Nested(), false)
	p.Release(c, KeptOpen)
	p.Release(c2, KeptOpen)
	if _, nested := p.Begin(ctx); nested != nil {
		t.Error("an acquire is nested after the releases")
	}
	if _, nested := p.Begin(WithScope(ctx, "")); nested != nil {
		t.Error("an acquire in a new scope is nested")
	}
}

func TestOtherGoroutinesOfScopeAreNotNested(t *testing.T) {
	t.Parallel()
	goroutine := uintptr(1)
	p, _ := newPool(func(c *Config) { c.MaxConns, c.Goroutine = 3, func() uintptr { return goroutine } })
	ctx := WithScope(t.Context(), "")
	hold(p, ctx)
	goroutine = 2
	a, nested := p.Begin(ctx)
	check(t, "of another goroutine", nested, nil)
	c := p.NewConn(Origin{})
	p.End(a, c, OK)
	check(t, "its hold is nested", Hold{Acquire: a, Conn: c}.Nested(), false)
	_, nested = p.Begin(ctx)
	if nested == nil {
		t.Fatal("the second of the same goroutine is not nested")
	}
	check(t, "outer", nested.Outer.Acquire, a)
}
