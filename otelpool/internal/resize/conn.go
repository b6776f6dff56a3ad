package resize

import (
	"sync/atomic"
	"weak"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// poolCounts are the counts of one pool.
type poolCounts struct {
	pool    weak.Pointer[pgxpool.Pool]
	idle    atomic.Int64 // connections that are idle, or on their way there
	waiting atomic.Int64 // acquires that are under way
}

// connKey is the key of a connection's state in PgConn().CustomData().
const connKey = "otelpool.sizing"

// conn is the state of one connection. It belongs to whoever owns the connection.
type conn struct {
	pool    *poolCounts // nil until the connection was acquired once
	idle    bool        // it is counted as idle
	surplus bool        // it is closed because enough are idle
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

// Surplus reports whether a connection is being closed because as many as the pool size are idle.
func Surplus(pc *pgx.Conn) bool {
	c := knownConn(pc)
	return c != nil && c.surplus
}

// leaveIdle counts the connection as no longer idle.
func (c *conn) leaveIdle() {
	if c.idle {
		c.idle = false
		c.pool.idle.Add(-1)
	}
}

// becomeIdle counts the connection as idle unless as many as limit are, and reports whether it did.
func (c *conn) becomeIdle(limit int64) bool {
	for {
		idle := c.pool.idle.Load()
		if idle >= limit {
			c.surplus = true
			return false
		}
		if c.pool.idle.CompareAndSwap(idle, idle+1) {
			c.idle = true
			return true
		}
	}
}
