package scenarios

import (
	"io"
	"net"
	"testing"
	"time"
)

// echo starts a server that returns what it receives, and a proxy in front of it.
func echo(t *testing.T) *Proxy {
	t.Helper()
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			conn, err := server.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(conn, conn); conn.Close() }()
		}
	}()
	p, err := newProxy(server.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.stop(); server.Close() })
	return p
}

func dial(t *testing.T, p *Proxy) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", p.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// roundTrip returns how long an echo takes.
func roundTrip(t *testing.T, conn net.Conn) time.Duration {
	t.Helper()
	began := time.Now()
	_, err := conn.Write([]byte("ping"))
	if err == nil {
		_, err = io.ReadFull(conn, make([]byte, 4))
	}
	if err != nil {
		t.Fatal(err)
	}
	return time.Since(began)
}

func TestProxyDelaysEachWay(t *testing.T) {
	t.Parallel()
	p := echo(t)
	conn := dial(t, p)
	roundTrip(t, conn)
	p.latency.Store(int64(30 * time.Millisecond))
	if took := roundTrip(t, conn); took < 60*time.Millisecond {
		t.Errorf("a round trip took %v", took)
	}
}

func TestProxyLosesWhatExists(t *testing.T) {
	t.Parallel()
	p := echo(t)
	old := dial(t, p)
	roundTrip(t, old)
	p.lose()
	roundTrip(t, dial(t, p))
	if _, err := old.Write([]byte("ping")); err != nil {
		t.Error(err)
	}
	_ = old.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	if n, err := old.Read(make([]byte, 4)); err == nil {
		t.Errorf("%d bytes of a lost connection", n)
	}
}

func TestProxyRefusesAndComesBack(t *testing.T) {
	t.Parallel()
	p := echo(t)
	old := dial(t, p)
	roundTrip(t, old)
	p.away()
	_ = old.SetReadDeadline(time.Now().Add(time.Minute))
	if _, err := old.Read(make([]byte, 4)); err == nil {
		t.Error("a connection outlives its server")
	}
	if _, err := net.Dial("tcp", p.addr); err == nil {
		t.Error("a connection to nobody")
	}
	if err := p.listen(); err != nil {
		t.Fatal(err)
	}
	roundTrip(t, dial(t, p))
}
