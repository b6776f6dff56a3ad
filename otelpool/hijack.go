package otelpool

import (
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Hijack calls conn.Hijack and records that this connection was hijacked. It takes the connection out of the pool and
// returns it; the caller must close it. Like conn.Hijack, it panics if conn has been released or hijacked. The pool of
// conn need not be instrumented.
//
// pgx does not report a hijack to its tracers. After conn.Hijack, otelpool notices within a second that a connection is
// missing, and has to assume which one: one that listens for notifications, or the one acquired last. If several are
// possible, [Instrumentation.Held] lists all of them as MaybeHijacked until the others are released. A wrong assumption
// is corrected when the connection is released. With Hijack there is nothing to assume. The time of the hold is not
// recorded.
//
// pgxpool.connections.closed already counts a connection that was wrongly assumed to be hijacked, and a counter never
// falls. So it does not count the next hijack.
func Hijack(conn *pgxpool.Conn) *pgx.Conn {
	if pc := acquiredConn(conn); pc != nil {
		if c := knownConn(pc); c != nil && !c.foreign {
			c.state.Hijacked(c.Conn) // before Hijack, so that a comparison in between does not miss the connection
		}
	}
	return conn.Hijack()
}

// acquiredConn returns the connection of conn, nil if it was released or hijacked: pgx then panics, and conn.Hijack says
// why.
func acquiredConn(conn *pgxpool.Conn) (pc *pgx.Conn) {
	defer func() { _ = recover() }()
	return conn.Conn()
}
