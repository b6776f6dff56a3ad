package sqldb_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"log/slog"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
	"github.com/otelpool/otelpool-go/otelpool/otelpooltest"
	"github.com/otelpool/otelpool-go/otelpool/sqldb"
)

func newConnector(t *testing.T, config *pgx.ConnConfig, opts ...otelpool.Option) driver.Connector {
	t.Helper()
	connector, err := sqldb.Connector(config, opts...)
	testutil.NoError(t, err)
	return connector
}

// register registers a sql.DB until the test's end.
func register(t *testing.T, db *sql.DB, opts ...otelpool.Option) *otelpool.Instrumentation {
	t.Helper()
	inst, err := sqldb.Register(db, opts...)
	testutil.NoError(t, err)
	t.Cleanup(func() { _ = inst.Unregister() })
	return inst
}

// own returns a sql.DB with its built-in pool, of at most two connections.
func own(t *testing.T, opts ...otelpool.Option) *sql.DB {
	t.Helper()
	config := parse(t, postgrestest.Shared(t)).ConnConfig
	connector := newConnector(t, config, opts...)
	db := sql.OpenDB(connector)
	t.Cleanup(func() { _ = db.Close() })
	db.SetMaxOpenConns(2)
	return db
}

// TestThreePoolsAgree puts one load on a pgxpool, a sql.DB on one, and a sql.DB's own pool.
func TestThreePoolsAgree(t *testing.T) {
	t.Parallel()
	rec := otelpooltest.NewRecorder(t)
	config := parse(t, postgrestest.Shared(t))
	config.MaxConns = 2
	pool, inst, err := otelpool.NewWithConfig(t.Context(), config, rec.Option(), otelpool.WithPoolName("pgxpool"))
	testutil.NoError(t, err)
	defer func() { pool.Close(); _ = inst.Unregister() }()
	onPool, onPoolInst, err := sqldb.OpenWithConfig(t.Context(), config, rec.Option(), otelpool.WithPoolName("on pgxpool"))
	testutil.NoError(t, err)
	defer onPool.Close()
	db := own(t, rec.Option(), otelpool.WithPoolName("own"))
	register(t, db)

	loadDB := func(db *sql.DB, waiting func() bool) {
		load(t, waiting, func(ctx context.Context) func() {
			tx, err := db.BeginTx(ctx, nil)
			testutil.NoError(t, err)
			return func() { _ = tx.Rollback() }
		}, func(ctx context.Context, sql string) error {
			_, err := db.ExecContext(ctx, sql)
			return err
		})
	}
	load(t, func() bool { return inst.Report().Waiting == 3 }, func(ctx context.Context) func() {
		tx, err := pool.Begin(ctx)
		testutil.NoError(t, err)
		return func() { _ = tx.Rollback(context.Background()) }
	}, func(ctx context.Context, sql string) error {
		_, err := pool.Exec(ctx, sql)
		return err
	})
	loadDB(onPool, func() bool { return onPoolInst.Report().Waiting == 3 })
	loadDB(db, func() bool { return db.Stats().WaitCount == 3 })

	want := map[string]float64{
		"pgxpool.size": 2, "db.client.connection.max": 2, "db.client.connection.count used": 0, "db.client.connection.count idle": 2,
		"pgxpool.overflow": 0, "pgxpool.overflow.max": 0, "pgxpool.connections.opened": 2, "pgxpool.connections.closed lifetime": 0,
		"pgxpool.connections.closed idle": 0, "pgxpool.connections.closed overflow": 0, "pgxpool.operations.capped": 0,
	}
	for _, name := range []string{"pgxpool", "on pgxpool", "own"} {
		testutil.Eventually(t, name+" has two idle connections", func() bool {
			return values(t, rec, name)["db.client.connection.count idle"] == 2
		})
		got := values(t, rec, name)
		for metric, n := range want {
			if v, ok := got[metric]; !ok || v != n {
				t.Errorf("%s: %s is %v (known: %v), must be %v", name, metric, v, ok, n)
			}
		}
		if got["pgxpool.acquire.phase_time queue"] <= 0 {
			t.Errorf("%s: callers waited for %v s", name, got["pgxpool.acquire.phase_time queue"])
		}
		for operation, n := range map[string]int{"BEGIN": 2, "ROLLBACK": 2, "SELECT pg_backend_pid": 3, "SELECT missing": 1} {
			var calls int
			for _, o := range rec.Outcomes() {
				if o.Pool == name && o.Operation == operation {
					calls += o.Count
				}
			}
			if calls != n {
				t.Errorf("%s: %s was called %d times, must be %d", name, operation, calls, n)
			}
		}
	}
	if got := values(t, rec, "own"); got["pgxpool.acquire.waits"] != 3 {
		t.Errorf("%v acquires waited, must be 3", got["pgxpool.acquire.waits"])
	}
	for _, unknown := range []string{
		"db.client.connection.pending_requests", "pgxpool.peak", "pgxpool.oldest_hold", "pgxpool.acquires ok", "pgxpool.acquires timeout",
		"db.client.connection.timeouts", "pgxpool.nested_acquires", "pgxpool.connections.closed broken", "pgxpool.settings", "pgxpool.constructing",
	} {
		if v, ok := values(t, rec, "own")[unknown]; ok {
			t.Errorf("%s of a sql.DB's own pool is %v, and cannot be known", unknown, v)
		}
	}
}

// load takes both connections of a pool, lets three callers wait, and a query fail.
func load(t *testing.T, waiting func() bool, hold func(context.Context) (end func()), exec func(context.Context, string) error) {
	t.Helper()
	ends := []func(){hold(t.Context()), hold(t.Context())}
	var callers sync.WaitGroup
	for range 3 {
		callers.Go(func() {
			testutil.Check(t, exec(t.Context(), "SELECT pg_backend_pid()"))
		})
	}
	testutil.Eventually(t, "three callers wait", waiting)
	for _, end := range ends {
		end()
	}
	callers.Wait()
	if err := exec(t.Context(), "SELECT missing()"); err == nil {
		t.Error("a function that is missing was called")
	}
}

// TestUnlimitedDBHasNoLimit registers a sql.DB of a driver without hooks.
func TestUnlimitedDBHasNoLimit(t *testing.T) {
	t.Parallel()
	rec := otelpooltest.NewRecorder(t)
	db, err := sql.Open("pgx", postgrestest.Shared(t))
	testutil.NoError(t, err)
	defer db.Close()
	inst := register(t, db, rec.Option())
	connOf(t, db)
	got := values(t, rec, "sql.DB")
	if got["db.client.connection.count used"] != 1 {
		t.Errorf("%v connections are in use, must be 1", got["db.client.connection.count used"])
	}
	for _, unknown := range []string{"pgxpool.size", "db.client.connection.max", "pgxpool.overflow", "pgxpool.overflow.max", "pgxpool.connections.opened"} {
		if v, ok := got[unknown]; ok {
			t.Errorf("%s is %v, and cannot be known", unknown, v)
		}
	}
	db.SetMaxOpenConns(7)
	if r := inst.Report(); r.Used != 1 || r.Settings.MaxConns != 7 || r.Pool != "sql.DB" {
		t.Errorf("the report is %+v", r)
	}
	if got := values(t, rec, "sql.DB"); got["pgxpool.size"] != 7 || got["db.client.connection.max"] != 7 {
		t.Errorf("with a limit the metrics are %v", got)
	}
	testutil.NoError(t, inst.Unregister())
	if _, ok := values(t, rec, "sql.DB")["db.client.connection.count used"]; ok {
		t.Error("an unregistered sql.DB has gauges")
	}
}

// TestCountersOfDBsContinue closes a sql.DB and opens another of the same name.
func TestCountersOfDBsContinue(t *testing.T) {
	t.Parallel()
	rec := otelpooltest.NewRecorder(t)
	for n := range 2 {
		db := own(t, rec.Option(), otelpool.WithPoolName("again"))
		register(t, db)
		ping(t, db)
		if opened := values(t, rec, "again")["pgxpool.connections.opened"]; opened != float64(n+1) {
			t.Errorf("%v connections were opened, must be %d", opened, n+1)
		}
		testutil.NoError(t, db.Close())
	}
}

// TestFailedDialOfDBIsLoggedOncePerOutage uses a server that goes away four times, the second and fourth time soon
// after the one before.
func TestFailedDialOfDBIsLoggedOncePerOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		config := parse(t, postgrestest.Shared(t)).ConnConfig
		var down atomic.Bool
		dial := config.DialFunc
		config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
			if down.Load() {
				return nil, errors.New("down")
			}
			return dial(ctx, network, address)
		}
		log := new(logged)
		connector := newConnector(t, config, otelpool.WithLogger(slog.New(slog.NewTextHandler(log, nil))))
		connect := func() error {
			conn, err := connector.Connect(t.Context())
			if err == nil {
				err = conn.Close()
			}
			return err
		}
		for outage := range 4 {
			down.Store(true)
			for range 2 {
				if err := connect(); err == nil {
					t.Fatal("a server that is down answers")
				}
			}
			synctest.Wait()
			if n, want := log.count("connection could not be opened"), 1+outage/2; n != want {
				t.Errorf("in outage %d there are %d lines, must be %d", outage, n, want)
			}
			if outage == 1 {
				time.Sleep(time.Minute)
			}
			down.Store(false)
			testutil.NoError(t, connect())
		}
		testutil.NoError(t, connector.(io.Closer).Close())
		time.Sleep(time.Minute) // the look for a pool ends
	})
}

func TestOverflowOfDB(t *testing.T) {
	t.Parallel()
	rec := otelpooltest.NewRecorder(t)
	db := own(t, rec.Option(), otelpool.WithPoolName("over"), otelpool.WithBaseSize(1))
	register(t, db)
	for range 2 {
		connOf(t, db)
	}
	if got := values(t, rec, "over"); got["pgxpool.size"] != 1 || got["pgxpool.overflow"] != 1 || got["pgxpool.overflow.max"] != 1 {
		t.Errorf("the metrics are %v", got)
	}
}

func TestWrongDBIsError(t *testing.T) {
	t.Parallel()
	f := setup(t)
	config := parse(t, postgrestest.Shared(t)).ConnConfig
	plain := stdlib.OpenDB(*config)
	defer plain.Close()
	register(t, plain)
	panics := sql.OpenDB(noDriver{panics: true})
	defer panics.Close()
	twice := own(t)
	register(t, twice)
	instrumented := parse(t, postgrestest.Shared(t))
	if _, err := otelpool.Instrument(instrumented); err != nil {
		t.Fatal(err)
	}
	sized := parse(t, postgrestest.Shared(t))
	testutil.NoError(t, (otelpool.Sizing{PoolSize: 1}).Apply(sized))
	connector := func(config *pgx.ConnConfig) error { _, err := sqldb.Connector(config); return err }
	registered := func(db *sql.DB, opts ...otelpool.Option) error { _, err := sqldb.Register(db, opts...); return err }
	for _, tt := range []struct {
		err  error
		want string
	}{
		{registered(nil), "sql.DB is nil"},
		{registered(new(sql.DB)), "was not created by sql.Open"},
		{registered(panics), "its driver panics"},
		{registered(f.db), "uses a pgxpool"},
		{registered(plain), "already registered"},
		{registered(twice), "already registered"},
		{registered(own(t), otelpool.WithPoolName("x")), "pass the options to Connector"},
		{registered(own(t, otelpool.WithBaseSize(-1))), "base size -1 is below 1"},
		{connector(nil), "configuration is nil"},
		{connector(new(pgx.ConnConfig)), "was not created by pgx.ParseConfig"},
		{connector(instrumented.ConnConfig), "already instrumented"},
		{connector(sized.ConnConfig), "has a Sizing"},
	} {
		testutil.ErrorContains(t, tt.err, tt.want)
	}
}

// TestDriverIsPgxDriver checks the driver as libraries do that recognize PostgreSQL by it.
func TestDriverIsPgxDriver(t *testing.T) {
	t.Parallel()
	for name, db := range map[string]*sql.DB{"on a pool": setup(t).db, "with a pool of its own": own(t)} {
		d, ok := db.Driver().(*stdlib.Driver)
		if !ok {
			t.Errorf("the driver of a sql.DB %s is a %T", name, db.Driver())
			continue
		}
		conn, err := d.Open(postgrestest.Shared(t))
		if err != nil {
			t.Errorf("the driver of a sql.DB %s opens no connection: %v", name, err)
			continue
		}
		testutil.NoError(t, conn.Close())
	}
}

// noDriver is a connector whose driver is nil or panics.
type noDriver struct{ panics bool }

func (noDriver) Connect(context.Context) (driver.Conn, error) { return nil, errors.New("no server") }

func (c noDriver) Driver() driver.Driver {
	if c.panics {
		panic("no driver")
	}
	return nil
}

func TestRegisterTakesConnectorWithoutDriver(t *testing.T) {
	t.Parallel()
	rec := otelpooltest.NewRecorder(t)
	db := sql.OpenDB(noDriver{})
	defer db.Close()
	register(t, db, rec.Option(), otelpool.WithPoolName("no driver"))
	if _, ok := values(t, rec, "no driver")["db.client.connection.count used"]; !ok {
		t.Error("the sql.DB has no gauges")
	}
}

// TestDriversAreNotKept drops sql.DBs of each kind.
func TestDriversAreNotKept(t *testing.T) {
	t.Parallel()
	var dropped atomic.Int32
	const each = 10
	drop := func(db *sql.DB) {
		runtime.AddCleanup(db.Driver().(*stdlib.Driver), func(struct{}) { dropped.Add(1) }, struct{}{})
		testutil.NoError(t, db.Close())
	}
	rec := otelpooltest.NewRecorder(t)
	config := parse(t, postgrestest.Shared(t)).ConnConfig
	for range each {
		connector := newConnector(t, config, rec.Option(), otelpool.WithPoolName("dropped"))
		db := sql.OpenDB(connector)
		if _, err := sqldb.Register(db); err != nil {
			t.Fatal(err)
		}
		drop(db)
		onPool, _, err := sqldb.Open(t.Context(), config.ConnString(), rec.Option(), otelpool.WithPoolName("dropped"))
		testutil.NoError(t, err)
		drop(onPool)
	}
	testutil.Eventually(t, "the drivers are collected", func() bool { runtime.GC(); return dropped.Load() == 2*each })
}

// TestDBWithoutRegisterIsLoggedAfterMinute uses a sql.DB of a Connector.
func TestDBWithoutRegisterIsLoggedAfterMinute(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		register bool
		want     int
	}{"forgotten": {false, 1}, "registered": {true, 0}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				log := new(logged)
				config := parse(t, postgrestest.Shared(t)).ConnConfig
				connector := newConnector(t, config, otelpool.WithLogger(slog.New(slog.NewTextHandler(log, nil))))
				db := sql.OpenDB(connector)
				if tt.register {
					register(t, db)
				}
				for range 2 {
					conn, err := connector.Connect(t.Context())
					testutil.NoError(t, err)
					defer conn.Close()
				}
				time.Sleep(2 * time.Minute)
				synctest.Wait()
				if n := log.count("connections are used without a pool"); n != tt.want {
					t.Errorf("%d lines, must be %d", n, tt.want)
				}
				_ = db.Close()
			})
		})
	}
}

// values returns the observed values of a pool, by instrument and its own attribute.
func values(t *testing.T, rec *otelpooltest.Recorder, pool string) map[string]float64 {
	t.Helper()
	all := make(map[string]float64)
	for _, scope := range rec.Collect().ScopeMetrics {
		for _, m := range scope.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				add(all, m.Name, pool, data.DataPoints)
			case metricdata.Sum[float64]:
				add(all, m.Name, pool, data.DataPoints)
			case metricdata.Gauge[int64]:
				add(all, m.Name, pool, data.DataPoints)
			case metricdata.Gauge[float64]:
				add(all, m.Name, pool, data.DataPoints)
			}
		}
	}
	return all
}

func add[N int64 | float64](to map[string]float64, name, pool string, points []metricdata.DataPoint[N]) {
	for _, p := range points {
		of, key := "", name
		for _, kv := range p.Attributes.ToSlice() {
			if kv.Key == semconv.DBClientConnectionPoolNameKey {
				of = kv.Value.AsString()
			} else {
				key += " " + kv.Value.AsString()
			}
		}
		if of == pool {
			to[key] = float64(p.Value)
		}
	}
}
