package otelpool_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelpool/otelpool-go/otelpool"
)

// rewriter is a pgx.QueryRewriter of the user's.
type rewriter func() error

func (r rewriter) RewriteQuery(_ context.Context, _ *pgx.Conn, sql string, args []any) (string, []any, error) {
	return sql, args, r()
}

// nilError is an error whose nil pointer cannot be looked into.
type nilError struct{ inner error }

func (*nilError) Error() string { return "nil error" }

func (e *nilError) Unwrap() error { return e.inner }

func TestErrorsThatPanicWhenLookedAtReachTheCaller(t *testing.T) {
	t.Parallel()
	var bad *nilError
	f := setup(t, 1, nil)
	if _, err := f.pool.Exec(t.Context(), "SELECT 1", rewriter(func() error { return bad })); err == nil {
		t.Error("executed")
	}
	if got := f.collect(t).count(operationKey("SELECT", "_OTHER")); got != 1 {
		t.Errorf("%d samples, want 1", got)
	}
	g := setup(t, 1, func(c *pgxpool.Config) {
		c.PrepareConn = func(context.Context, *pgx.Conn) (bool, error) { return true, bad }
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for range 2 {
		if _, err := g.pool.Acquire(ctx); err == nil {
			t.Error("acquired")
		}
		cancel()
	}
	if got := g.collect(t).value(t, "db.client.connection.pending_requests"); got != 0 {
		t.Errorf("%d pending", got)
	}
}

func TestPanicInAQueryLosesNoLaterOne(t *testing.T) {
	t.Parallel()
	f := setup(t, 1, nil)
	conn := acquire(t, f.pool)
	defer conn.Release()
	for range 6 {
		func() {
			defer func() { _ = recover() }()
			_, _ = conn.Exec(t.Context(), "UPDATE nothing SET a = 1", rewriter(func() error { panic("mine") }))
		}()
	}
	for i := range 10 {
		if _, err := conn.Exec(t.Context(), fmt.Sprintf("SELECT %d FROM pg_class LIMIT 1", i)); err != nil {
			t.Fatal(err)
		}
	}
	m := f.collect(t)
	if got := m.count(operationKey("SELECT pg_class", "")); got != 10 {
		t.Errorf("%d of 10 recorded", got)
	}
	if got := m.count(operationKey("UPDATE nothing", "")); got != 0 {
		t.Errorf("%d samples of what never ran", got)
	}
}

func TestBatchRefusedOnABusyConnectionLeavesTheOther(t *testing.T) {
	t.Parallel()
	f := setup(t, 1, nil)
	conn := acquire(t, f.pool)
	defer conn.Release()
	batch := func(table string) *pgx.Batch {
		b := new(pgx.Batch)
		b.Queue("SELECT 1 FROM " + table + " LIMIT 1")
		b.Queue("SELECT 2 FROM " + table + " LIMIT 1")
		return b
	}
	first := conn.SendBatch(t.Context(), batch("pg_class"))
	if err := conn.SendBatch(t.Context(), batch("pg_type")).Close(); err == nil {
		t.Error("a second batch was sent")
	}
	if err := first.Close(); err != nil {
		t.Error(err)
	}
	l := new(ledger)
	l.sent("BATCH SELECT pg_class", "")
	l.sent("BATCH SELECT pg_type", "connection")
	l.check(t, f.collect(t))
}

func TestCopyThatPgxGivesUpSilentlySpoilsNothing(t *testing.T) {
	t.Parallel()
	f := setup(t, 1, func(c *pgxpool.Config) { c.ConnConfig.StatementCacheCapacity = 0 })
	conn := acquire(t, f.pool)
	defer conn.Release()
	if _, err := conn.CopyFrom(t.Context(), pgx.Identifier{"pg_class"}, []string{"oid"}, pgx.CopyFromRows(nil)); err == nil {
		t.Fatal("copied")
	}
	l := new(ledger)
	l.sent("SELECT", "")
	if _, err := conn.Exec(t.Context(), "SELECT 1", pgx.QueryExecModeExec); err != nil {
		t.Fatal(err)
	}
	l.sent("PREPARE SELECT", "")
	if _, err := conn.Conn().Prepare(t.Context(), "p", "SELECT 1"); err != nil {
		t.Fatal(err)
	}
	l.check(t, f.collect(t))
}

func TestPreparedStatementsAreNamedByTheirLatestText(t *testing.T) {
	t.Parallel()
	f := setup(t, 1, nil)
	conn := acquire(t, f.pool)
	defer conn.Release()
	ctx := t.Context()
	prepare := func(name, sql string) error { _, err := conn.Conn().Prepare(ctx, name, sql); return err }
	exec := func(name string) {
		t.Helper()
		if _, err := conn.Exec(ctx, name); err != nil {
			t.Fatal(err)
		}
	}
	if err := prepare("p", "SELECT 1 FROM pg_class LIMIT 1"); err != nil {
		t.Fatal(err)
	}
	if err := prepare("p", "SELECT 1 FROM pg_type LIMIT 1"); err == nil {
		t.Fatal("prepared twice")
	}
	exec("p") // still the first
	if err := conn.Conn().Deallocate(ctx, "p"); err != nil {
		t.Fatal(err)
	}
	if err := prepare("p", "SELECT 1 FROM pg_proc LIMIT 1"); err != nil {
		t.Fatal(err)
	}
	exec("p")
	m := f.collect(t)
	for table, want := range map[string]uint64{"pg_class": 1, "pg_type": 0, "pg_proc": 1} {
		if got := m.count(operationKey("SELECT "+table, "")); got != want {
			t.Errorf("%s: %d samples, want %d", table, got, want)
		}
	}
}

func TestTextsOfPreparedStatementsAreBounded(t *testing.T) {
	// Not parallel: it looks at the heap.
	f := setup(t, 1, nil)
	conn := acquire(t, f.pool)
	defer conn.Release()
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	padding := strings.Repeat(" ", 512<<10)
	before := heap()
	for i := range 50 {
		name := fmt.Sprint("s", i)
		if _, err := conn.Conn().Prepare(t.Context(), name, "SELECT "+padding+fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
		if err := conn.Conn().Deallocate(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	if after := heap(); after > before+10<<20 {
		t.Errorf("the heap grew by %d KiB", (after-before)>>10)
	}
}

// foreignCallback registers a callback of another library that waits, once, until leave is closed.
func foreignCallback(t *testing.T, tel telemetry, entered, leave chan struct{}, then func()) {
	t.Helper()
	meter := tel.provider.Meter("other")
	gauge, err := meter.Int64ObservableGauge("other")
	if err != nil {
		t.Fatal(err)
	}
	first := true
	_, err = meter.RegisterCallback(func(context.Context, metric.Observer) error {
		if first {
			first = false
			close(entered)
			<-leave
			then()
		}
		return nil
	}, gauge)
	if err != nil {
		t.Fatal(err)
	}
}

func TestCallbackOfAnotherProviderMayUnregisterWhileAPoolRegisters(t *testing.T) {
	t.Parallel()
	p, q := newTelemetry(t), newTelemetry(t)
	var pools []*pgxpool.Pool
	for range 3 {
		pool, err := pgxpool.New(t.Context(), "host=localhost")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(pool.Close)
		pools = append(pools, pool)
	}
	register := func(tel telemetry, i int) *otelpool.Instrumentation {
		inst, err := otelpool.Register(pools[i], otelpool.WithMeterProvider(tel.provider), otelpool.WithPoolName(fmt.Sprint(i)))
		if err != nil {
			t.Error(err)
		}
		return inst
	}
	first, second := register(q, 0), register(q, 1)
	entered, leave := make(chan struct{}), make(chan struct{})
	foreignCallback(t, p, entered, leave, func() { _ = first.Unregister() })
	done := make(chan struct{}, 2)
	go func() {
		var rm metricdata.ResourceMetrics
		_ = p.reader.Collect(context.Background(), &rm)
		done <- struct{}{}
	}()
	<-entered
	go func() {
		_ = register(p, 2).Unregister() // waits for the collection
		done <- struct{}{}
	}()
	if err := second.Unregister(); err != nil { // of the other provider: waits for nothing
		t.Error(err)
	}
	close(leave)
	for range 2 {
		select {
		case <-done:
		case <-time.After(20 * time.Second):
			t.Fatal("deadlock")
		}
	}
}

func TestCountersDoNotFallWhenOneOfSeveralPoolsLeaves(t *testing.T) {
	t.Parallel()
	tel := newTelemetry(t)
	connString := database(t)
	var insts []*otelpool.Instrumentation
	for range 2 {
		config := parse(t, connString)
		config.MaxConns = 1
		pool, inst, err := otelpool.NewWithConfig(t.Context(), config, otelpool.WithMeterProvider(tel.provider), otelpool.WithPoolName("same"))
		if err != nil {
			t.Fatal(err)
		}
		defer pool.Close()
		insts = append(insts, inst)
		held := acquire(t, pool)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		if _, err := pool.Acquire(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		cancel()
		held.Release()
	}
	before := tel.collect(t)
	if err := insts[0].Unregister(); err != nil {
		t.Fatal(err)
	}
	after := tel.collect(t)
	for _, key := range []string{"db.client.connection.timeouts", "pgxpool.acquires{result=ok}", "pgxpool.connections.opened"} {
		if before.value(t, key) != 2 || after.value(t, key) != 2 {
			t.Errorf("%s went from %d to %d", key, before.value(t, key), after.value(t, key))
		}
	}
	if after.value(t, "db.client.connection.max") != 1 {
		t.Error("the gauges of the pool that left are still there")
	}
	if err := insts[1].Unregister(); err != nil {
		t.Fatal(err)
	}
	if keys := gaugeKeys(tel.collect(t)); len(keys) > 0 {
		t.Errorf("left: %v", keys)
	}
}

func TestAPoolIsRegisteredOnceWhateverItsName(t *testing.T) {
	t.Parallel()
	tel := newTelemetry(t)
	register := func(pool *pgxpool.Pool, name string) error {
		_, err := otelpool.Register(pool, otelpool.WithMeterProvider(tel.provider), otelpool.WithPoolName(name))
		return err
	}
	one, _ := pgxpool.New(t.Context(), "host=localhost")
	other, _ := pgxpool.New(t.Context(), "host=localhost")
	defer one.Close()
	defer other.Close()
	if err := errors.Join(register(one, "b"), register(other, "a")); err != nil {
		t.Fatal(err)
	}
	if err := register(other, "b"); err == nil || !strings.Contains(err.Error(), "registered already") {
		t.Errorf("a second registration: %v", err)
	}
}

func TestAnAcquireWhosePingFailedIsPendingAgain(t *testing.T) {
	t.Parallel()
	type mark struct{}
	pinging, goOn := make(chan struct{}), make(chan struct{})
	f := setup(t, 1, func(c *pgxpool.Config) {
		c.ShouldPing = func(ctx context.Context, _ pgxpool.ShouldPingParams) bool {
			if ctx.Value(mark{}) == nil {
				return false
			}
			pinging <- struct{}{}
			<-goOn
			return true
		}
	})
	conn := acquire(t, f.pool)
	pid := conn.Conn().PgConn().PID()
	conn.Release()

	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if conn, err := f.pool.Acquire(context.WithValue(context.Background(), mark{}, true)); err == nil {
			conn.Release()
		}
	}()
	<-pinging
	taken := make(chan *pgxpool.Conn)
	go func() {
		conn, err := f.pool.Acquire(context.Background()) // queues behind, and gets the place when the ping fails
		if err != nil {
			t.Error(err)
		}
		taken <- conn
	}()
	eventually(t, "the second waits", func() bool { return f.collect(t).value(t, "db.client.connection.pending_requests") == 1 })
	terminate(t, f, pid)
	goOn <- struct{}{}
	second := <-taken
	eventually(t, "the first waits again", func() bool { return f.collect(t).value(t, "db.client.connection.pending_requests") == 1 })
	second.Release()
	<-pinging
	goOn <- struct{}{}
	<-ended
	if got := f.collect(t).value(t, "db.client.connection.pending_requests"); got != 0 {
		t.Errorf("%d pending at rest", got)
	}
}

// terminate ends a connection of the pool from outside, and waits until the server is done with it.
func terminate(t *testing.T, f fixture, pid uint32) {
	t.Helper()
	eventuallySays(t, f, "the backend ends", "SELECT count(pg_terminate_backend(pid)) = 0 FROM pg_stat_activity WHERE pid = $1", pid)
}

// eventuallySays waits until a query about a connection of the pool is true. It is asked on another that is not the pool's.
func eventuallySays(t *testing.T, f fixture, what, sql string, pid uint32) {
	t.Helper()
	admin, err := pgx.Connect(t.Context(), f.pool.Config().ConnString())
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close(t.Context())
	eventually(t, what, func() bool {
		var is bool
		err := admin.QueryRow(t.Context(), sql, int32(pid)).Scan(&is)
		return err == nil && is
	})
}
