package otelpool

import (
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Hijack is conn.Hijack, and lets otelpool know which connection it is. It takes the connection out of the pool and returns
// it; the caller must close it. Like conn.Hijack it panics if conn has been released or hijacked. The pool of conn need not
// be instrumented.
//
// pgx reports no hijack. After conn.Hijack otelpool notices within a second that a connection is missing, and assumes that
// it is one that listens for notifications or was acquired last. Where several may be, [Instrumentation.Held] lists all of
// them as MaybeHijacked until the others are released, and one that the assumption was wrong about is held again from its
// release on. With Hijack there is nothing to assume. The time of the hold is not recorded.
//
// A connection that was assumed to be hijacked and was not has already been counted as pgxpool.connections.closed, which
// never falls. The next one that is hijacked then does not raise it.
func Hijack(conn *pgxpool.Conn) *pgx.Conn {
	if pc := acquiredConn(conn); pc != nil {
		if c := knownConn(pc); c != nil && !c.foreign {
			c.state.Hijacked(c.Conn) // before, so that the connection is not missed in between
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
