package diagnose_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
	"github.com/otelpool/otelpool-go/otelpool/diagnose"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

// fixture is an instrumented pool on a database of its own, with a table of two rows.
type fixture struct {
	pool *pgxpool.Pool
	inst *otelpool.Instrumentation
}

func setup(t *testing.T, connString string, maxConns int32, change ...func(*pgx.ConnConfig)) fixture {
	t.Helper()
	config, err := pgxpool.ParseConfig(connString)
	testutil.NoError(t, err)
	config.MaxConns = maxConns
	for _, f := range change {
		f(config.ConnConfig)
	}
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader()))
	pool, inst, err := otelpool.NewWithConfig(t.Context(), config, otelpool.WithMeterProvider(provider))
	testutil.NoError(t, err)
	t.Cleanup(func() {
		pool.Close()
		testutil.NoError(t, inst.Unregister())
	})
	postgrestest.Exec(t, pool, "CREATE TABLE IF NOT EXISTS stock AS SELECT id, 1 AS n FROM generate_series(1, 2) id")
	return fixture{pool, inst}
}

// ask returns what the server says.
func (f fixture) ask(t *testing.T, opts ...diagnose.ServerOption) *diagnose.ServerState {
	t.Helper()
	return ask(t, f.pool.Config().ConnConfig, f.inst.Report(), opts...)
}

// ask calls Server, again if a busy machine does not answer within Server's time.
func ask(t *testing.T, config *pgx.ConnConfig, report diagnose.Report, opts ...diagnose.ServerOption) *diagnose.ServerState {
	t.Helper()
	for begun := time.Now(); ; {
		r, err := diagnose.Server(t.Context(), config, report, opts...)
		if err == nil {
			return r.Server
		}
		if !strings.Contains(err.Error(), "no answer within") || time.Since(begun) > time.Minute {
			t.Error(err)
			return &diagnose.ServerState{}
		}
	}
}

// lock begins a transaction of a unit of work that locks a row.
func (f fixture) lock(t *testing.T, operation string, row int) {
	t.Helper()
	tx, err := f.pool.Begin(otelpool.WithOperation(t.Context(), operation))
	testutil.NoError(t, err)
	t.Cleanup(func() { _ = tx.Rollback(context.Background()) })
	postgrestest.Exec(t, tx, update(row))
}

// wait makes a unit of work wait for the lock of a row.
func (f fixture) wait(t *testing.T, operation string, row int) {
	t.Helper()
	ctx, cancel := context.WithCancel(otelpool.WithOperation(context.Background(), operation))
	aside(t, func() { _, _ = f.pool.Exec(ctx, update(row)) }, cancel)
}

// aside makes a call in the background. At the end of the test it calls end and waits for the call.
func aside(t *testing.T, call, end func()) {
	done := make(chan struct{})
	go func() { defer close(done); call() }()
	t.Cleanup(func() { end(); <-done })
}

func update(row int) string { return fmt.Sprintf("UPDATE stock SET n = n + 1 WHERE id = %d", row) }

// connect connects another program.
func connect(t *testing.T, connString, application string, change ...func(*pgx.ConnConfig)) *pgx.Conn {
	t.Helper()
	config := parse(t, connString)
	config.RuntimeParams["application_name"] = application
	for _, f := range change {
		f(config)
	}
	conn, err := pgx.ConnectConfig(t.Context(), config)
	testutil.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// locking connects another program, which locks row 1 in a transaction.
func locking(t *testing.T, connString, application string) *pgx.Conn {
	t.Helper()
	conn := connect(t, connString, application)
	postgrestest.Exec(t, conn, "BEGIN; "+update(1))
	return conn
}

// as sets the role of a connection to one of newRole.
func as(role string) func(*pgx.ConnConfig) {
	return func(c *pgx.ConnConfig) { c.User, c.Password = role, "hunter2" }
}

// newRole creates a role without privileges for one test.
func newRole(t *testing.T, connString, name string) string {
	t.Helper()
	name += strconv.FormatInt(time.Now().UnixNano(), 36)
	role := pgx.Identifier{name}.Sanitize()
	admin := connect(t, connString, "admin")
	postgrestest.Exec(t, admin, "CREATE ROLE "+role+" LOGIN PASSWORD 'hunter2'; GRANT ALL ON SCHEMA public TO "+role)
	t.Cleanup(func() {
		if _, err := admin.Exec(context.Background(), "DROP OWNED BY "+role+"; DROP ROLE "+role); err != nil {
			t.Error(err)
		}
	})
	return name
}

// eventually waits until the server's answer meets a condition.
func (f fixture) eventually(t *testing.T, condition func(*diagnose.ServerState) bool) *diagnose.ServerState {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		s := f.ask(t)
		if condition(s) {
			return s
		}
		if time.Now().After(deadline) {
			t.Fatalf("not within a minute; the server says %+v", s)
		}
	}
}

// blocked returns a condition: n of our sessions are blocked.
func blocked(n int) func(*diagnose.ServerState) bool {
	return func(s *diagnose.ServerState) bool {
		blocked := 0
		for _, one := range s.Sessions {
			if one.Ours && len(one.BlockedBy) > 0 {
				blocked++
			}
		}
		return blocked == n
	}
}
