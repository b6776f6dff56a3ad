package otelpool_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/multitracer"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

// eventLog is a tracer of all seven interfaces that keeps its calls and those of hooks.
type eventLog struct {
	mu     sync.Mutex
	events []string
}

func (l *eventLog) note(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, fmt.Sprintf(format, args...))
}

func (l *eventLog) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.events)
}

func (l *eventLog) start(ctx context.Context, name, format string, args ...any) context.Context {
	l.note(name+" start in "+fmt.Sprint(ctx.Value(mark{}))+": "+format, args...)
	return context.WithValue(ctx, mark{}, name)
}

func (l *eventLog) end(ctx context.Context, name, format string, args ...any) {
	l.note(name+" end in "+fmt.Sprint(ctx.Value(mark{}))+": "+format, args...)
}

func (l *eventLog) TraceQueryStart(ctx context.Context, _ *pgx.Conn, d pgx.TraceQueryStartData) context.Context {
	return l.start(ctx, "query", "%s %v", d.SQL, d.Args)
}

func (l *eventLog) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, d pgx.TraceQueryEndData) {
	l.end(ctx, "query", "%s %v", d.CommandTag, d.Err)
}

func (l *eventLog) TraceBatchStart(ctx context.Context, _ *pgx.Conn, d pgx.TraceBatchStartData) context.Context {
	return l.start(ctx, "batch", "%d", d.Batch.Len())
}

func (l *eventLog) TraceBatchQuery(ctx context.Context, _ *pgx.Conn, d pgx.TraceBatchQueryData) {
	l.end(ctx, "batch query", "%s %v %s %v %t", d.SQL, d.Args, d.CommandTag, d.Err, d.ReadStartTime.IsZero())
}

func (l *eventLog) TraceBatchEnd(ctx context.Context, _ *pgx.Conn, d pgx.TraceBatchEndData) {
	l.end(ctx, "batch", "%v", d.Err)
}

func (l *eventLog) TraceCopyFromStart(ctx context.Context, _ *pgx.Conn, d pgx.TraceCopyFromStartData) context.Context {
	return l.start(ctx, "copy", "%v %v", d.TableName, d.ColumnNames)
}

func (l *eventLog) TraceCopyFromEnd(ctx context.Context, _ *pgx.Conn, d pgx.TraceCopyFromEndData) {
	l.end(ctx, "copy", "%s %v", d.CommandTag, d.Err)
}

func (l *eventLog) TracePrepareStart(ctx context.Context, _ *pgx.Conn, d pgx.TracePrepareStartData) context.Context {
	return l.start(ctx, "prepare", "%s %s", d.Name, d.SQL)
}

func (l *eventLog) TracePrepareEnd(ctx context.Context, _ *pgx.Conn, d pgx.TracePrepareEndData) {
	l.end(ctx, "prepare", "%t %v", d.AlreadyPrepared, d.Err)
}

func (l *eventLog) TraceConnectStart(ctx context.Context, d pgx.TraceConnectStartData) context.Context {
	return l.start(ctx, "connect", "%s", d.ConnConfig.Host)
}

func (l *eventLog) TraceConnectEnd(ctx context.Context, d pgx.TraceConnectEndData) {
	l.end(ctx, "connect", "%t %v", d.Conn == nil, d.Err)
}

func (l *eventLog) TraceAcquireStart(ctx context.Context, pool *pgxpool.Pool, _ pgxpool.TraceAcquireStartData) context.Context {
	return l.start(ctx, "acquire", "%t", pool == nil)
}

func (l *eventLog) TraceAcquireEnd(ctx context.Context, _ *pgxpool.Pool, d pgxpool.TraceAcquireEndData) {
	l.end(ctx, "acquire", "%t %v", d.Conn == nil, d.Err)
}

func (l *eventLog) TraceRelease(_ *pgxpool.Pool, d pgxpool.TraceReleaseData) {
	l.note("release %t", d.Conn == nil)
}

// hook sets all hooks of pgxpool.
func (l *eventLog) hook(c *pgxpool.Config) {
	c.BeforeConnect = func(ctx context.Context, _ *pgx.ConnConfig) error { l.end(ctx, "BeforeConnect", ""); return nil }
	c.AfterConnect = func(ctx context.Context, _ *pgx.Conn) error { l.end(ctx, "AfterConnect", ""); return nil }
	c.PrepareConn = func(ctx context.Context, _ *pgx.Conn) (bool, error) { l.end(ctx, "PrepareConn", ""); return true, nil }
	//lint:ignore SA1019 the deprecated hook is tested on purpose
	c.BeforeAcquire = func(ctx context.Context, _ *pgx.Conn) bool { l.end(ctx, "BeforeAcquire", ""); return true }
	c.ShouldPing = func(ctx context.Context, p pgxpool.ShouldPingParams) bool {
		l.end(ctx, "ShouldPing", "%t", p.Conn == nil)
		return true
	}
	c.BeforeClose = func(*pgx.Conn) { l.note("BeforeClose") }
}

// mark is the key of the name of a start event, which shows whether the end event has the context of the start.
type mark struct{}

// noQueries is a tracer of nothing, for others to embed.
type noQueries struct{}

func (noQueries) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return ctx
}

func (noQueries) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// Tracers that have one interface beside QueryTracer, or none.
type (
	queryOnly   struct{ pgx.QueryTracer }
	withAcquire struct {
		pgx.QueryTracer
		pgxpool.AcquireTracer
	}
	withConnect struct {
		pgx.QueryTracer
		pgx.ConnectTracer
	}
)

func TestUserTracerAndHooksSeeSameEvents(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		trace func(*eventLog, *pgxpool.Config)
	}{
		{"no tracer, no hooks", func(*eventLog, *pgxpool.Config) {}},
		{"hooks", func(l *eventLog, c *pgxpool.Config) { l.hook(c) }},
		{"deprecated hook", func(l *eventLog, c *pgxpool.Config) { l.hook(c); c.PrepareConn = nil }},
		{"tracer of seven interfaces", func(l *eventLog, c *pgxpool.Config) { l.hook(c); c.ConnConfig.Tracer = l }},
		{"tracer of acquires", func(l *eventLog, c *pgxpool.Config) { c.ConnConfig.Tracer = withAcquire{l, l} }},
		{"tracer of connects", func(l *eventLog, c *pgxpool.Config) { c.ConnConfig.Tracer = withConnect{l, l} }},
		{"multitracer", func(l *eventLog, c *pgxpool.Config) { c.ConnConfig.Tracer = multitracer.New(l, queryOnly{l}) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			connString := ownDatabase(t)
			var bare, instrumented eventLog
			config := parse(t, connString)
			tt.trace(&bare, config)
			pool := newPool(t, config)
			drive(t, pool)

			config = parse(t, connString)
			tt.trace(&instrumented, config)
			pool, inst := newInstrumented(t, config, otelpool.WithMeterProvider(newTelemetry(t).provider))
			drive(t, pool)
			unregister(t, inst)
			if got, want := instrumented.all(), bare.all(); !slices.Equal(got, want) {
				t.Errorf("events with otelpool:\n%s\nwithout:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		})
	}
}

// drive makes calls of all kinds, one after the other, and closes the pool.
func drive(t *testing.T, pool *pgxpool.Pool) {
	t.Helper()
	ctx := t.Context()
	exec := func(sql string, args ...any) { _, _ = pool.Exec(ctx, sql, args...) }
	exec("DROP TABLE IF EXISTS driven")
	exec("CREATE TABLE driven (id int)")
	exec("SELECT $1::int", 1)
	exec("SELECT nonsense")
	_ = pool.Ping(ctx)
	_ = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error { _, err := tx.Exec(ctx, "SELECT 2"); return err })
	_ = pool.SendBatch(ctx, batchOf("SELECT 1", "SELECT 2 FROM driven")).Close()
	_ = pool.SendBatch(ctx, batchOf("SELECT nonsense")).Close()
	_, _ = pool.CopyFrom(ctx, pgx.Identifier{"driven"}, []string{"id"}, pgx.CopyFromRows([][]any{{1}}))
	conn := acquireWith(t, pool, ctx)
	_, _ = conn.Conn().Prepare(ctx, "named", "SELECT 3")
	_, _ = conn.Conn().Prepare(ctx, "named", "SELECT 3")
	_, _ = conn.Exec(ctx, "named")
	conn.Release()
	canceled, cancel := context.WithCancel(ctx)
	cancel()
	_, _ = pool.Acquire(canceled)
	releaseAll(pool.AcquireAllIdle(ctx))
	pool.Close()
	_, _ = pool.Acquire(ctx)
}

// TestUserTracerSeesRefusedConnect has AfterConnect fail (docs/pgx-facts.md, row 9).
func TestUserTracerSeesRefusedConnect(t *testing.T) {
	t.Parallel()
	var l eventLog
	f := setup(t, 1, func(c *pgxpool.Config) {
		c.ConnConfig.Tracer = &l
		c.AfterConnect = func(context.Context, *pgx.Conn) error { return errRefused }
	})
	refuseAcquire(t, f.pool, t.Context(), errRefused)
	got := strings.Join(l.all(), "\n")
	for _, want := range []string{"connect end in connect: false <nil>", "acquire end in acquire: true refused"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q among the events:\n%s", want, got)
		}
	}
}

func TestMultitracerMayWrapOtelpool(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		join func(ours pgx.QueryTracer, l *eventLog) pgx.QueryTracer
	}{
		{"otelpool first", func(ours pgx.QueryTracer, l *eventLog) pgx.QueryTracer { return multitracer.New(ours, l) }},
		{"otelpool last", func(ours pgx.QueryTracer, l *eventLog) pgx.QueryTracer { return multitracer.New(l, ours) }},
		{"nested", func(ours pgx.QueryTracer, l *eventLog) pgx.QueryTracer {
			return multitracer.New(l, multitracer.New(ours))
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var l eventLog
			tel := newTelemetry(t)
			config := parse(t, database(t))
			inst := instrument(t, config, otelpool.WithMeterProvider(tel.provider), otelpool.WithPoolName("test"))
			config.ConnConfig.Tracer = tt.join(config.ConnConfig.Tracer, &l)
			pool := newPool(t, config)
			register(t, inst, pool)
			execute(t, pool, t.Context(), "SELECT 1")
			m := tel.collect(t)
			m.checkCounts(t, map[string]uint64{operationKey("SELECT", ""): 1, waitTime: 1, useTime + "{db.query.summary=SELECT}": 1, "db.client.connection.create_time": 1})
			checkEqual(t, "pending", m.pending(t), 0)
			if got := len(l.all()); got != 7 {
				t.Errorf("the other tracer saw %d events, want 7: %q", got, l.all())
			}
		})
	}
}

// nextTracer is a user's tracer that names the next one, itself.
type nextTracer struct{ pgx.QueryTracer }

func (n nextTracer) Next() pgx.QueryTracer { return n }

func TestTracerThatNamesItselfIsAccepted(t *testing.T) {
	t.Parallel()
	config := parse(t, "host=localhost")
	config.ConnConfig.Tracer = nextTracer{}
	if _, err := otelpool.Instrument(config); err != nil {
		t.Error(err)
	}
}

// TestTwoInstrumentationsShareConnection joins the tracers of two configurations, so that both see each event of one
// connection. What they record is undefined, but no call of the program fails.
func TestTwoInstrumentationsShareConnection(t *testing.T) {
	t.Parallel()
	first, second := parse(t, database(t)), parse(t, "host=localhost")
	for _, config := range []*pgxpool.Config{first, second} {
		inst := instrument(t, config, otelpool.WithMeterProvider(newTelemetry(t).provider), otelpool.WithLongHold(time.Millisecond))
		defer func() { _ = inst.Unregister() }()
	}
	first.ConnConfig.Tracer = multitracer.New(first.ConnConfig.Tracer, second.ConnConfig.Tracer)
	pool := newPool(t, first)
	for i := range 5 {
		ctx := otelpool.WithOperation(t.Context(), fmt.Sprint("operation ", i))
		execute(t, pool, ctx, fmt.Sprintf("SELECT pg_sleep(0.002) FROM generate_series(1, %d)", i))
	}
}

// panicking is a tracer that panics at starts, and at ends of successful acquires, as often as the numbers say.
type panicking struct {
	noQueries
	atStart, atEnd *atomic.Int64
}

func panicOnce(left *atomic.Int64) {
	if left != nil && left.Load() > 0 {
		left.Add(-1)
		panic("mine")
	}
}

func (p panicking) TraceAcquireStart(ctx context.Context, _ *pgxpool.Pool, _ pgxpool.TraceAcquireStartData) context.Context {
	panicOnce(p.atStart)
	return ctx
}

func (p panicking) TraceAcquireEnd(_ context.Context, _ *pgxpool.Pool, data pgxpool.TraceAcquireEndData) {
	if data.Conn != nil {
		panicOnce(p.atEnd)
	}
}

// TestPanicOfJoinedTracerLeavesNoWaiter joins a tracer behind otelpool's. If it panics, pgxpool does not end the acquire.
func TestPanicOfJoinedTracerLeavesNoWaiter(t *testing.T) {
	t.Parallel()
	tel := newTelemetry(t)
	config := parse(t, database(t))
	inst := instrument(t, config, otelpool.WithMeterProvider(tel.provider), otelpool.WithPoolName("test"))
	var left atomic.Int64
	left.Store(3)
	config.ConnConfig.Tracer = multitracer.New(config.ConnConfig.Tracer, panicking{atStart: &left})
	pool := newPool(t, config)
	t.Cleanup(func() { postgrestest.ClosePool(t, pool); _ = inst.Unregister() })
	register(t, inst, pool)
	for range 3 {
		if recovering(func() { _, _ = pool.Acquire(t.Context()) }) == nil {
			t.Fatal("no panic")
		}
	}
	acquire(t, pool).Release()
	testutil.Eventually(t, "no caller waits", func() bool {
		runtime.GC()
		return tel.collect(t).pending(t) == 0
	})
	m := tel.collect(t)
	checkEqual(t, "oldest wait", m.seconds(t, "pgxpool.oldest_wait"), 0)
	m.check(t, map[string]int64{"pgxpool.acquires{result=ok}": 1})
}
