package sqldb_test

import (
	"database/sql"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
	"github.com/otelpool/otelpool-go/otelpool/otelpooltest"
	"github.com/otelpool/otelpool-go/otelpool/sqldb"
)

func TestMain(m *testing.M) { postgrestest.MainWithURL(m) }

// logged keeps the lines of a logger.
type logged struct{ testutil.Buffer }

func (l *logged) count(text string) int { return strings.Count(l.String(), text) }

func parse(t *testing.T, connString string) *pgxpool.Config {
	t.Helper()
	config, err := pgxpool.ParseConfig(connString)
	testutil.NoError(t, err)
	return config
}

func ping(t *testing.T, db *sql.DB) {
	t.Helper()
	testutil.NoError(t, db.PingContext(t.Context()))
}

// connOf takes a connection of a sql.DB, and closes it when the test ends.
func connOf(t *testing.T, db *sql.DB) *sql.Conn {
	t.Helper()
	conn, err := db.Conn(t.Context())
	testutil.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// fixture is a sql.DB on a pool of two connections.
type fixture struct {
	db   *sql.DB
	inst *otelpool.Instrumentation
	log  *logged
	rec  *otelpooltest.Recorder
}

func setup(t *testing.T) fixture {
	t.Helper()
	f := fixture{log: new(logged), rec: otelpooltest.NewRecorder(t)}
	config := parse(t, postgrestest.Shared(t))
	testutil.NoError(t, (otelpool.Sizing{PoolSize: 1, MaxOverflow: 1, Timeout: 3 * time.Second}).Apply(config))
	var err error
	f.db, f.inst, err = sqldb.OpenWithConfig(t.Context(), config, f.rec.Option(), otelpool.WithPoolName("sql"),
		otelpool.WithLogger(slog.New(slog.NewTextHandler(f.log, nil))))
	testutil.NoError(t, err)
	t.Cleanup(func() { _ = f.db.Close() })
	return f
}

// TestStackBeginsAtProgram holds a connection by each way of a sql.DB.
func TestStackBeginsAtProgram(t *testing.T) {
	t.Parallel()
	log := new(logged)
	db, inst, err := sqldb.Open(t.Context(), postgrestest.Shared(t), otelpool.WithLongHold(time.Hour),
		otelpool.WithLogger(slog.New(slog.NewTextHandler(log, nil))))
	testutil.NoError(t, err)
	defer db.Close()
	tx, err := db.Begin()
	testutil.NoError(t, err)
	defer func() { _ = tx.Rollback() }()
	held := inst.Held()
	if len(held) != 1 || len(held[0].Stack) == 0 || !strings.Contains(held[0].Stack[0].Function, "TestStackBeginsAtProgram") {
		t.Errorf("the holds are %+v", held)
	}
}

// TestPoolReportMatchesUseOfDB compares the pool's report with the use of the sql.DB.
func TestPoolReportMatchesUseOfDB(t *testing.T) {
	t.Parallel()
	f := setup(t)
	var n int
	testutil.NoError(t, f.db.QueryRowContext(otelpool.WithOperation(t.Context(), "count"), "SELECT 1").Scan(&n))
	if r := f.inst.Report(); r.Used != 0 || r.Settings.MaxConns != 2 || r.Settings.BaseSize != 1 {
		t.Errorf("after a query %d connections are in use, of %d", r.Used, r.Settings.MaxConns)
	}
	tx, err := f.db.BeginTx(otelpool.WithScope(t.Context(), "GET /"), nil)
	testutil.NoError(t, err)
	if _, err := tx.Exec("SELECT 2"); err != nil {
		t.Fatal(err)
	}
	if held := f.inst.Held(); len(held) != 1 || held[0].Operation != "GET /" || !held[0].InTransaction {
		t.Errorf("the transaction shows as %+v", held)
	}
	conn := connOf(t, f.db)
	err = conn.Raw(func(c any) error { return c.(*stdlib.Conn).Conn().Ping(t.Context()) })
	testutil.NoError(t, err)
	_, err = f.db.ExecContext(t.Context(), "SELECT 3") // both connections are in use
	timeout, ok := errors.AsType[*otelpool.AcquireTimeoutError](err)
	if !ok {
		t.Errorf("the error of a full pool is %v", err)
	} else if timeout.InUse != 2 {
		t.Errorf("%d connections are in use by the error", timeout.InUse)
	}
	testutil.NoError(t, errors.Join(conn.Close(), tx.Rollback()))
	testutil.Eventually(t, "nothing is held", func() bool { return len(f.inst.Held()) == 0 })
	if lines := f.log.count("sql.DB"); lines > 0 {
		t.Errorf("%d lines say that the sql.DB is used wrongly", lines)
	}
}

func TestSettingsOfDBAreLoggedOnce(t *testing.T) {
	t.Parallel()
	for text, set := range map[string]func(db *sql.DB){
		"sql.DB keeps idle connections": func(db *sql.DB) { db.SetMaxIdleConns(2) },
		"sql.DB limits its connections": func(db *sql.DB) { db.SetMaxOpenConns(1) },
	} {
		f := setup(t)
		set(f.db)
		for range 200 {
			if _, err := f.db.ExecContext(t.Context(), "SELECT 1"); err != nil {
				t.Fatal(err)
			}
		}
		testutil.Eventually(t, text, func() bool { return f.log.count(text) == 1 })
		if f.log.count("pool=sql") != f.log.count("\n") {
			t.Error("a line does not name its pool")
		}
		testutil.NoError(t, f.db.Close())
		if n := f.log.count(text); n != 1 {
			t.Errorf("%q is logged %d times", text, n)
		}
	}
}

// TestLimitIsNotTakenForIdleConnections lets a caller wait at the limit of a sql.DB until it gets a connection.
func TestLimitIsNotTakenForIdleConnections(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.db.SetMaxOpenConns(1)
	conn := connOf(t, f.db)
	waited := make(chan error)
	go func() {
		_, err := f.db.ExecContext(t.Context(), "SELECT 1")
		waited <- err
	}()
	testutil.Eventually(t, "a caller waits", func() bool { return f.db.Stats().WaitCount == 1 })
	testutil.NoError(t, errors.Join(conn.Close(), <-waited))
	left := connOf(t, f.db)
	if _, err := left.ExecContext(t.Context(), "BEGIN"); err != nil {
		t.Fatal(err)
	}
	testutil.NoError(t, left.Close())
	testutil.Eventually(t, "a later line", func() bool { return f.log.count("released in a transaction") == 1 })
	if f.log.count("sql.DB limits its connections") != 1 || f.log.count("sql.DB keeps idle connections") != 0 {
		t.Errorf("the lines are %s", f.log)
	}
}

// TestCloseClosesPool checks that the pool of a closed sql.DB is neither open nor reported.
func TestCloseClosesPool(t *testing.T) {
	t.Parallel()
	f := setup(t)
	ping(t, f.db)
	for range 2 {
		testutil.NoError(t, f.db.Close())
	}
	if err := f.db.PingContext(t.Context()); err == nil {
		t.Error("a closed sql.DB answers")
	}
	testutil.NoError(t, f.inst.Unregister())
}

// TestCloseDoesNotWaitForeverForRows closes a sql.DB while rows are open.
func TestCloseDoesNotWaitForeverForRows(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := setup(t)
		rows, err := f.db.QueryContext(t.Context(), "SELECT generate_series(1, 3)")
		testutil.NoError(t, err)
		testutil.ErrorContains(t, f.db.Close(), "after 10s, 1 connections are still in use")
		testutil.NoError(t, errors.Join(rows.Close(), rows.Err()))
	})
}

func TestFromPoolLeavesPoolOpen(t *testing.T) {
	t.Parallel()
	pool, err := pgxpool.New(t.Context(), postgrestest.Shared(t))
	testutil.NoError(t, err)
	defer pool.Close()
	db := sqldb.FromPool(pool)
	ping(t, db)
	testutil.NoError(t, db.Close())
	if err := pool.Ping(t.Context()); err != nil {
		t.Errorf("the pool is closed: %v", err)
	}
}

func TestOpenRefusesBadInput(t *testing.T) {
	t.Parallel()
	if _, _, err := sqldb.Open(t.Context(), "postgres://hunter2@:99999999"); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("the error is %v", err)
	}
	if _, _, err := sqldb.OpenWithConfig(t.Context(), nil); err == nil {
		t.Error("a nil configuration is accepted")
	}
	db := sqldb.FromPool(nil)
	defer db.Close()
	testutil.ErrorContains(t, db.PingContext(t.Context()), "is nil")
}

func TestOpenDBReportsErrorAtEachUse(t *testing.T) {
	t.Parallel()
	db := sqldb.OpenDB(t.Context(), postgrestest.Shared(t), otelpool.WithPoolName("opened"))
	var n int
	if err := errors.Join(db.QueryRow("SELECT 1").Scan(&n), db.Close()); err != nil || n != 1 {
		t.Errorf("%d: %v", n, err)
	}
	db = sqldb.OpenDB(t.Context(), "postgres://127.0.0.1/?pool_max_conns=none")
	const want = "otelpool: malformed connection string: cannot parse pool_max_conns"
	for range 2 {
		if err := db.Ping(); err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
	}
	testutil.NoError(t, db.Close())
}
