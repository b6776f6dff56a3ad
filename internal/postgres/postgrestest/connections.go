package postgrestest

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/internal/testutil"
)

// Connect returns a connection that is closed when the test ends.
func Connect(t testing.TB, connString string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), connString)
	testutil.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// execer is a connection, a pool or a transaction.
type execer interface {
	Exec(context.Context, string, ...any) (pgconn.CommandTag, error)
}

// Exec runs a statement.
func Exec(t testing.TB, on execer, sql string, args ...any) {
	t.Helper()
	ExecContext(t.Context(), t, on, sql, args...)
}

// ExecContext is Exec with a context.
func ExecContext(ctx context.Context, t testing.TB, on execer, sql string, args ...any) {
	t.Helper()
	_, err := on.Exec(ctx, sql, args...)
	testutil.NoError(t, err)
}

// ClosePool closes a pool, or fails after a minute: Close waits for all connections, which a failed test may still
// hold.
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

// Config returns the configuration of a pool on a database of its own, see [Database].
func Config(t testing.TB) *pgxpool.Config {
	t.Helper()
	config, err := pgxpool.ParseConfig(Database(t))
	testutil.NoError(t, err)
	return config
}

// Hold acquires n connections of a pool.
func Hold(t testing.TB, pool *pgxpool.Pool, n int) []*pgxpool.Conn {
	t.Helper()
	held := make([]*pgxpool.Conn, n)
	for i := range held {
		var err error
		held[i], err = pool.Acquire(context.Background())
		testutil.NoError(t, err)
	}
	return held
}

// Release releases connections.
func Release(held []*pgxpool.Conn) {
	for _, conn := range held {
		conn.Release()
	}
}

// AwaitRest waits until no connection of a pool is in use or being opened.
func AwaitRest(t testing.TB, pool *pgxpool.Pool) {
	t.Helper()
	testutil.Within(t, 3*time.Minute, "the pool is at rest", func() bool {
		stat := pool.Stat()
		return stat.AcquiredConns() == 0 && stat.ConstructingConns() == 0
	})
}
