package resize

import (
	"context"
	"sync"
	"sync/atomic"
	"weak"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// poolCounts are the counts of one pool.
type poolCounts struct {
	pool    weak.Pointer[pgxpool.Pool]
	waiting atomic.Int64 // acquires that are under way

	mu   sync.Mutex
	idle int // connections that are idle, or on their way there
	held int // connections between the end of an acquire and the decision at their release
}

// connKey is the key of a connection's state in PgConn().CustomData().
const connKey = "otelpool.sizing"

// conn is the state of one connection. It belongs to the owner of the connection.
type conn struct {
	pool    *poolCounts      // nil until the connection was acquired once
	idle    bool             // it is counted as idle
	held    bool             // it is counted as held
	loose   bool             // it is counted as loose
	surplus bool             // it is closed because enough are idle
	busy    *pgconn.Pipeline // by which pgxpool closes it
}

// connOf returns the state of a connection. It creates one if there is none.
func connOf(pc *pgx.Conn) *conn {
	if c := knownConn(pc); c != nil {
		return c
	}
	c := new(conn)
	if data := pc.PgConn().CustomData(); data != nil {
		data[connKey] = c
	}
	return c
}

// knownConn returns the state of a connection, nil if it has none.
func knownConn(pc *pgx.Conn) *conn {
	c, _ := pc.PgConn().CustomData()[connKey].(*conn)
	return c
}

// loosen counts the connection as one that may become idle without a release. The pool of a new one is not known yet, so
// the count is that of all pools.
func (c *conn) loosen(loose *atomic.Int64) {
	if !c.loose {
		c.loose = true
		loose.Add(1)
	}
}

// tighten counts the connection as no longer loose.
func (c *conn) tighten(loose *atomic.Int64) {
	if c.loose {
		c.loose = false
		loose.Add(-1)
	}
}

// Surplus reports whether a connection is being closed because enough are idle.
func Surplus(pc *pgx.Conn) bool {
	c := knownConn(pc)
	return c != nil && c.surplus
}

// leaveIdle counts the connection as no longer idle.
func (c *conn) leaveIdle() {
	if c.idle {
		c.pool.mu.Lock()
		defer c.pool.mu.Unlock()
		c.idle = false
		c.pool.idle = max(0, c.pool.idle-1)
	}
}

// beHeld counts the connection as held.
func (c *conn) beHeld() {
	if !c.held {
		c.pool.mu.Lock()
		defer c.pool.mu.Unlock()
		c.held = true
		c.pool.held++
	}
}

// leaveHeld counts the connection as no longer held. The lock of the counts must be held.
func (c *conn) leaveHeld() {
	if c.held {
		c.held = false
		c.pool.held = max(0, c.pool.held-1)
	}
}

// leave counts the connection as neither idle nor held.
func (c *conn) leave() {
	if c.pool == nil {
		return
	}
	c.leaveIdle()
	c.pool.mu.Lock()
	defer c.pool.mu.Unlock()
	c.leaveHeld()
}

// release decides whether a connection that is being released is kept: it is if fewer than limit are idle. A connection
// that is becoming idle counts as idle, so that simultaneous releases do not keep too many. Without loose connections
// the count is exact, and the pool's own statistics need not be read.
func (c *conn) release(pool *pgxpool.Pool, limit int, loose bool) (kept bool) {
	p := c.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	c.leaveHeld()
	if !loose && !c.idle && p.idle < limit {
		c.idle = true
		p.idle++
		return true
	}
	stat := pool.Stat()
	p.dropHijacked(int(stat.IdleConns()), int(stat.AcquiredConns())-1)
	switch {
	case int(stat.IdleConns()) >= limit:
		// More are idle than counted: a connection that was dialed in the background, or for a caller that gave up,
		// becomes idle without a release.
	case c.idle: // from AcquireAllIdle
		return true
	case p.idle < limit || int(stat.TotalConns()) <= limit:
		c.idle = true
		p.idle++
		return true
	}
	c.surplus = true
	return false
}

// dropHijacked corrects the counts by the pool's own numbers of idle connections, and of taken ones besides the one
// being released. A hijacked connection is in neither, and no event reports the hijack. The lock of the counts must be
// held.
func (p *poolCounts) dropHijacked(idle, taken int) {
	p.held = min(p.held, taken)
	p.idle = min(p.idle, idle+taken-p.held)
}

// finish makes the connection busy, so that pgxpool closes it. Nothing is sent. It is the only way to close a
// connection at its release without an AfterRelease hook, which pgxpool calls on its own goroutine.
func (c *conn) finish(pc *pgx.Conn) { c.busy = pc.PgConn().StartPipeline(context.Background()) }

// unfinish ends what finish began, so that a BeforeClose hook may use the connection.
func (c *conn) unfinish() {
	if c.busy != nil {
		_ = c.busy.Close() // no request was sent, so nothing can fail
	}
}
