package otelpool_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

func TestClosedConnsAreCountedByReason(t *testing.T) {
	t.Parallel()
	f := setup(t, 4, func(c *pgxpool.Config) {
		c.MaxConnIdleTime = 50 * time.Millisecond
		c.HealthCheckPeriod = 20 * time.Millisecond
	})
	f.exec(t, t.Context(), "SELECT 1")
	testutil.Eventually(t, "the idle connection is closed", func() bool {
		return f.collect(t).value(t, "pgxpool.connections.closed{reason=idle}") == 1
	})
	conn := acquire(t, f.pool)
	f.pool.Reset()
	conn.Release()
	testutil.Eventually(t, "the connection that was reset is closed", func() bool {
		return f.collect(t).value(t, "pgxpool.connections.closed{reason=other}") == 1
	})
	f.collect(t).check(t, map[string]int64{"pgxpool.connections.opened": 2})
}

func TestConnectErrorsAreCountedByType(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change func(*pgxpool.Config)
		want   string
	}{
		"wrong password": {func(c *pgxpool.Config) {
			// The server of DATABASE_URL may trust everybody, so this needs one that asks for passwords.
			c.ConnConfig.Config = parse(t, postgrestest.Server(t).ConnString()).ConnConfig.Config
			c.ConnConfig.Password = "wrong"
		}, "28P01"},
		"no such database": {func(c *pgxpool.Config) { c.ConnConfig.Database = "nowhere" }, "3D000"},
		"refused": {func(c *pgxpool.Config) {
			c.ConnConfig.Host, c.ConnConfig.Port, c.ConnConfig.Fallbacks = "127.0.0.1", 1, nil
		}, "refused"},
		"no such socket": {func(c *pgxpool.Config) {
			c.ConnConfig.Host, c.ConnConfig.Fallbacks = t.TempDir(), nil
		}, "refused"},
		"name not known": {func(c *pgxpool.Config) {
			c.ConnConfig.Host, c.ConnConfig.Fallbacks = "db.invalid", nil
			c.ConnConfig.LookupFunc = func(ctx context.Context, host string) ([]string, error) {
				return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
			}
		}, "dns"},
		"server without TLS": {func(c *pgxpool.Config) {
			c.ConnConfig.TLSConfig, c.ConnConfig.Fallbacks = &tls.Config{InsecureSkipVerify: true}, nil
		}, "tls"},
		"time-out": {func(c *pgxpool.Config) { c.ConnConfig.ConnectTimeout = time.Nanosecond }, "timeout"},
		"BeforeConnect": {func(c *pgxpool.Config) {
			c.BeforeConnect = func(context.Context, *pgx.ConnConfig) error { return errNotToday }
		}, "_OTHER"},
		"AfterConnect": {func(c *pgxpool.Config) {
			c.AfterConnect = func(context.Context, *pgx.Conn) error { return errNotToday }
		}, "_OTHER"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := setup(t, 1, tt.change)
			if conn, err := f.pool.Acquire(t.Context()); err == nil {
				conn.Release()
				t.Fatal("connected")
			}
			m := f.collect(t)
			key := "pgxpool.connections.errors{error.type=" + tt.want + "}"
			if keys := m.keys("pgxpool.connections.errors"); !slices.Equal(keys, []string{key}) {
				t.Errorf("counted %q, want %q", keys, key)
			}
			m.check(t, map[string]int64{key: 1, "pgxpool.acquires{result=error}": 1, "pgxpool.connections.opened": 0})
		})
	}
}

func TestTerminatedConnFailsOperations(t *testing.T) {
	t.Parallel()
	f := setup(t, 1, nil)
	conn := acquire(t, f.pool)
	defer conn.Release()
	_, err := conn.Exec(t.Context(), "SELECT pg_terminate_backend(pg_backend_pid())")
	if err == nil {
		t.Fatal("the connection survived")
	}
	_, _ = conn.Exec(t.Context(), "SELECT 1")
	m := f.collect(t)
	for _, key := range []string{
		operationKey("SELECT pg_terminate_backend", "57P01"), // the reason that the server gives
		operationKey("SELECT", "connection"),
	} {
		if m.count(key) != 1 {
			t.Errorf("no %s among %s", key, strings.Join(m.keys("db.client.operation"), "\n"))
		}
	}
}

// TestClosingConnKeepsItsCustomData looks at the custom data of connections that the pool closes. The caller that
// released one may read them at the same time (docs/pgx-facts.md), so BeforeClose must not write to them.
func TestClosingConnKeepsItsCustomData(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*pgxpool.Config){
		"instrumented": func(*pgxpool.Config) {},
		"sized": func(c *pgxpool.Config) {
			if err := (otelpool.Sizing{PoolSize: 1, MaxOverflow: 1}).Apply(c); err != nil {
				t.Fatal(err)
			}
		},
	} {
		for _, unknown := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, unknown until closed: %v", name, unknown), func(t *testing.T) {
				t.Parallel()
				config := parse(t, database(t))
				change(config)
				tel := newTelemetry(t)
				inst, err := otelpool.Instrument(config, otelpool.WithMeterProvider(tel.provider))
				if err != nil {
					t.Fatal(err)
				}
				if unknown {
					config.AfterConnect = nil
				}
				closed := make(chan []string, 1)
				inner := config.BeforeClose
				config.BeforeClose = func(conn *pgx.Conn) {
					data := conn.PgConn().CustomData()
					before := slices.Sorted(maps.Keys(data))
					inner(conn)
					after := slices.Sorted(maps.Keys(data))
					if !slices.Equal(before, after) {
						t.Errorf("its data had the keys %q, and now %q", before, after)
					}
					closed <- after
				}
				pool, err := pgxpool.NewWithConfig(t.Context(), config)
				if err != nil {
					t.Fatal(err)
				}
				defer closePool(t, pool)
				if err := inst.Register(pool); err != nil {
					t.Fatal(err)
				}
				acquire(t, pool).Release()
				pool.Reset()
				<-closed
				testutil.Eventually(t, "it is counted", func() bool { return tel.collect(t).value(t, "pgxpool.connections.closed{reason=other}") == 1 })
			})
		}
	}
}
