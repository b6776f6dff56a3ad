package poolstate

import "context"

// Foreign returns the context of an acquire of a pool that is not tracked. No pool finds an acquire of its own in it.
func Foreign(ctx context.Context) context.Context { return &Acquire{Context: ctx} }

// IsForeign reports whether the innermost acquire of ctx is of a pool that is not tracked.
func IsForeign(ctx context.Context) bool {
	a := acquireFrom(ctx)
	return a != nil && a.acquires == nil
}

// Disown forgets a connection that another pool has turned out to have. It is not counted as opened any more.
func (p *Pool) Disown(c *Conn) {
	if c.pooled.Swap(false) {
		p.conns.opened.Add(-1)
	}
	p.conns.remove(c)
	p.conns.retire(c.counters)
}
