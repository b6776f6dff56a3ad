package otelpool_test

import (
	"context"
	"io"
	"net"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// cable is a network whose connections can be cut: they then read the end of the stream.
type cable struct{ cut atomic.Bool }

func (c *cable) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	return &cableConn{conn, c}, err
}

type cableConn struct {
	net.Conn
	of *cable
}

func (c *cableConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.of.cut.Load() { // also if it was not cut yet when the read began
		return 0, io.EOF
	}
	return n, err
}

func TestLostConnectionIsConnectionError(t *testing.T) {
	t.Parallel()
	query := func(sql string, args ...any) func(context.Context, *pgxpool.Conn) func() error {
		return func(ctx context.Context, conn *pgxpool.Conn) func() error {
			return func() error { _, err := conn.Exec(ctx, sql, args...); return err }
		}
	}
	for _, tt := range []struct {
		name, operation string
		prepare         func(context.Context, *pgxpool.Conn) (call func() error)
	}{
		{"Exec", "SELECT", query("SELECT 1")},
		{"Exec with arguments", "SELECT", query("SELECT $1::int", 1)},
		{"Exec by the simple protocol", "SELECT", query("SELECT 1", pgx.QueryExecModeSimpleProtocol)},
		{"Query", "SELECT", func(ctx context.Context, conn *pgxpool.Conn) func() error {
			return func() error { return conn.QueryRow(ctx, "SELECT 1").Scan(new(int)) }
		}},
		{"BEGIN", "BEGIN", func(ctx context.Context, conn *pgxpool.Conn) func() error {
			return func() error { _, err := conn.Begin(ctx); return err }
		}},
		{"COMMIT", "COMMIT", func(ctx context.Context, conn *pgxpool.Conn) func() error {
			tx, err := conn.Begin(ctx)
			return func() error {
				if err != nil {
					return err
				}
				return tx.Commit(ctx)
			}
		}},
		{"SendBatch", "SELECT", func(ctx context.Context, conn *pgxpool.Conn) func() error {
			return func() error { return conn.SendBatch(ctx, batchOf("SELECT 1")).Close() }
		}},
		{"CopyFrom", "COPY pg_class", func(ctx context.Context, conn *pgxpool.Conn) func() error {
			return func() error {
				_, err := conn.CopyFrom(ctx, pgx.Identifier{"pg_class"}, []string{"oid"}, pgx.CopyFromRows([][]any{{1}}))
				return err
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var c cable
			f := setup(t, 1, func(config *pgxpool.Config) { config.ConnConfig.DialFunc = c.dial })
			conn := acquire(t, f.pool)
			defer conn.Release()
			call := tt.prepare(t.Context(), conn)
			c.cut.Store(true)
			if err := call(); err == nil {
				t.Fatal("no error")
			}
			checkEqual(t, "failures", f.collect(t).count(operationKey(tt.operation, "connection")), uint64(1))
		})
	}
}
