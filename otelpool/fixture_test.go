package otelpool_test

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

// TestMain runs more tests at the same time than there are processors. Most tests wait rather than compute, above all
// until a spike has left the window of the peaks, which is a second at least.
func TestMain(m *testing.M) {
	flag.Parse()
	chosen := false
	flag.Visit(func(f *flag.Flag) { chosen = chosen || f.Name == "test.parallel" })
	if !chosen {
		if err := flag.Set("test.parallel", strconv.Itoa(4*runtime.GOMAXPROCS(0))); err != nil {
			panic(err)
		}
	}
	postgrestest.MainWithURL(m)
}

// telemetry is a MeterProvider and its one reader.
type telemetry struct {
	reader   *sdkmetric.ManualReader
	provider *sdkmetric.MeterProvider
}

func newTelemetry(_ testing.TB, opts ...sdkmetric.Option) telemetry {
	reader := sdkmetric.NewManualReader()
	return telemetry{reader, sdkmetric.NewMeterProvider(append(opts, sdkmetric.WithReader(reader))...)}
}

// fixture is an instrumented pool.
type fixture struct {
	telemetry
	pool *pgxpool.Pool
	inst *otelpool.Instrumentation
}

func (f fixture) exec(t testing.TB, ctx context.Context, sql string, args ...any) {
	t.Helper()
	execute(t, f.pool, ctx, sql, args...)
}

// execute runs a statement on a pool or a connection.
func execute(t testing.TB, on interface {
	Exec(context.Context, string, ...any) (pgconn.CommandTag, error)
}, ctx context.Context, sql string, args ...any) {
	t.Helper()
	_, err := on.Exec(ctx, sql, args...)
	testutil.Check(t, err)
}

func batchOf(sqls ...string) *pgx.Batch {
	b := new(pgx.Batch)
	for _, sql := range sqls {
		b.Queue(sql)
	}
	return b
}

func sendBatch(t testing.TB, on interface {
	SendBatch(context.Context, *pgx.Batch) pgx.BatchResults
}, ctx context.Context, sqls ...string) {
	t.Helper()
	testutil.Check(t, on.SendBatch(ctx, batchOf(sqls...)).Close())
}

// setup creates an instrumented pool of at most maxConns connections, named "test". It is closed when the test ends.
func setup(t testing.TB, maxConns int32, change func(*pgxpool.Config), opts ...otelpool.Option) fixture {
	t.Helper()
	f := fixture{telemetry: newTelemetry(t)}
	config := parse(t, database(t))
	config.MaxConns = maxConns
	if change != nil {
		change(config)
	}
	opts = append([]otelpool.Option{
		otelpool.WithMeterProvider(f.provider), otelpool.WithPoolName("test"),
		otelpool.WithSlowAcquire(0), // on a busy machine any acquire may be slow
	}, opts...)
	f.pool, f.inst = newInstrumented(t, config, opts...)
	return f
}

// newInstrumented creates an instrumented pool, which is closed when the test ends.
func newInstrumented(t testing.TB, config *pgxpool.Config, opts ...otelpool.Option) (*pgxpool.Pool, *otelpool.Instrumentation) {
	t.Helper()
	pool, inst, err := otelpool.NewWithConfig(context.Background(), config, opts...)
	testutil.NoError(t, err)
	t.Cleanup(func() {
		postgrestest.ClosePool(t, pool)
		unregister(t, inst)
	})
	return pool, inst
}

func instrument(t testing.TB, config *pgxpool.Config, opts ...otelpool.Option) *otelpool.Instrumentation {
	t.Helper()
	inst, err := otelpool.Instrument(config, opts...)
	testutil.NoError(t, err)
	return inst
}

// newPool creates a pool, which is closed when the test ends.
func newPool(t testing.TB, config *pgxpool.Config) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.NewWithConfig(context.Background(), config)
	testutil.NoError(t, err)
	t.Cleanup(func() { postgrestest.ClosePool(t, pool) })
	return pool
}

func register(t testing.TB, inst *otelpool.Instrumentation, pool *pgxpool.Pool) {
	t.Helper()
	testutil.NoError(t, inst.Register(pool))
}

func unregister(t testing.TB, inst *otelpool.Instrumentation) {
	t.Helper()
	testutil.Check(t, inst.Unregister())
}

func apply(t testing.TB, s otelpool.Sizing, config *pgxpool.Config) {
	t.Helper()
	testutil.NoError(t, s.Apply(config))
}

// registerBare registers a pool without hooks. It is unregistered when the test ends.
func registerBare(t testing.TB, pool *pgxpool.Pool, opts ...otelpool.Option) *otelpool.Instrumentation {
	t.Helper()
	inst, err := otelpool.Register(pool, opts...)
	testutil.NoError(t, err)
	t.Cleanup(func() { unregister(t, inst) })
	return inst
}

// begin begins a transaction on a pool or a connection.
func begin(t testing.TB, on interface {
	Begin(context.Context) (pgx.Tx, error)
}, ctx context.Context) pgx.Tx {
	t.Helper()
	tx, err := on.Begin(ctx)
	testutil.NoError(t, err)
	return tx
}

// openRows runs a query on a pool or a connection, whose rows are then open.
func openRows(t testing.TB, on interface {
	Query(context.Context, string, ...any) (pgx.Rows, error)
}, ctx context.Context, sql string, args ...any) pgx.Rows {
	t.Helper()
	rows, err := on.Query(ctx, sql, args...)
	testutil.NoError(t, err)
	return rows
}

// prepare prepares a statement under a name.
func prepare(t testing.TB, conn *pgxpool.Conn, ctx context.Context, name, sql string) {
	t.Helper()
	_, err := conn.Conn().Prepare(ctx, name, sql)
	testutil.NoError(t, err)
}

// acquireAside acquires on another goroutine, and releases the connection. It returns the error to come.
func acquireAside(pool *pgxpool.Pool, ctx context.Context) <-chan error {
	ended := make(chan error, 1)
	go func() {
		conn, err := pool.Acquire(ctx)
		if err == nil {
			conn.Release()
		}
		ended <- err
	}()
	return ended
}

// aside calls f on another goroutine, and closes the channel at its end.
func aside(f func()) <-chan struct{} {
	ended := make(chan struct{})
	go func() { defer close(ended); f() }()
	return ended
}

// timeOut acquires with a deadline, which must pass.
func timeOut(t testing.TB, pool *pgxpool.Pool, ctx context.Context, after time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, after)
	defer cancel()
	refuseAcquire(t, pool, ctx, context.DeadlineExceeded)
}

func parse(t testing.TB, connString string) *pgxpool.Config {
	t.Helper()
	config, err := pgxpool.ParseConfig(connString)
	testutil.NoError(t, err)
	return config
}

// database returns the connection string of a database that tests share. They create nothing in it but temporary tables.
func database(t testing.TB) string { return postgrestest.Shared(t) }

// ownDatabase returns the connection string of a new database, for one test.
func ownDatabase(t testing.TB) string { return postgrestest.Database(t) }

func acquire(t testing.TB, pool *pgxpool.Pool) *pgxpool.Conn {
	t.Helper()
	return acquireWith(t, pool, context.Background())
}

func acquireWith(t testing.TB, pool *pgxpool.Pool, ctx context.Context) *pgxpool.Conn {
	t.Helper()
	conn, err := pool.Acquire(ctx)
	testutil.NoError(t, err)
	return conn
}

// named acquires with the name of an operation.
func named(t *testing.T, f fixture, name string) *pgxpool.Conn {
	t.Helper()
	return acquireWith(t, f.pool, otelpool.WithOperation(context.Background(), name))
}

// warm leaves the pool with n idle connections.
func warm(t testing.TB, f fixture, n int) {
	t.Helper()
	postgrestest.Release(postgrestest.Hold(t, f.pool, n))
}

// acquireAll acquires all connections of a pool.
func acquireAll(t testing.TB, pool *pgxpool.Pool) []*pgxpool.Conn {
	t.Helper()
	return postgrestest.Hold(t, pool, int(pool.Stat().MaxConns()))
}

// dialAll acquires n connections of a pool with an acquire timeout. On a busy machine a dial may take longer: the
// connection then becomes idle, and the next acquire gets it.
func dialAll(t testing.TB, pool *pgxpool.Pool, n int) (conns []*pgxpool.Conn) {
	t.Helper()
	testutil.Eventually(t, "all are dialed", func() bool {
		conn, err := pool.Acquire(t.Context())
		switch {
		case err == nil:
			conns = append(conns, conn)
		case !errors.Is(err, otelpool.ErrAcquireTimeout):
			t.Fatal(err)
		}
		return len(conns) == n
	})
	return conns
}

// sized creates an instrumented pool with a Sizing.
func sized(t *testing.T, s otelpool.Sizing, change func(*pgxpool.Config)) fixture {
	t.Helper()
	return setup(t, 4, func(c *pgxpool.Config) {
		if change != nil {
			change(c)
		}
		apply(t, s, c)
	})
}

// hijack takes a connection out of the pool, to be closed when the test is over.
func hijack(t *testing.T, conn *pgxpool.Conn) *pgx.Conn {
	t.Helper()
	own := conn.Hijack()
	t.Cleanup(func() { _ = own.Close(context.Background()) })
	return own
}

// canceledAt returns a context that is canceled after d.
func canceledAt(ctx context.Context, d time.Duration) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	time.AfterFunc(d, cancel)
	return ctx
}

// heldBy returns the operations that hold a connection, oldest first. A hold without a name is "?".
func heldBy(f fixture) string {
	var names []string
	for _, h := range f.inst.Held() {
		names = append(names, cmp.Or(h.Operation, "?"))
	}
	return strings.Join(names, " ")
}

// onlyHold returns the one hold of a pool.
func onlyHold(t testing.TB, inst *otelpool.Instrumentation) otelpool.Hold {
	t.Helper()
	held := inst.Held()
	if len(held) != 1 {
		t.Fatalf("want one hold, got %+v", held)
	}
	return held[0]
}

// recovering runs f and returns the value it panics with.
func recovering(f func()) (panicked any) {
	defer func() { panicked = recover() }()
	f()
	return nil
}

// terminate has the server end a connection of the pool, and waits until the server has done so.
func terminate(t *testing.T, f fixture, pid uint32) {
	t.Helper()
	eventuallySays(t, f, "the backend ends", "SELECT count(pg_terminate_backend(pid)) = 0 FROM pg_stat_activity WHERE pid = $1", pid)
}

// eventuallySays waits until a query about a connection of the pool returns true. The query runs on a connection of its
// own.
func eventuallySays(t *testing.T, f fixture, what, sql string, pid uint32) {
	t.Helper()
	admin, err := pgx.Connect(t.Context(), f.pool.Config().ConnString())
	testutil.NoError(t, err)
	defer admin.Close(t.Context())
	testutil.Eventually(t, what, func() bool {
		var is bool
		err := admin.QueryRow(t.Context(), sql, int32(pid)).Scan(&is)
		return err == nil && is
	})
}

// settled waits until no connection is in use and at most idle connections are left.
func settled(t *testing.T, pool *pgxpool.Pool, idle int32) {
	t.Helper()
	testutil.Eventually(t, "the pool settles", func() bool {
		s := pool.Stat()
		return s.AcquiredConns() == 0 && s.ConstructingConns() == 0 && s.IdleConns() <= idle
	})
}

// quiet waits until no connection is in use and two are idle.
func quiet(t *testing.T, pool *pgxpool.Pool) {
	t.Helper()
	testutil.Eventually(t, "pool at rest", func() bool {
		s := pool.Stat()
		return s.AcquiredConns() == 0 && s.ConstructingConns() == 0 && s.IdleConns() >= 2
	})
}

// load runs queries on as many goroutines as there are callers.
func load(pool *pgxpool.Pool, callers, queries int) {
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for range queries {
				var n int
				_ = pool.QueryRow(context.Background(), "SELECT 1 FROM pg_sleep($1)", rand.Float64()/500).Scan(&n)
			}
		})
	}
	wg.Wait()
}

// inWindow runs f, which makes a spike, reads the peaks, and returns the time of the spike. If f took longer than the
// window of the peaks, one second, the spike may have left it: f runs again. Judge the peaks after inWindow has returned.
func inWindow(f func() (spike time.Time)) {
	for time.Since(f()) > time.Second {
	}
}

// wait lets time pass, for tests that measure time.
func wait(d time.Duration) { <-time.After(d) }

// line returns the file and line of its caller, plus offset lines, as stacks show them.
func line(offset int) string {
	_, file, at, _ := runtime.Caller(1)
	return fmt.Sprintf("%s:%d", filepath.Base(file), at+offset)
}

// deep calls f through a number of callers, like a handler behind middleware.
//
//go:noinline
func deep(callers int, f func()) {
	if callers == 0 {
		f()
		return
	}
	deep(callers-1, f)
}

// refuseAcquire checks that an acquire fails with the error.
func refuseAcquire(t testing.TB, pool *pgxpool.Pool, ctx context.Context, want error) {
	t.Helper()
	if conn, err := pool.Acquire(ctx); !errors.Is(err, want) {
		t.Errorf("acquire: %v, want %v", err, want)
		if err == nil {
			conn.Release()
		}
	}
}
