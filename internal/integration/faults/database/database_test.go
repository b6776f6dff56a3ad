// Package database_test breaks the database under a load on two pools, one of them with otelpool, and compares the
// pools.
package database_test

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/otelpool/otelpool-go/internal/integration/faults/pgbouncer"
	"github.com/otelpool/otelpool-go/internal/integration/faults/rig"
	"github.com/otelpool/otelpool-go/internal/postgres"
	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

var figures = rig.NewTable("database", "fault", "out of service", "bare pool: first, last caller served again", "otelpool: first, last",
	"calls, failed", "connections opened, refused", "failures by class")

// TestPoolsRecoverFromDatabaseFaults breaks the database in several ways. Its subtests run in sequence, because each
// compares times.
func TestPoolsRecoverFromDatabaseFaults(t *testing.T) {
	figures.Publish(t)
	for _, tt := range []struct {
		name  string
		fault func(*testing.T)
	}{
		{"stopped and started", stoppedAndStarted},
		{"killed", killed},
		{"restarted in transactions", restartedInTransactions},
		{"connections reset", connectionsReset},
		{"black hole", blackHole},
		{"200 ms slower", slow},
		{"max_connections reached", full},
		{"password changed", passwordChanged},
		{"failover to a second server", failover},
		{"server behind PgBouncer restarts", behindPgBouncer},
		{"PgBouncer killed", pgBouncerKilled},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rig.NoLeak(t)
			tt.fault(t)
		})
	}
}

// unavailable lists the classes of failures while a server ends, is down, or is starting.
var unavailable = []string{"57P01", "57P02", "57P03", "connection", "connect connect", "connect refused", "connect 57P03", "timeout", "connect timeout", "connect connection"}

func stoppedAndStarted(t *testing.T) {
	s := database(t)
	p := begin(t, parse(t, s.ConnString()))
	p.faultBegins()
	testutil.NoError(t, s.Restart(t.Context()))
	p.faultEnds(t)
	only(t, p.end(t), 1, unavailable...)
}

func killed(t *testing.T) {
	s := database(t)
	p := begin(t, parse(t, s.ConnString()))
	p.faultBegins()
	testutil.NoError(t, s.Crash())
	p.fails(t, 20, "connect refused")
	testutil.NoError(t, s.Restart(t.Context()))
	p.faultEnds(t)
	only(t, p.end(t), 1, append([]string{"connect refused"}, unavailable...)...)
}

// restartedInTransactions restarts the server while every connection is in a transaction nearly all the time.
func restartedInTransactions(t *testing.T) {
	s := database(t)
	p := begin(t, parse(t, s.ConnString()), rig.Slow)
	p.faultBegins()
	testutil.NoError(t, s.Restart(t.Context()))
	p.faultEnds(t)
	only(t, p.end(t), 1, unavailable...)
}

func proxied(t *testing.T) (*rig.Proxy, *pair) {
	t.Helper()
	s := database(t)
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port()))
	proxy := rig.NewProxy(t, address)
	return proxy, begin(t, parse(t, strings.Replace(s.ConnString(), address, proxy.Addr(), 1)))
}

func connectionsReset(t *testing.T) {
	proxy, p := proxied(t)
	p.faultBegins()
	proxy.Inject(t, "reset_peer", map[string]any{"timeout": 0})
	p.fails(t, 20, "connection", "connect connect")
	proxy.Remove(t)
	p.faultEnds(t)
	only(t, p.end(t), 1, "connection", "connect connect")
}

// blackHole drops all of the server's answers and keeps the connections open. Callers see only their deadlines.
func blackHole(t *testing.T) {
	proxy, p := proxied(t)
	p.faultBegins()
	proxy.Inject(t, "timeout", map[string]any{"timeout": 0})
	p.fails(t, 20, "timeout", "connect timeout")
	proxy.Remove(t)
	p.faultEnds(t)
	classes := p.end(t)
	only(t, classes, 1, "timeout", "connect timeout", "connect connect", "connection")
	if n := p.otel.Counts.Acquires()["timeout"]; n == 0 {
		t.Error("no acquire ran into its deadline, though all connections were stuck")
	}
}

// slow delays the server's answers, which is not a failure. Calls take longer, so callers wait longer, and some time
// out.
func slow(t *testing.T) {
	proxy, p := proxied(t)
	p.faultBegins()
	proxy.Inject(t, "latency", map[string]any{"latency": 200})
	for _, s := range p.sides {
		before := s.Counts.Acquires()["timeout"]
		rig.Eventually(t, s.Name+": callers wait for too long", func() bool { return s.Counts.Acquires()["timeout"] >= before+20 })
	}
	proxy.Remove(t)
	p.faultEnds(t)
	only(t, p.end(t), 0, "timeout", "connect timeout", "connection")
}

// full takes every connection of the server, including those of the pools.
func full(t *testing.T) {
	const most = 2*conns + 8
	s := database(t, postgres.WithMaxConnections(most), postgres.WithSetting("superuser_reserved_connections", "2"))
	admin(t, s.ConnString(), "CREATE ROLE app LOGIN PASSWORD 'app'; GRANT ALL ON ALL TABLES IN SCHEMA public TO app")
	config := parse(t, s.ConnString())
	config.ConnConfig.User, config.ConnConfig.Password = "app", "app"
	p := begin(t, config)
	control, err := pgx.Connect(t.Context(), s.ConnString())
	testutil.NoError(t, err)
	p.faultBegins()
	var others []*pgx.Conn
	rig.Eventually(t, "the server is full of others", func() bool {
		postgrestest.Exec(t, control, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'")
		others = append(others, connectAll(t, s.ConnString(), most-1-len(others))...)
		return len(others) == most-1
	})
	p.fails(t, 20, "connect 53300")
	for _, conn := range append(others, control) {
		testutil.Check(t, conn.Close(context.Background()))
	}
	p.faultEnds(t)
	only(t, p.end(t), 2, "connect 53300", "57P01", "connection", "timeout", "connect timeout", "connect connection")
}

// connectAll opens up to n connections concurrently, as many as the server accepts.
func connectAll(t *testing.T, connString string, n int) (conns []*pgx.Conn) {
	t.Helper()
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			conn, err := pgx.Connect(context.Background(), connString)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				conns = append(conns, conn)
			} else if rig.Class(err) != "53300" {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	return conns
}

// passwordChanged changes the password in the database, and a moment later in the service's configuration.
func passwordChanged(t *testing.T) {
	s := database(t)
	admin(t, s.ConnString(), "CREATE ROLE app LOGIN PASSWORD 'old'; GRANT ALL ON ALL TABLES IN SCHEMA public TO app")
	config := parse(t, s.ConnString())
	config.ConnConfig.User = "app"
	var password atomic.Value
	password.Store("old")
	config.BeforeConnect = func(_ context.Context, c *pgx.ConnConfig) error {
		c.Password = password.Load().(string)
		return nil
	}
	p := begin(t, config)
	p.faultBegins()
	admin(t, s.ConnString(), "ALTER ROLE app PASSWORD 'new'; SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'")
	p.fails(t, 20, "connect 28P01")
	password.Store("new")
	p.faultEnds(t)
	only(t, p.end(t), 2, "connect 28P01", "57P01", "connection", "timeout")
}

// failover makes one server read-only and promotes a second. Clients find the writable one by a connection string
// that names both.
func failover(t *testing.T) {
	first := database(t)
	second := database(t)
	const readOnly = "ALTER SYSTEM SET default_transaction_read_only = %s; SELECT pg_reload_conf()"
	both := shared(t, first, second)
	demote := func(s *postgres.Server) { alter(t, s, fmt.Sprintf(readOnly, "on")) }
	promote := func(s *postgres.Server) { alter(t, s, fmt.Sprintf(readOnly, "off")) }
	demote(second)
	p := begin(t, parse(t, both), rig.Transaction, rig.Select)
	p.faultBegins()
	demote(first)
	p.fails(t, 20, "25006")
	promote(second)
	admin(t, first.ConnString(), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'")
	p.faultEnds(t)
	p.rest(t)
	for _, s := range p.sides {
		for _, port := range portsOf(t, s) {
			if port != second.Port() {
				t.Errorf("%s is connected to port %d, want that of the second server, %d", s.Name, port, second.Port())
			}
		}
	}
	only(t, p.end(t), 1, "25006", "57P01", "connection", "connect connect", "connect refused", "connect connection", "timeout", "connect timeout")
}

// portsOf returns the ports that a pool at rest is connected to. It bypasses the callers' counts.
func portsOf(t *testing.T, s *rig.Side) (ports []int) {
	t.Helper()
	for _, c := range s.Pool.AcquireAllIdle(t.Context()) {
		ports = append(ports, c.Conn().PgConn().Conn().RemoteAddr().(*net.TCPAddr).Port)
		c.Release()
	}
	if len(ports) == 0 {
		t.Errorf("%s: no connection is idle", s.Name)
	}
	s.AwaitRest(t)
	return ports
}

// shared creates a user with the same password on both servers, and returns the connection string that names both.
func shared(t *testing.T, servers ...*postgres.Server) string {
	t.Helper()
	var hosts []string
	for _, s := range servers {
		admin(t, s.ConnString(), "CREATE ROLE app LOGIN PASSWORD 'app'; GRANT ALL ON ALL TABLES IN SCHEMA public TO app")
		hosts = append(hosts, net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port())))
	}
	return "postgres://app:app@" + strings.Join(hosts, ",") + "/postgres?sslmode=disable&target_session_attrs=read-write"
}

// alter runs statements that cannot run in one transaction, and that a read-only server accepts.
func alter(t *testing.T, s *postgres.Server, statements string) {
	t.Helper()
	for statement := range strings.SplitSeq(statements, "; ") {
		admin(t, s.ConnString(), statement)
	}
}

// withPgBouncer starts a server with a PgBouncer in front, in transaction mode, with fewer connections than the pools
// have.
func withPgBouncer(t *testing.T) (*postgres.Server, *pgbouncer.Server, *pair) {
	t.Helper()
	s := database(t)
	b := bouncer(t, s, conns)
	return s, b, begin(t, parse(t, b.ConnString()))
}

func bouncer(t *testing.T, s *postgres.Server, size int) *pgbouncer.Server {
	t.Helper()
	b, err := pgbouncer.Start(t.Context(), s.ConnString(), size)
	testutil.NoError(t, err)
	t.Cleanup(func() { testutil.Check(t, b.Stop()) })
	return b
}

func behindPgBouncer(t *testing.T) {
	s, _, p := withPgBouncer(t)
	p.faultBegins()
	testutil.NoError(t, s.Crash())
	p.fails(t, 10, "08P01", "connection", "connect 08P01")
	testutil.NoError(t, s.Restart(t.Context()))
	p.faultEnds(t)
	only(t, p.end(t), 0, append(unavailable, "08P01", "connect 08P01", "58000", "connect 58000")...)
}

func pgBouncerKilled(t *testing.T) {
	_, b, p := withPgBouncer(t)
	p.faultBegins()
	testutil.NoError(t, b.Kill())
	p.fails(t, 20, "connect refused")
	testutil.NoError(t, b.Restart(t.Context()))
	p.faultEnds(t)
	only(t, p.end(t), 2, "connect refused", "connection", "connect connect", "08P01", "connect connection", "timeout", "connect timeout")
}
