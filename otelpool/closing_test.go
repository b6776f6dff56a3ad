package otelpool_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/internal/testutil"
)

// deadNetwork is a proxy in front of a server that can stop forwarding, while all connections stay open.
type deadNetwork struct {
	listener net.Listener
	dead     atomic.Bool
	mu       sync.Mutex
	conns    []net.Conn
}

func newDeadNetwork(t *testing.T, server string) *deadNetwork {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &deadNetwork{listener: listener}
	t.Cleanup(n.close)
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			upstream, err := net.Dial("tcp", server)
			if err != nil {
				_ = client.Close()
				continue
			}
			n.mu.Lock()
			n.conns = append(n.conns, client, upstream)
			n.mu.Unlock()
			go n.forward(client, upstream)
			go n.forward(upstream, client)
		}
	}()
	return n
}

// forward copies while the network is alive, and then reads what comes without passing it on.
func (n *deadNetwork) forward(to, from net.Conn) {
	_, _ = io.Copy(writerFunc(func(p []byte) (int, error) {
		if n.dead.Load() {
			return len(p), nil
		}
		return to.Write(p)
	}), from)
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// close ends all connections.
func (n *deadNetwork) close() {
	_ = n.listener.Close()
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, c := range n.conns {
		_ = c.Close()
	}
}

// TestClosingShowsConnsOfDeadNetwork has the network die under a pool of two. Their queries run into deadlines, and pgx
// takes seconds to close the connections.
func TestClosingShowsConnsOfDeadNetwork(t *testing.T) {
	t.Parallel()
	var network *deadNetwork
	f := setup(t, 2, func(config *pgxpool.Config) {
		cc := config.ConnConfig
		network = newDeadNetwork(t, net.JoinHostPort(cc.Host, fmt.Sprint(cc.Port)))
		addr := network.listener.Addr().(*net.TCPAddr)
		cc.Host, cc.Port, cc.Fallbacks = addr.IP.String(), uint16(addr.Port), nil
	})
	first, second := acquire(t, f.pool), acquire(t, f.pool)
	first.Release()
	second.Release()
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
