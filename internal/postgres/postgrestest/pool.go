package postgrestest

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// ClosePool closes a pool within a minute. Close waits for all connections, which a failed test may still hold.
func ClosePool(t testing.TB, pool *pgxpool.Pool) {
	t.Helper()
	closed := make(chan struct{})
	go func() { pool.Close(); close(closed) }()
	select {
	case <-closed:
	case <-time.After(time.Minute):
		t.Errorf("the pool does not close: %d connections are not released", pool.Stat().AcquiredConns())
	}
}
