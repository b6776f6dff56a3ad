package poolstate

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"weak"
)

// scopesUsed is set by the first WithScope. Without scopes an acquire does not look for one.
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

// WithScope returns a context with a new scope. If name is empty, the scope has the name of the scope around it.
func WithScope(ctx context.Context, name string) context.Context {
	scopesUsed.Store(true)
	if around := scopeFrom(ctx); name == "" && around != nil {
		name = around.name
	}
	return &scopeContext{Context: ctx, scope: &scope{name: name}}
}

func scopeFrom(ctx context.Context) *scope {
	if c, ok := ctx.Value(scopeKey{}).(*scopeContext); ok {
		return c.scope
	}
	return nil
}

// scope has the connections that one unit of work holds.
type scope struct {
	name string

	mu    sync.Mutex
	holds []scopeHold
	units []scopeUnit // that have held a connection; as few as the names of a pool
}

type scopeHold struct {
	acquire *Acquire
	conn    weak.Pointer[Conn] // weak: a hijacked connection ends without an event
	by      uintptr            // the goroutine that acquired it
	nested  bool
}

// blocks reports whether the hold is of that pool and was acquired by that goroutine, so it cannot end while the
// goroutine waits.
func (h scopeHold) blocks(pool *acquires, goroutine uintptr) bool {
	return h.acquire.acquires == pool && h.by == goroutine
}

// oldest returns the oldest hold of a goroutine in a pool, nil if it has none.
func (s *scope) oldest(pool *acquires, goroutine uintptr) (*Acquire, *Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, h := range s.holds {
		if c := h.conn.Value(); c != nil && h.blocks(pool, goroutine) {
			return h.acquire, c
		}
	}
	return nil, nil
}

func (s *scope) add(a *Acquire, c *Conn, goroutine uintptr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.holds = slices.DeleteFunc(s.holds, func(h scopeHold) bool { return h.conn.Value() == nil })
	nested := slices.ContainsFunc(s.holds, func(h scopeHold) bool { return h.blocks(a.acquires, goroutine) })
	s.holds = append(s.holds, scopeHold{a, weak.Make(c), goroutine, nested})
}

func (s *scope) remove(a *Acquire) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.holds = slices.DeleteFunc(s.holds, func(h scopeHold) bool { return h.acquire == a })
}

// nested reports whether the goroutine had another hold of the same pool when this one began.
func (s *scope) nested(a *Acquire) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.holds, func(h scopeHold) bool { return h.acquire == a && h.nested })
}
