package otelpool

import (
	"context"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"weak"
)

// nestedReportInterval keeps a pool that is deadlocked from logging as many lines as there are requests.
const nestedReportInterval = time.Second

// scopesUsed is set by the first WithScope: a program that has none need not look for them.
var scopesUsed atomic.Bool

type scopeKey struct{}

type scopeContext struct {
	context.Context
	scope *scope
}

func (c *scopeContext) Value(key any) any {
	if key == (scopeKey{}) {
		return c
	}
	return c.Context.Value(key)
}

// scope knows the connections that one request holds.
type scope struct {
	mu    sync.Mutex
	holds []scopeHold
}

type scopeHold struct {
	recorder *recorder
	acquire  *acquire
	state    weak.Pointer[connState] // weak, since nobody says when a hijacked connection ends
	nested   bool
}

// WithScope marks the beginning of something that should hold one connection of a pool at a time, such as a request:
// call it in a middleware and pass the context on. An Acquire with a context of the scope while the scope holds a
// connection of the same pool already is counted in pgxpool.nested_acquires; if it has to wait, which is how a pool
// deadlocks with itself, that is logged with both stacks, at most once a second (see [WithLogger]).
//
// The scope follows the context, so goroutines that share it are one scope. A scope in a scope is a new one.
func WithScope(ctx context.Context) context.Context {
	if ctx == nil {
		ctx = context.Background()
	}
	scopesUsed.Store(true)
	return &scopeContext{Context: ctx, scope: new(scope)}
}

// enterScope takes note of an acquire in its scope, and of what that holds already.
func (r *recorder) enterScope(a *acquire) {
	c, ok := a.Context.Value(scopeKey{}).(*scopeContext)
	if !ok {
		return
	}
	a.scope = c.scope
	state, outer := a.scope.holding(r)
	if outer == nil {
		return
	}
	r.nested.Add(1)
	if n := r.flow.load(); n.pending+n.occupied <= r.maxConns {
		return
	}
	last := time.Duration(r.nestedReport.Load())
	if last != 0 && a.start-last < nestedReportInterval || !r.nestedReport.CompareAndSwap(int64(last), int64(a.start)) {
		return
	}
	stack := make([]uintptr, maxStack)
	attrs := r.attrs(state, outer, state.age(a.start))
	attrs = append(attrs, slog.String("waiting_stack", formatStack(stack[:runtime.Callers(2, stack)])))
	r.reports.warn("acquire waits while its scope holds a connection of the same pool", attrs...)
}

// holding gives the oldest hold of the scope in a pool.
func (s *scope) holding(r *recorder) (*connState, *acquire) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, h := range s.holds {
		if state := h.state.Value(); h.recorder == r && state != nil {
			return state, h.acquire
		}
	}
	return nil, nil
}

func (s *scope) add(r *recorder, a *acquire, state *connState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.holds = slices.DeleteFunc(s.holds, func(h scopeHold) bool { return h.state.Value() == nil })
	nested := slices.ContainsFunc(s.holds, func(h scopeHold) bool { return h.recorder == r })
	s.holds = append(s.holds, scopeHold{r, a, weak.Make(state), nested})
}

func (s *scope) remove(a *acquire) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.holds = slices.DeleteFunc(s.holds, func(h scopeHold) bool { return h.acquire == a })
}

// nested reports whether the hold began while the scope had another of the pool.
func (s *scope) nested(a *acquire) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.holds, func(h scopeHold) bool { return h.acquire == a && h.nested })
}
