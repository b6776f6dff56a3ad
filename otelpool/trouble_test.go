package otelpool_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/otelpool/otelpool-go/otelpool"
)

// logbook keeps what is logged, an entry a line of JSON.
type logbook struct{ syncBuffer }

func (l *logbook) option() otelpool.Option {
	return otelpool.WithLogger(slog.New(slog.NewJSONHandler(l, nil)))
}

// entries gives the entries with that message.
func (l *logbook) entries(t testing.TB, message string) []map[string]any {
	t.Helper()
	var found []map[string]any
	for decoder := json.NewDecoder(strings.NewReader(l.String())); decoder.More(); {
		var entry map[string]any
		if err := decoder.Decode(&entry); err != nil {
			t.Fatal(err)
		}
		if entry["msg"] == message {
			found = append(found, entry)
		}
	}
	return found
}

// await waits for n entries with that message.
func (l *logbook) await(t testing.TB, message string, n int) []map[string]any {
	t.Helper()
	eventually(t, message+" is logged", func() bool { return len(l.entries(t, message)) >= n })
	return l.entries(t, message)
}

// here gives the file and line of its caller's caller's next line, as stacks show it.
func line(offset int) string {
	_, file, at, _ := runtime.Caller(1)
	return fmt.Sprintf("%s:%d", filepath.Base(file), at+offset)
}

func TestFullPoolShowsWhoWaits(t *testing.T) {
	t.Parallel()
	f := setup(t, 2, nil)
	held := []*pgxpool.Conn{acquire(t, f.pool), acquire(t, f.pool)}
	var wg sync.WaitGroup
	began := time.Now()
	for range 9 {
		wg.Go(func() {
			conn, err := f.pool.Acquire(context.Background())
			if err != nil {
				t.Error(err)
				return
			}
			conn.Release()
		})
	}
	eventually(t, "nine callers wait", func() bool {
		return f.collect(t).value(t, "db.client.connection.pending_requests") == 9
	})
	m := f.collect(t)
	if got := m.value(t, "pgxpool.pending.peak"); got != 9 {
		t.Errorf("pending peak %d, want 9", got)
	}
	if got := m.seconds(t, "pgxpool.oldest_wait"); got <= 0 || got > time.Since(began).Seconds() {
		t.Errorf("oldest wait %v s", got)
	}
	if got := m.value(t, "pgxpool.peak"); got != 2 {
		t.Errorf("peak %d, want 2", got)
	}
	for _, conn := range held {
		conn.Release()
	}
	wg.Wait()
	m = f.collect(t)
	for key, want := range map[string]int64{
		"db.client.connection.pending_requests": 0,
		"pgxpool.pending.peak":                  9, // still in the window
		"pgxpool.acquires{result=ok}":           11,
		"pgxpool.acquires{result=timeout}":      0,
	} {
		if got := m.value(t, key); got != want {
			t.Errorf("%s is %d, want %d", key, got, want)
		}
	}
	if got := m.seconds(t, "pgxpool.oldest_wait"); got != 0 {
		t.Errorf("oldest wait %v s, though nobody waits", got)
	}
	// The time in the queue is that of the waiters, whatever the number of connections.
	if queue, wait := m.seconds(t, "pgxpool.acquire.phase_time{phase=queue}"), m.sum("db.client.connection.wait_time"); queue <= 0 || queue > wait {
		t.Errorf("%v s in the queue, of %v s of acquires", queue, wait)
	}
}

func TestPeakShowsASpikeBetweenCollectionsToEveryReader(t *testing.T) {
	t.Parallel()
	readers := []*sdkmetric.ManualReader{sdkmetric.NewManualReader(), sdkmetric.NewManualReader()}
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(readers[0]), sdkmetric.WithReader(readers[1]))
	config := parse(t, database(t))
	config.MaxConns = 10
	pool, inst, err := otelpool.NewWithConfig(t.Context(), config, otelpool.WithMeterProvider(provider), otelpool.WithPeakWindow(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	defer inst.Unregister()
	peakOf := func(reader *sdkmetric.ManualReader) int64 {
		return (telemetry{reader, provider}).collect(t).value(t, "pgxpool.peak")
	}
	peakOf(readers[0])
	var seen [4]int64
	inWindow(func() (spike time.Time) {
		var conns []*pgxpool.Conn
		for range 7 {
			conns = append(conns, acquire(t, pool))
		}
		spike = time.Now()
		for _, conn := range conns {
			conn.Release()
		}
		for i := range seen { // the one that reads often takes nothing from the other
			seen[i] = peakOf(readers[i/3])
		}
		return spike
	})
	if want := [4]int64{7, 7, 7, 7}; seen != want {
		t.Errorf("the first reader sees %d, the second %d, want %d", seen[:3], seen[3:], want)
	}
	eventually(t, "the spike leaves the window", func() bool { return peakOf(readers[0]) == 0 && peakOf(readers[1]) == 0 })
}

func TestPhasesOfAcquiresAddUpToTheirTime(t *testing.T) {
	t.Parallel()
	const pause = 20 * time.Millisecond
	f := setup(t, 1, func(c *pgxpool.Config) {
		c.ShouldPing = func(context.Context, pgxpool.ShouldPingParams) bool { wait(pause); return true }
		c.PrepareConn = func(context.Context, *pgx.Conn) (bool, error) { wait(2 * pause); return true, nil }
		c.BeforeConnect = func(context.Context, *pgx.ConnConfig) error { wait(3 * pause); return nil }
	})
	var wg sync.WaitGroup
	for range 3 { // one dials, two queue behind it
		wg.Go(func() { f.exec(t, context.Background(), "SELECT 1") })
	}
	wg.Wait()
	m := f.collect(t)
	phase := func(name string) float64 { return m.seconds(t, "pgxpool.acquire.phase_time{phase="+name+"}") }
	total := phase("queue") + phase("connect") + phase("ping") + phase("prepare")
	if all := m.sum("db.client.connection.wait_time"); total < all*0.999999 || total > all*1.000001 {
		t.Errorf("phases make %v s, the acquires took %v s", total, all)
	}
	for name, least := range map[string]time.Duration{"connect": 3 * pause, "ping": 3 * pause, "prepare": 6 * pause, "queue": 6 * pause} {
		if got := phase(name); got < least.Seconds() {
			t.Errorf("phase %s is %v s, want at least %v", name, got, least)
		}
	}
}

// wait lets time pass, for what measures time.
func wait(d time.Duration) { <-time.After(d) }

// slowProxy passes connections on to a server, each after a delay.
func slowProxy(t testing.TB, target string, delay time.Duration) (host string, port uint16) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer client.Close()
				wait(delay)
				server, err := net.Dial("tcp", target)
				if err != nil {
					return
				}
				defer server.Close()
				go func() { _, _ = io.Copy(server, client); server.Close() }()
				_, _ = io.Copy(client, server)
			}()
		}
	}()
	addr := listener.Addr().(*net.TCPAddr)
	return addr.IP.String(), uint16(addr.Port)
}

func TestSlowDialingShowsAsSuch(t *testing.T) {
	t.Parallel()
	const delay = 80 * time.Millisecond
	var dials time.Time
	f := setup(t, 1, func(c *pgxpool.Config) {
		target := net.JoinHostPort(c.ConnConfig.Host, fmt.Sprint(c.ConnConfig.Port))
		c.ConnConfig.Host, c.ConnConfig.Port = slowProxy(t, target, delay)
		c.ConnConfig.Fallbacks = nil
		c.BeforeConnect = func(context.Context, *pgx.ConnConfig) error { dials = time.Now(); return nil }
	})
	began := time.Now()
	f.exec(t, t.Context(), "SELECT 1")
	m := f.collect(t)
	if got := m.seconds(t, "pgxpool.acquire.phase_time{phase=connect}"); got < delay.Seconds() {
		t.Errorf("connect phase %v s, want at least %v", got, delay)
	}
	if got, most := m.seconds(t, "pgxpool.acquire.phase_time{phase=queue}"), dials.Sub(began); got > most.Seconds() {
		t.Errorf("queue phase %v s, though nobody was in the way, and it dialed after %v", got, most)
	}
	if got := m.sum("db.client.connection.create_time"); got < delay.Seconds() {
		t.Errorf("create time %v s, want at least %v", got, delay)
	}
}

func TestBusyTimeTellsQueriesFromSitting(t *testing.T) {
	t.Parallel()
	f := setup(t, 1, nil)
	conn := acquire(t, f.pool)
	wait(60 * time.Millisecond)
	conn.Release()
	m := f.collect(t)
	if busy, held := m.seconds(t, "pgxpool.busy_time"), m.sum("db.client.connection.use_time"); busy != 0 || held < 0.06 {
		t.Errorf("an idle hold: busy %v s of %v s", busy, held)
	}
	f.exec(t, t.Context(), "SELECT pg_sleep(0.06)")
	m = f.collect(t)
	if busy := m.seconds(t, "pgxpool.busy_time"); busy < 0.06 || busy > m.sum(operationKey("SELECT", "")) {
		t.Errorf("a busy hold: busy %v s of %v s of operations", busy, m.sum(operationKey("SELECT", "")))
	}
}

func TestLongHoldIsReportedWhileItLastsAndWhenItEnds(t *testing.T) {
	t.Parallel()
	const threshold = 100 * time.Millisecond
	ctx := trace.ContextWithSpanContext(t.Context(), trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{0xab}, SpanID: trace.SpanID{1}}))
	var log *logbook
	var f fixture
	var conn *pgxpool.Conn
	var here string
	eventually(t, "the query ends before the hold is a long one", func() bool {
		log = new(logbook)
		f = setup(t, 2, func(config *pgxpool.Config) { config.MinConns = 1 }, otelpool.WithLongHold(threshold), log.option())
		eventually(t, "one is dialed", func() bool { return f.pool.Stat().IdleConns() > 0 })
		began := time.Now()
		here = line(1)
		c, err := f.pool.Acquire(otelpool.WithOperation(ctx, "leaky"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Exec(t.Context(), "SELECT * FROM pg_class"); err != nil {
			t.Fatal(err)
		}
		if time.Since(began) < threshold {
			conn = c
			return true
		}
		c.Release()
		return false
	})
	entry := log.await(t, "connection held for long", 1)[0]
	for key, want := range map[string]any{
		"level": "WARN", "pool": "test", "operation": "leaky", "query": "SELECT pg_class", "query_running": false,
		"trace_id": trace.TraceID{0xab}.String(),
	} {
		if entry[key] != want {
			t.Errorf("%s is %v, want %v", key, entry[key], want)
		}
	}
	if age := time.Duration(entry["age"].(float64)); age < threshold {
		t.Errorf("reported at the age of %v", age)
	}
	if stack := entry["stack"].(string); !strings.HasPrefix(stack, "github.com/otelpool/otelpool-go/otelpool_test.TestLongHold") || !strings.Contains(stack, here) {
		t.Errorf("the stack does not begin at %s: %s", here, stack)
	}
	m := f.collect(t)
	if got := m.seconds(t, "pgxpool.oldest_hold"); got < threshold.Seconds() {
		t.Errorf("oldest hold %v s", got)
	}
	if got := m.value(t, "pgxpool.long_holds"); got != 1 {
		t.Errorf("%d long holds, want 1", got)
	}
	held := f.inst.Held()
	if len(held) != 1 || held[0].Operation != "leaky" || held[0].Query != "SELECT pg_class" || held[0].Running || held[0].Nested ||
		held[0].TraceID != (trace.TraceID{0xab}) || held[0].Age < threshold || time.Since(held[0].Since) < threshold {
		t.Errorf("held %+v", held)
	} else if frame := held[0].Stack[0]; fmt.Sprintf("%s:%d", filepath.Base(frame.File), frame.Line) != here {
		t.Errorf("acquired at %s:%d, want %s", frame.File, frame.Line, here)
	}
	conn.Release()
	if entry := log.await(t, "connection released after a long hold", 1)[0]; entry["operation"] != "leaky" {
		t.Errorf("the end is reported as %v", entry)
	}
	if n := len(log.entries(t, "connection held for long")); n != 1 {
		t.Errorf("reported %d times", n)
	}
	if got := f.collect(t).value(t, "pgxpool.long_holds"); got != 1 {
		t.Errorf("%d long holds after its end, want 1", got)
	}
	if held := f.inst.Held(); len(held) != 0 {
		t.Errorf("still held: %+v", held)
	}
}

func TestLongHoldWithoutStacks(t *testing.T) {
	t.Parallel()
	var log logbook
	f := setup(t, 1, nil, otelpool.WithLongHold(10*time.Millisecond), otelpool.WithoutStacks(), log.option())
	conn := acquire(t, f.pool)
	entry := log.await(t, "connection held for long", 1)[0]
	if _, ok := entry["stack"]; ok {
		t.Errorf("a stack was kept: %v", entry)
	}
	if held := f.inst.Held(); len(held) != 1 || held[0].Stack != nil {
		t.Errorf("held %+v", held)
	}
	conn.Release()
}

func TestHeldWithoutLongHoldHasNoStacks(t *testing.T) {
	t.Parallel()
	f := setup(t, 2, nil)
	first := acquire(t, f.pool)
	second := acquire(t, f.pool)
	held := f.inst.Held()
	if len(held) != 2 || held[0].Age < held[1].Age || held[0].Stack != nil {
		t.Errorf("held %+v", held)
	}
	first.Release()
	second.Release()
}

// stuckHandler blocks, or panics, when something is logged.
type stuckHandler struct {
	slog.Handler
	handle func()
}

func (h stuckHandler) Enabled(context.Context, slog.Level) bool { return true }

func (h stuckHandler) Handle(context.Context, slog.Record) error { h.handle(); return nil }

func TestALoggerThatBlocksOrPanicsDisturbsNobody(t *testing.T) {
	t.Parallel()
	blocked := make(chan struct{})
	defer close(blocked)
	for name, handle := range map[string]func(){
		"blocks": func() { <-blocked },
		"panics": func() { panic("no") },
	} {
		var called atomic.Int64
		f := setup(t, 1, nil, otelpool.WithLongHold(time.Millisecond),
			otelpool.WithLogger(slog.New(stuckHandler{handle: func() { called.Add(1); handle() }})))
		for range 100 { // more than are kept for a logger that is stuck
			conn := acquire(t, f.pool)
			wait(time.Millisecond)
			conn.Release()
		}
		eventually(t, "the logger "+name, func() bool { return called.Load() > 0 })
		if got := f.collect(t).value(t, "pgxpool.long_holds"); got != 100 {
			t.Errorf("a logger that %s: %d long holds, want 100", name, got)
		}
		if err := f.inst.Unregister(); err != nil {
			t.Error(err)
		}
	}
}

func TestNestedAcquireThatWouldDeadlockIsNamed(t *testing.T) {
	t.Parallel()
	var log logbook
	f := setup(t, 1, nil, otelpool.WithLongHold(time.Hour), log.option())
	ctx := otelpool.WithScope(t.Context())
	outerLine := line(1)
	outer, err := f.pool.Acquire(ctx)
	if err != nil {
		t.Fatal(err)
	}
	inner, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	innerLine := line(1)
	if _, err := f.pool.Acquire(inner); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("inner acquire: %v", err)
	}
	for range 5 { // counted, but not logged: it is the same second
		_, _ = f.pool.Acquire(inner)
	}
	entry := log.await(t, "acquire waits while its scope holds a connection of the same pool", 1)[0]
	if stack, _ := entry["stack"].(string); !strings.Contains(stack, outerLine) {
		t.Errorf("the holder's stack lacks %s: %s", outerLine, stack)
	}
	if stack, _ := entry["waiting_stack"].(string); !strings.Contains(stack, innerLine) {
		t.Errorf("the waiter's stack lacks %s: %s", innerLine, stack)
	}
	outer.Release()
	after := acquireWith(t, f.pool, ctx) // one after the other is not nested
	after.Release()
	m := f.collect(t)
	if got := m.value(t, "pgxpool.nested_acquires"); got != 6 {
		t.Errorf("%d nested acquires, want 6", got)
	}
	if got := m.value(t, "db.client.connection.timeouts"); got != 6 {
		t.Errorf("%d timeouts, want 6", got)
	}
	if n := len(log.entries(t, "acquire waits while its scope holds a connection of the same pool")); n != 1 {
		t.Errorf("logged %d times", n)
	}
}

func acquireWith(t *testing.T, pool *pgxpool.Pool, ctx context.Context) *pgxpool.Conn {
	t.Helper()
	conn, err := pool.Acquire(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

func TestNestedHoldsAreMarked(t *testing.T) {
	t.Parallel()
	var log logbook
	f, other := setup(t, 3, nil, log.option()), setup(t, 3, nil)
	ctx := otelpool.WithScope(t.Context())
	conns := []*pgxpool.Conn{
		acquireWith(t, f.pool, ctx), acquireWith(t, f.pool, ctx), // the second is nested
		acquireWith(t, other.pool, ctx),                 // of another pool
		acquireWith(t, f.pool, otelpool.WithScope(ctx)), // of another scope
	}
	var nested []bool
	for _, h := range f.inst.Held() {
		nested = append(nested, h.Nested)
	}
	if fmt.Sprint(nested) != "[false true false]" {
		t.Errorf("nested: %v", nested)
	}
	for _, conn := range conns {
		conn.Release()
	}
	if got := f.collect(t).value(t, "pgxpool.nested_acquires"); got != 1 {
		t.Errorf("%d nested acquires, want 1", got)
	}
	if got := other.collect(t).value(t, "pgxpool.nested_acquires"); got != 0 {
		t.Errorf("%d nested acquires of the other pool", got)
	}
	if text := log.String(); text != "" {
		t.Errorf("nobody had to wait, but %s", text)
	}
}

func TestMisuseAtReleaseIsCountedAndLoggedOnceAnOperation(t *testing.T) {
	t.Parallel()
	var log logbook
	f := setup(t, 1, nil, log.option())
	ctx := t.Context()
	for range 3 {
		conn := acquireWith(t, f.pool, otelpool.WithOperation(ctx, "forgets_commit"))
		if _, err := conn.Begin(ctx); err != nil {
			t.Fatal(err)
		}
		conn.Release()
	}
	for range 2 {
		conn := acquireWith(t, f.pool, ctx)
		if _, err := conn.Query(ctx, "SELECT generate_series(1, 100000)"); err != nil {
			t.Fatal(err)
		}
		conn.Release()
	}
	conn := acquire(t, f.pool)
	_, _ = conn.Exec(ctx, "SELECT pg_terminate_backend(pg_backend_pid())")
	conn.Release()
	eventually(t, "all are closed", func() bool { return f.pool.Stat().TotalConns() == 0 })
	m := f.collect(t)
	for key, want := range map[string]int64{
		"pgxpool.connections.opened":                        6,
		"pgxpool.connections.closed{reason=in_transaction}": 3,
		"pgxpool.connections.closed{reason=busy}":           2,
		"pgxpool.connections.closed{reason=broken}":         1,
		"pgxpool.connections.closed{reason=other}":          0,
	} {
		if got := m.value(t, key); got != want {
			t.Errorf("%s is %d, want %d", key, got, want)
		}
	}
	inTransaction := log.await(t, "connection released in a transaction: pgx closes it", 1)
	busy := log.await(t, "connection released busy, rows or a batch not closed: pgx closes it", 1)
	if len(inTransaction) != 1 || inTransaction[0]["operation"] != "forgets_commit" {
		t.Errorf("logged %v", inTransaction)
	}
	if len(busy) != 1 || busy[0]["query"] != "SELECT" {
		t.Errorf("logged %v", busy)
	}
}

func TestConnectionsComeAndGoForAReason(t *testing.T) {
	t.Parallel()
	f := setup(t, 4, func(c *pgxpool.Config) {
		c.MaxConnIdleTime = 50 * time.Millisecond
		c.HealthCheckPeriod = 20 * time.Millisecond
	})
	f.exec(t, t.Context(), "SELECT 1")
	eventually(t, "the idle connection is closed", func() bool {
		return f.collect(t).value(t, "pgxpool.connections.closed{reason=idle}") == 1
	})
	conn := acquire(t, f.pool)
	f.pool.Reset()
	conn.Release()
	eventually(t, "the connection that was reset is closed", func() bool {
		return f.collect(t).value(t, "pgxpool.connections.closed{reason=other}") == 1
	})
	if got := f.collect(t).value(t, "pgxpool.connections.opened"); got != 2 {
		t.Errorf("%d opened, want 2", got)
	}
}

func TestConnectErrorsAreCountedUnderTheirClass(t *testing.T) {
	t.Parallel()
	refused := errors.New("not today")
	for name, tt := range map[string]struct {
		change func(*pgxpool.Config)
		want   string
	}{
		"wrong password":   {func(c *pgxpool.Config) { c.ConnConfig.Password = "wrong" }, "28P01"},
		"no such database": {func(c *pgxpool.Config) { c.ConnConfig.Database = "nowhere" }, "3D000"},
		"refused": {func(c *pgxpool.Config) {
			c.ConnConfig.Host, c.ConnConfig.Port, c.ConnConfig.Fallbacks = "127.0.0.1", 1, nil
		}, "connect"},
		"time-out": {func(c *pgxpool.Config) { c.ConnConfig.ConnectTimeout = time.Nanosecond }, "timeout"},
		"BeforeConnect": {func(c *pgxpool.Config) {
			c.BeforeConnect = func(context.Context, *pgx.ConnConfig) error { return refused }
		}, "_OTHER"},
		"AfterConnect": {func(c *pgxpool.Config) {
			c.AfterConnect = func(context.Context, *pgx.Conn) error { return refused }
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
			keys := m.keys("pgxpool.connections.errors")
			if key := "pgxpool.connections.errors{error.type=" + tt.want + "}"; len(keys) != 1 || keys[0] != key || m.value(t, key) != 1 {
				t.Errorf("counted %v, want %s", keys, key)
			}
			if got := m.value(t, "pgxpool.acquires{result=error}"); got != 1 {
				t.Errorf("%d acquires failed, want 1", got)
			}
			if got := m.value(t, "pgxpool.connections.opened"); got != 0 {
				t.Errorf("%d opened", got)
			}
		})
	}
}

func TestLongHoldsAreReportedWithoutAnyMetrics(t *testing.T) {
	t.Parallel()
	var log logbook
	pool, inst, err := otelpool.New(t.Context(), database(t), otelpool.WithMeterProvider(noop.NewMeterProvider()),
		otelpool.WithLongHold(10*time.Millisecond), log.option())
	if err != nil {
		t.Fatal(err)
	}
	conn := acquire(t, pool)
	log.await(t, "connection held for long", 1)
	if err := inst.Unregister(); err != nil {
		t.Error(err)
	}
	if held := inst.Held(); len(held) != 1 {
		t.Errorf("after Unregister, held %+v", held)
	}
	conn.Release()
	if held := inst.Held(); len(held) != 0 {
		t.Errorf("after the release, held %+v", held)
	}
	closePool(t, pool)
}
