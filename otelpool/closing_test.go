package otelpool_test

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/internal/testutil"
)

// deadNetwork is a network that can stop to deliver what is sent, while all connections stay open until it is closed.
type deadNetwork struct {
	mu           sync.Mutex
	dead, closed bool
	conns        []net.Conn
}

func (n *deadNetwork) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.conns = append(n.conns, conn); n.closed {
		_ = conn.Close()
	}
	return deadConn{conn, n}, nil
}

func (n *deadNetwork) die() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.dead = true
}

func (n *deadNetwork) close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.closed = true
	for _, conn := range n.conns {
		_ = conn.Close()
	}
}

type deadConn struct {
	net.Conn
	of *deadNetwork
}

func (c deadConn) Write(p []byte) (int, error) {
	c.of.mu.Lock()
	defer c.of.mu.Unlock()
	if c.of.dead {
		return len(p), nil
	}
	return c.Conn.Write(p)
}

// TestClosingShowsConnsOfDeadNetwork has the network die under a pool of two. Their queries run into deadlines, and pgx
// takes seconds to close the connections.
func TestClosingShowsConnsOfDeadNetwork(t *testing.T) {
	t.Parallel()
	var network deadNetwork
	f := setup(t, 2, func(config *pgxpool.Config) { config.ConnConfig.DialFunc = network.dial })
	warm(t, f, 2)
	f.collect(t).check(t, map[string]int64{closing: 0, idle: 2})

	network.die()
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
