package otelpool_test

import (
	"context"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/internal/testutil"
)

// failingNetwork is a network that can be dead: it does not deliver what is sent, and all connections stay open until it is
// closed. It can be cut: the connections then read the end of the stream.
type failingNetwork struct {
	dead, cut atomic.Bool
	mu        sync.Mutex
	closed    bool
	conns     []net.Conn
}

func (n *failingNetwork) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.conns = append(n.conns, conn); n.closed {
		_ = conn.Close()
	}
	return failingConn{conn, n}, nil
}

func (n *failingNetwork) close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.closed = true
	for _, conn := range n.conns {
		_ = conn.Close()
	}
}

type failingConn struct {
	net.Conn
	of *failingNetwork
}

func (c failingConn) Write(p []byte) (int, error) {
	if c.of.dead.Load() {
		return len(p), nil
	}
	return c.Conn.Write(p)
}

func (c failingConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.of.cut.Load() { // also if it was not cut yet when the read began
		return 0, io.EOF
	}
	return n, err
}

// TestClosingShowsConnsOfDeadNetwork has the network die under a pool of two. Their queries run into deadlines, and pgx
// takes seconds to close the connections.
func TestClosingShowsConnsOfDeadNetwork(t *testing.T) {
	t.Parallel()
	var network failingNetwork
	f := setup(t, 2, func(config *pgxpool.Config) { config.ConnConfig.DialFunc = network.dial })
	warm(t, f, 2)
	f.collect(t).check(t, map[string]int64{closing: 0, idle: 2})

	network.dead.Store(true)
	testutil.Eventually(t, "both connections are being closed", func() bool {
		// Where the machine is busy, the deadline may end before the query has a connection.
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		if _, err := f.pool.Exec(ctx, "SELECT 1"); err == nil {
			t.Error("a query succeeded on a dead network")
		}
		m := f.collect(t)
		return m[closing] == int64(2) && m[used] == int64(2)
	})
	if held := f.inst.Held(); len(held) > 0 {
		t.Errorf("held: %+v", held)
	}
	network.close()
	testutil.Eventually(t, "they are closed", func() bool { m := f.collect(t); return m[closing] == int64(0) && m[used] == int64(0) })
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
			var network failingNetwork
			f := setup(t, 1, func(config *pgxpool.Config) { config.ConnConfig.DialFunc = network.dial })
			conn := acquire(t, f.pool)
			defer conn.Release()
			call := tt.prepare(t.Context(), conn)
			network.cut.Store(true)
			if err := call(); err == nil {
				t.Fatal("no error")
			}
			checkEqual(t, "failures", f.collect(t).count(operationKey(tt.operation, "connection")), uint64(1))
		})
	}
}
