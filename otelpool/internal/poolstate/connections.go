package poolstate

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"weak"
)

// CloseReason is why a pool closes a connection.
type CloseReason uint8

// The reasons for closing a connection. A release names one of the first four, or KeptOpen.
const (
	CloseInTransaction CloseReason = iota // released with an open transaction
	CloseBusy                             // released with a call that had not ended
	CloseBroken                           // already closed when it was released
	CloseCanceled                         // closed because its caller gave up an operation or a ping
	ClosePing                             // it did not answer a ping
	CloseOverflow                         // as many as the pool keeps were idle
	CloseLifetime                         // it was too old
	CloseIdle                             // it was idle for too long
	CloseHijacked                         // not closed by the pool: it was taken out of it
	CloseOther
	CloseReasonCount

	KeptOpen = CloseReasonCount // released, and not closed for one of these reasons
)

// connections has the connections of a pool, and counts those opened and closed. It is safe for concurrent use.
type connections struct {
	opened   atomic.Int64
	closed   atomic.Int64
	hijacked atomic.Int64                    // connections whose hold ended by a hijack
	reasons  [CloseOverflow + 1]atomic.Int64 // closed for a reason that was known at the release
	other    atomic.Int64                    // the largest number of CloseOther that a reconciliation saw

	mu      sync.Mutex
	list    []listed
	retired connTotals // of connections that have ended
}

// listed is a connection, or only the counters of one that was removed or is garbage.
type listed struct {
	conn     weak.Pointer[Conn] // weak: a hijacked connection ends without an event
	counters *connCounters
}

// connTotals is a sum of connCounters.
type connTotals struct {
	acquired int64
	queued   time.Duration
}

func (t *connTotals) add(c *connCounters) {
	t.acquired += c.acquired.Load()
	t.queued += time.Duration(c.queued.Load())
}

// add adds a connection.
func (c *connections) add(conn *Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = append(c.list, listed{weak.Make(conn), conn.counters})
}

// remove removes a connection that the pool no longer has. Its counters stay until retire.
func (c *connections) remove(conn *Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if at := c.index(conn.counters); at >= 0 {
		c.list[at].conn = weak.Pointer[Conn]{}
	}
}

// retire adds the counters of a connection that ends to the sum of the ended ones, and removes it.
func (c *connections) retire(of *connCounters) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if at := c.index(of); at >= 0 {
		c.retired.add(of)
		c.list = slices.Delete(c.list, at, at+1)
	}
}

// index returns the place of a connection in the list, -1 if it was retired. The caller must hold the lock.
func (c *connections) index(of *connCounters) int {
	return slices.IndexFunc(c.list, func(l listed) bool { return l.counters == of })
}

// held returns the holds whose connection is not garbage. garbage is the number of other holds: their connection was
// hijacked, and its clean-up has not run. fresh is the number of connections that were never acquired.
func (c *connections) held() (held []Hold, garbage, fresh int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	held = make([]Hold, 0, len(c.list))
	for _, l := range c.list {
		conn := l.conn.Value()
		if conn == nil {
			if l.counters.since.Load() != 0 {
				garbage++
			}
			continue
		}
		if a := conn.held.Load(); a != nil {
			held = append(held, Hold{Acquire: a, Conn: conn, Since: conn.since()})
		}
		if conn.pooled.Load() && l.counters.acquired.Load() == 0 {
			fresh++
		}
	}
	return held, garbage, fresh
}

// stillHeld returns the holds that have not ended, oldest first. A connection held before and after the pool's
// statistics were read counts in them as acquired, unless it was hijacked.
func stillHeld(held []Hold) []Hold {
	held = slices.DeleteFunc(held, func(h Hold) bool { return h.Conn.held.Load() != h.Acquire })
	slices.SortFunc(held, func(a, b Hold) int { return cmp.Compare(a.Since, b.Since) })
	return held
}

// totals returns the sum of the counters of all connections, ended ones included.
func (c *connections) totals() connTotals {
	c.mu.Lock()
	defer c.mu.Unlock()
	sum := c.retired
	for _, l := range c.list {
		sum.add(l.counters)
	}
	return sum
}

// closedByReason returns how many of the closed connections were closed for each reason. CloseOther is the rest. The
// counters are not read at one moment, so it is the largest rest that was ever seen.
func (c *connections) closedByReason(closed int64, stat Stat) (by [CloseReasonCount]int64) {
	for i := range c.reasons {
		by[i] = c.reasons[i].Load()
	}
	by[CloseLifetime] = stat.LifetimeDestroyed
	by[CloseIdle] = stat.IdleDestroyed
	rest := closed
	for _, n := range by {
		rest -= n
	}
	by[CloseOther] = max(rest, c.other.Load())
	return by
}

// noteOther keeps the largest number of CloseOther.
func (c *connections) noteOther(n int64) {
	for old := c.other.Load(); old < n && !c.other.CompareAndSwap(old, n); old = c.other.Load() {
	}
}
