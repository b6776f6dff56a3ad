package otelpool_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
)

// cleaner is a tracer that rolls back what a caller forgot, before pgxpool looks at the connection.
type cleaner struct{ noQueries }

func (cleaner) TraceRelease(_ *pgxpool.Pool, data pgxpool.TraceReleaseData) {
	if data.Conn.PgConn().TxStatus() != 'I' {
		_, _ = data.Conn.Exec(context.Background(), "ROLLBACK")
	}
}

// TestCleanedReleaseIsNoMisuse releases a connection in a transaction that the user's own tracer then rolls back.
func TestCleanedReleaseIsNoMisuse(t *testing.T) {
	t.Parallel()
	f := setup(t, 1, func(c *pgxpool.Config) { c.ConnConfig.Tracer = cleaner{} })
	releaseInTransaction(t, f.pool)
	acquire(t, f.pool).Release()
	m := f.collect(t)
	m.check(t, map[string]int64{"pgxpool.connections.opened": 1, "pgxpool.acquires{result=ok}": 2})
	if closed := closings(m); len(closed) > 0 {
		t.Errorf("closed: %v", closed)
	}
	uses, _ := m.holds()
	checkEqual(t, "uses", uses, 2)
}
