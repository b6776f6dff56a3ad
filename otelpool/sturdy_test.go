package otelpool_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelpool/otelpool-go/otelpool"
)

// TestHeldInACallbackHoldsUpNothing has a callback of the program's call Held in the collection that Register and
// Unregister wait for.
func TestHeldInACallbackHoldsUpNothing(t *testing.T) {
	t.Parallel()
	for _, what := range []string{"Register", "Unregister"} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			tel := newTelemetry(t)
			config := parse(t, "host=localhost")
			inst, err := otelpool.Instrument(config, otelpool.WithMeterProvider(tel.provider))
			if err != nil {
				t.Fatal(err)
			}
			pool, err := pgxpool.NewWithConfig(t.Context(), config)
			if err != nil {
				t.Fatal(err)
			}
			defer pool.Close()
			call := func() error { return inst.Register(pool) }
			if what == "Unregister" {
				if err := inst.Register(pool); err != nil {
					t.Fatal(err)
				}
				call = inst.Unregister
			}
			meter := tel.provider.Meter("program")
			gauge, err := meter.Int64ObservableGauge("held")
			if err != nil {
				t.Fatal(err)
			}
			inCallback, goOn := make(chan struct{}), make(chan struct{})
			_, err = meter.RegisterCallback(func(context.Context, metric.Observer) error {
				close(inCallback)
				<-goOn
				inst.Held()
				return nil
			}, gauge)
			if err != nil {
				t.Fatal(err)
			}
			collected, called := make(chan struct{}), make(chan error, 1)
			go func() { tel.collect(t); close(collected) }()
			<-inCallback
			go func() { called <- call() }()
			time.AfterFunc(50*time.Millisecond, func() { close(goOn) }) // when the call waits, most likely
			for range 2 {
				select {
				case <-collected:
					collected = nil
				case err := <-called:
					if err != nil {
						t.Error(err)
					}
				case <-time.After(20 * time.Second):
					t.Fatal("both wait for each other")
				}
			}
		})
	}
}

func TestUnregisterWhileRegisterIsUnderWayLeavesNothing(t *testing.T) {
	t.Parallel()
	tel := newTelemetry(t)
	for range 200 {
		config := parse(t, "host=localhost")
		inst, err := otelpool.Instrument(config, otelpool.WithMeterProvider(tel.provider))
		if err != nil {
			t.Fatal(err)
		}
		pool, err := pgxpool.NewWithConfig(t.Context(), config)
		if err != nil {
			t.Fatal(err)
		}
		registered := make(chan error, 1)
		go func() { registered <- inst.Register(pool) }()
		if err := inst.Unregister(); err != nil {
			t.Error(err)
		}
		if err := <-registered; err != nil && !strings.Contains(err.Error(), "unregistered") {
			t.Error(err)
		}
		if left := tel.collect(t).keys("pgxpool.size"); len(left) > 0 {
			t.Fatalf("%v is left", left)
		}
		pool.Close()
	}
}

// TestALongHoldShowsBesideAConnectionThatIsNotThePools leaks a connection while the program keeps one that it hijacked, or
// opened by the pool's configuration.
func TestALongHoldShowsBesideAConnectionThatIsNotThePools(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(f fixture) (*pgx.Conn, error){
		"hijacked": func(f fixture) (*pgx.Conn, error) {
			conn, err := f.pool.Acquire(t.Context())
			if err != nil {
				return nil, err
			}
			return conn.Hijack(), nil
		},
		"opened": func(f fixture) (*pgx.Conn, error) { return pgx.ConnectConfig(t.Context(), f.pool.Config().ConnConfig) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := setup(t, 4, nil, otelpool.WithLongHold(20*time.Millisecond), otelpool.WithLogger(slog.New(slog.DiscardHandler)))
			conn, err := open(f)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close(context.Background()) }()
			if _, err := conn.Exec(t.Context(), "LISTEN x"); err != nil {
				t.Fatal(err)
			}
			f.collect(t) // it is seen that it is no hold
			leaked, err := f.pool.Acquire(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer leaked.Release()
			eventually(t, "the long hold is seen", func() bool { return f.collect(t).value(t, "pgxpool.long_holds") == 1 })
		})
	}
}

// TestCountersGoOnWhereAPoolOfTheSameNameEnded ends a pool and makes another of its name, while a third goes on.
func TestCountersGoOnWhereAPoolOfTheSameNameEnded(t *testing.T) {
	t.Parallel()
	delta := sdkmetric.NewManualReader(sdkmetric.WithTemporalitySelector(func(sdkmetric.InstrumentKind) metricdata.Temporality {
		return metricdata.DeltaTemporality
	}))
	cumulative := sdkmetric.NewManualReader()
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(delta), sdkmetric.WithReader(cumulative))
	begin := func(name string) (*pgxpool.Pool, *otelpool.Instrumentation) {
		pool, inst, err := otelpool.New(t.Context(), database(t), otelpool.WithMeterProvider(provider), otelpool.WithPoolName(name))
		if err != nil {
			t.Fatal(err)
		}
		return pool, inst
	}
	other, otherInst := begin("other")
	defer other.Close()
	defer func() { _ = otherInst.Unregister() }()
	acquires := func(reader *sdkmetric.ManualReader) (n int64) {
		var rm metricdata.ResourceMetrics
		if err := reader.Collect(t.Context(), &rm); err != nil {
			t.Fatal(err)
		}
		for _, scope := range rm.ScopeMetrics {
			for _, m := range scope.Metrics {
				if data, ok := m.Data.(metricdata.Sum[int64]); ok && m.Name == "pgxpool.acquires" {
					for _, p := range data.DataPoints {
						name, _ := p.Attributes.Value("db.client.connection.pool.name")
						if p.Value < 0 {
							t.Errorf("%s: %d of %s", m.Name, p.Value, p.Attributes.Encoded(attribute.DefaultEncoder()))
						}
						if name.AsString() == "main" {
							n += p.Value
						}
					}
				}
			}
		}
		return n
	}
	for i, want := range []struct{ delta, cumulative int64 }{{10, 10}, {2, 12}} {
		pool, inst := begin("main")
		for range want.delta {
			if _, err := pool.Exec(t.Context(), "SELECT 1"); err != nil {
				t.Fatal(err)
			}
		}
		if got := acquires(delta); got != want.delta {
			t.Errorf("life %d: a delta of %d, want %d", i, got, want.delta)
		}
		if got := acquires(cumulative); got != want.cumulative {
			t.Errorf("life %d: %d in all, want %d", i, got, want.cumulative)
		}
		pool.Close()
		if err := inst.Unregister(); err != nil {
			t.Error(err)
		}
	}
}

// TestANilContextDoesWhatItDoesWithoutUs passes none where pgx bears it, and where it does not.
func TestANilContextDoesWhatItDoesWithoutUs(t *testing.T) {
	t.Parallel()
	var none context.Context
	prepare := func(config *pgxpool.Config) {
		config.PrepareConn = func(context.Context, *pgx.Conn) (bool, error) { return true, nil }
	}
	sized := func(config *pgxpool.Config) {
		prepare(config)
		if err := (otelpool.Sizing{PoolSize: 1, MaxOverflow: 1, Timeout: time.Minute}).Apply(config); err != nil {
			t.Error(err)
		}
	}
	for name, change := range map[string]func(*pgxpool.Config){"plain": prepare, "sized": sized} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := setup(t, 2, change)
			f.exec(t, t.Context(), "SELECT 1")
			func() {
				defer func() {
					if recover() == nil {
						t.Error("Acquire takes a nil context now: see what else does")
					}
				}()
				_, _ = f.pool.Acquire(none)
			}()
			for _, conn := range f.pool.AcquireAllIdle(none) {
				conn.Release()
			}
			conn, err := f.pool.Acquire(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, ctx := range []context.Context{t.Context(), none} {
				if _, err := conn.Conn().Prepare(ctx, "p", "SELECT 1"); err != nil {
					t.Error(err)
				}
			}
			conn.Release()
			got := f.collect(t)
			if pending, wait := got.value(t, "db.client.connection.pending_requests"), got.seconds(t, "pgxpool.oldest_wait"); pending != 0 || wait != 0 {
				t.Errorf("%d pending, the oldest for %v s", pending, wait)
			}
		})
	}
}

// oddRegistration is a MeterProvider whose registrations are nil, or panic.
type oddRegistration struct {
	noop.MeterProvider
	registration metric.Registration
}

func (p oddRegistration) Meter(string, ...metric.MeterOption) metric.Meter {
	return oddMeter{registration: p.registration}
}

type oddMeter struct {
	noop.Meter
	registration metric.Registration
}

func (m oddMeter) RegisterCallback(metric.Callback, ...metric.Observable) (metric.Registration, error) {
	return m.registration, nil
}

type panickingRegistration struct{ noop.Registration }

func (panickingRegistration) Unregister() error { panic("not today") }

func TestAnOddRegistrationIsAnError(t *testing.T) {
	t.Parallel()
	if _, _, err := otelpool.New(t.Context(), "host=localhost", otelpool.WithMeterProvider(oddRegistration{})); err == nil || !strings.Contains(err.Error(), "no Registration") {
		t.Errorf("error %v", err)
	}
	pool, inst, err := otelpool.New(t.Context(), "host=localhost", otelpool.WithMeterProvider(oddRegistration{registration: panickingRegistration{}}))
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	if err := inst.Unregister(); err == nil || !strings.Contains(err.Error(), "not today") {
		t.Errorf("error %v", err)
	}
}

// panicking is a tracer whose end of an acquire that got a connection panics, as often as is left.
type panicking struct{ left *int }

func (panicking) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return ctx
}
func (panicking) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}
func (panicking) TraceAcquireStart(ctx context.Context, _ *pgxpool.Pool, _ pgxpool.TraceAcquireStartData) context.Context {
	return ctx
}

func (p panicking) TraceAcquireEnd(_ context.Context, _ *pgxpool.Pool, data pgxpool.TraceAcquireEndData) {
	if data.Conn != nil && *p.left > 0 {
		*p.left--
		panic("mine")
	}
}

func TestWaitingIsRightAfterATracerThatPanicked(t *testing.T) {
	t.Parallel()
	const conns = 4
	var left int
	config := parse(t, database(t))
	config.ConnConfig.Tracer = panicking{&left}
	if err := (otelpool.Sizing{PoolSize: conns, Timeout: 200 * time.Millisecond}).Apply(config); err != nil {
		t.Fatal(err)
	}
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { go pool.Close() }() // pgx loses what was acquired when the tracer panicked
	for _, conn := range dialAll(t, pool, conns) {
		conn.Release()
	}
	left = conns - 1
	eventually(t, "all but one acquire panicked", func() bool {
		recovering(func() { _, _ = pool.Acquire(t.Context()) })
		return left == 0
	})
	defer dialAll(t, pool, 1)[0].Release()
	_, err = pool.Acquire(t.Context())
	if timeout, ok := errors.AsType[*otelpool.AcquireTimeoutError](err); !ok || timeout.Waiting != 1 {
		t.Errorf("error %v, want one that says one caller waits", err)
	}
}

// TestAHistogramThatPanicsLosesTheMeasurementAlone has a View whose filter of attributes panics.
func TestAHistogramThatPanicsLosesTheMeasurementAlone(t *testing.T) {
	t.Parallel()
	view := sdkmetric.NewView(sdkmetric.Instrument{Name: "db.client.*"}, sdkmetric.Stream{AttributeFilter: func(attribute.KeyValue) bool { panic("mine") }})
	tel := telemetry{reader: sdkmetric.NewManualReader()}
	tel.provider = sdkmetric.NewMeterProvider(sdkmetric.WithReader(tel.reader), sdkmetric.WithView(view))
	pool, inst, err := otelpool.New(t.Context(), database(t), otelpool.WithMeterProvider(tel.provider))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = inst.Unregister() }()
	for range 3 {
		if _, err := pool.Exec(t.Context(), "SELECT 1"); err != nil {
			t.Error(err)
		}
	}
	if held := inst.Held(); len(held) != 0 || pool.Stat().AcquiredConns() != 0 {
		t.Errorf("held are %v", held)
	}
	closePool(t, pool)
}

func TestAPreparedStatementIsNamedByItsWholeText(t *testing.T) {
	t.Parallel()
	f := setup(t, 1, nil)
	f.exec(t, t.Context(), "CREATE TABLE customers_archive (a int)")
	const end = " FROM customers_archive"
	for i, sql := range []string{
		"SELECT a" + strings.Repeat(" ", 1024-len("SELECT a FROM customers")) + end, // the beginning ends within a name
		"SELECT a" + strings.Repeat(", a AS column_with_a_name", 60) + end,          // and before it
	} {
		conn, err := f.pool.Acquire(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		name := fmt.Sprint("p", i)
		if _, err := conn.Conn().Prepare(t.Context(), name, sql); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Exec(t.Context(), name); err != nil {
			t.Error(err)
		}
		var batch pgx.Batch
		batch.Queue(name)
		if err := conn.SendBatch(t.Context(), &batch).Close(); err != nil {
			t.Error(err)
		}
		conn.Release()
	}
	if got := f.collect(t).count("db.client.operation.duration{db.query.summary=SELECT customers_archive}"); got != 4 {
		t.Errorf("%d operations have the name, want 4 among %v", got, f.collect(t).keys("db.client.operation"))
	}
}
