package otelpool_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelpool/otelpool-go/otelpool"
)

// gaugeKeys lists the series that are observed, not recorded.
func gaugeKeys(m metrics) []string {
	var keys []string
	for key, value := range m {
		switch value.(type) {
		case int64, float64:
			keys = append(keys, key)
		}
	}
	return keys
}

func TestTwentyPoolsLeaveNoGaugeAndNoGoroutine(t *testing.T) {
	// Not parallel: it looks at all goroutines of the process.
	tel := newTelemetry(t)
	connString := database(t)
	for i := range 20 {
		pool, inst, err := otelpool.New(t.Context(), connString,
			otelpool.WithMeterProvider(tel.provider), otelpool.WithPoolName(fmt.Sprint("pool", i)))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := pool.Exec(t.Context(), "SELECT 1"); err != nil {
			t.Fatal(err)
		}
		if i == 0 && len(gaugeKeys(tel.collect(t))) == 0 {
			t.Fatal("no gauges while the pool is open")
		}
		pool.Close()
		if err := inst.Unregister(); err != nil {
			t.Fatal(err)
		}
	}
	if keys := gaugeKeys(tel.collect(t)); len(keys) > 0 {
		t.Errorf("gauges are left: %v", keys)
	}
	eventually(t, "no goroutine of a pool", func() bool {
		stacks := make([]byte, 1<<20)
		return !strings.Contains(string(stacks[:runtime.Stack(stacks, true)]), "pgxpool.(*Pool)")
	})
}

func TestUnregisterStopsEverything(t *testing.T) {
	t.Parallel()
	f := setup(t, 1, nil)
	f.exec(t, t.Context(), "SELECT 1")
	before := f.collect(t).count(operationKey("SELECT", ""))
	held := acquire(t, f.pool)
	if err := f.inst.Unregister(); err != nil {
		t.Fatal(err)
	}
	held.Release()
	f.exec(t, otelpool.WithOperation(t.Context(), "later"), "SELECT 1")
	m := f.collect(t)
	if got := m.count(operationKey("SELECT", "")); got != before {
		t.Errorf("the histogram went from %d to %d", before, got)
	}
	if keys := m.keys("db.client.operation.duration{db.query.summary=later"); len(keys) > 0 {
		t.Errorf("recorded after Unregister: %v", keys)
	}
	if keys := gaugeKeys(m); len(keys) > 0 {
		t.Errorf("gauges after Unregister: %v", keys)
	}
	if err := f.inst.Unregister(); err != nil {
		t.Errorf("second Unregister: %v", err)
	}
	if err := f.inst.Register(f.pool); err == nil || !strings.Contains(err.Error(), "unregistered") {
		t.Errorf("Register after Unregister: %v", err)
	}
}

func TestUnregisterLeavesTheOthers(t *testing.T) {
	t.Parallel()
	tel := newTelemetry(t)
	connString := database(t)
	var insts []*otelpool.Instrumentation
	for _, name := range []string{"a", "b", "b"} { // one group of one pool, one of two
		pool, inst, err := otelpool.New(t.Context(), connString, otelpool.WithMeterProvider(tel.provider),
			otelpool.WithPoolName(name), otelpool.WithAttributes(attribute.String("name", name)))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(pool.Close)
		insts = append(insts, inst)
	}
	maxOf := func(name string) (n int64) {
		n, _ = tel.collect(t)["db.client.connection.max{name="+name+"}"].(int64)
		return n
	}
	one := maxOf("a")
	if got := maxOf("b"); one == 0 || got != 2*one {
		t.Errorf("two pools of one name have %d connections at most, one has %d", got, one)
	}
	for i, want := range []struct{ a, b int64 }{{0, 2 * one}, {0, one}, {0, 0}} {
		if err := insts[i].Unregister(); err != nil {
			t.Fatal(err)
		}
		if a, b := maxOf("a"), maxOf("b"); a != want.a || b != want.b {
			t.Errorf("after Unregister %d: a %d, b %d; want %d, %d", i, a, b, want.a, want.b)
		}
	}
}

// finishing is a MeterProvider whose float histograms can end a series, as metric/x describes it.
type finishing struct {
	metric.MeterProvider
	mu       sync.Mutex
	finished []string
}

func (p *finishing) Meter(name string, opts ...metric.MeterOption) metric.Meter {
	return finishingMeter{p.MeterProvider.Meter(name, opts...), p}
}

type finishingMeter struct {
	metric.Meter
	provider *finishing
}

func (m finishingMeter) Float64Histogram(name string, opts ...metric.Float64HistogramOption) (metric.Float64Histogram, error) {
	h, err := m.Meter.Float64Histogram(name, opts...)
	return finishingHistogram{h, name, m.provider}, err
}

type finishingHistogram struct {
	metric.Float64Histogram
	name     string
	provider *finishing
}

func (h finishingHistogram) Finish(_ context.Context, attrs ...attribute.KeyValue) {
	h.provider.mu.Lock()
	defer h.provider.mu.Unlock()
	h.provider.finished = append(h.provider.finished, seriesKey(h.name, attribute.NewSet(attrs...)))
}

func TestUnregisterFinishesHistogramsWhereTheSDKCan(t *testing.T) {
	t.Parallel()
	f := newTelemetry(t)
	provider := &finishing{MeterProvider: f.provider}
	pool, inst, err := otelpool.New(t.Context(), database(t), otelpool.WithMeterProvider(provider))
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	_, _ = pool.Exec(otelpool.WithOperation(t.Context(), "named"), "SELECT 1")
	_, _ = pool.Exec(t.Context(), "SELECT nonsense")
	recorded := f.collect(t)
	if err := inst.Unregister(); err != nil {
		t.Fatal(err)
	}
	finished := make(map[string]bool)
	for _, key := range provider.finished {
		finished[key] = true
	}
	for key, value := range recorded {
		if _, recorded := value.(metricdata.HistogramDataPoint[float64]); recorded && !finished[key] {
			t.Errorf("%s was not finished", key)
		}
	}
}

func TestInstrumentThenRegister(t *testing.T) {
	t.Parallel()
	tel := newTelemetry(t)
	config := parse(t, database(t))
	inst, err := otelpool.Instrument(config, otelpool.WithMeterProvider(tel.provider))
	if err != nil {
		t.Fatal(err)
	}
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	if _, err := pool.Exec(t.Context(), "SELECT 1"); err != nil {
		t.Fatal(err)
	}
	if keys := gaugeKeys(tel.collect(t)); len(keys) > 0 {
		t.Errorf("gauges before Register: %v", keys)
	}
	if err := inst.Register(pool); err != nil {
		t.Fatal(err)
	}
	m := tel.collect(t)
	if got := m.value(t, idle); got != 1 {
		t.Errorf("%d idle, want 1", got)
	}
	if got := m.count(operationKey("SELECT", "")); got != 1 {
		t.Errorf("%d operations, want 1", got)
	}
	if err := inst.Unregister(); err != nil {
		t.Error(err)
	}
}

func TestRegisterOfAnExistingPoolGivesItsGauges(t *testing.T) {
	t.Parallel()
	tel := newTelemetry(t)
	pool, err := pgxpool.New(t.Context(), database(t))
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	inst, err := otelpool.Register(pool, otelpool.WithMeterProvider(tel.provider), otelpool.WithBaseSize(2))
	if err != nil {
		t.Fatal(err)
	}
	conn := acquire(t, pool)
	m := tel.collect(t)
	conn.Release()
	if m.value(t, used) != 1 || m.value(t, "pgxpool.size") != 2 {
		t.Errorf("collected %v", m)
	}
	for _, key := range []string{"db.client.connection.pending_requests", "db.client.connection.timeouts", "pgxpool.operations.capped"} {
		if _, ok := m[key]; ok {
			t.Errorf("%s is reported, though without hooks it is not known", key)
		}
	}
	if err := inst.Unregister(); err != nil {
		t.Error(err)
	}
	if keys := tel.collect(t).keys(""); len(keys) > 0 {
		t.Errorf("left after Unregister: %v", keys)
	}
}

func TestOneConfigurationBuildsManyPools(t *testing.T) {
	t.Parallel()
	tel := newTelemetry(t)
	config := parse(t, database(t))
	config.MaxConns = 3
	for _, name := range []string{"first", "second"} {
		pool, inst, err := otelpool.NewWithConfig(t.Context(), config, otelpool.WithMeterProvider(tel.provider), otelpool.WithPoolName(name))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { pool.Close(); _ = inst.Unregister() })
	}
	if config.ConnConfig.Tracer != nil || config.ShouldPing != nil || config.BeforeConnect != nil || config.PrepareConn != nil {
		t.Error("NewWithConfig changed the caller's configuration")
	}
}

func TestAClosedPoolIsEmptyUntilUnregister(t *testing.T) {
	t.Parallel()
	f := setup(t, 2, nil)
	f.exec(t, t.Context(), "SELECT 1")
	f.pool.Close()
	m := f.collect(t)
	if m.value(t, used) != 0 || m.value(t, idle) != 0 || m.value(t, "db.client.connection.max") != 2 {
		t.Errorf("a closed pool shows %v", m)
	}
	if _, err := f.pool.Exec(t.Context(), "SELECT 1"); err == nil {
		t.Error("a closed pool executes")
	}
	if got := f.collect(t).value(t, "db.client.connection.pending_requests"); got != 0 {
		t.Errorf("%d pending", got)
	}
}

func TestAClosedPoolMayBeRegistered(t *testing.T) {
	t.Parallel()
	config := parse(t, database(t))
	inst, err := otelpool.Instrument(config, otelpool.WithMeterProvider(newTelemetry(t).provider))
	if err != nil {
		t.Fatal(err)
	}
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	pool.Close()
	if err := inst.Register(pool); err != nil {
		t.Error(err)
	}
	if err := inst.Unregister(); err != nil {
		t.Error(err)
	}
}

func TestPoolWorksWhateverTheProviderIs(t *testing.T) {
	t.Parallel()
	shutDown := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader()))
	if err := shutDown.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	for name, provider := range map[string]metric.MeterProvider{
		"no-op":             noop.NewMeterProvider(),
		"shut down":         shutDown,
		"without reader":    sdkmetric.NewMeterProvider(),
		"not comparable":    uncomparable{noop.NewMeterProvider(), []int{1}},
		"global, never set": nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool, inst, err := otelpool.New(t.Context(), database(t), otelpool.WithMeterProvider(provider), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer pool.Close()
			if _, err := pool.Exec(t.Context(), "SELECT 1"); err != nil {
				t.Error(err)
			}
			if err := inst.Unregister(); err != nil {
				t.Error(err)
			}
		})
	}
}

type uncomparable struct {
	metric.MeterProvider
	_ []int
}

// TestGlobalProviderMayBeSetLater runs itself in a process of its own: the global provider can be set once.
func TestGlobalProviderMayBeSetLater(t *testing.T) {
	const inside = "OTELPOOL_TEST_GLOBAL_PROVIDER"
	if os.Getenv(inside) == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^TestGlobalProviderMayBeSetLater$", "-test.count=1")
		cmd.Env = append(os.Environ(), inside+"=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	pool, inst, err := otelpool.New(t.Context(), database(t), otelpool.WithPoolName("test"))
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	defer inst.Unregister()
	// Held while the provider is set: what began before must not end up half counted.
	held := acquire(t, pool)
	tel := newTelemetry(t)
	otel.SetMeterProvider(tel.provider)
	held.Release()
	if _, err := pool.Exec(t.Context(), "SELECT 1"); err != nil {
		t.Fatal(err)
	}
	m := tel.collect(t)
	if m.value(t, idle) != 1 || m.count(operationKey("SELECT", "")) != 1 || m.count("db.client.connection.use_time") != 1 {
		t.Errorf("collected %v", m)
	}
	if got := m.value(t, "db.client.connection.pending_requests"); got != 0 {
		t.Errorf("%d pending", got)
	}
}

func TestPendingIsRightWhereViewsDropTheHistograms(t *testing.T) {
	t.Parallel()
	reader := sdkmetric.NewManualReader()
	drop := sdkmetric.NewView(sdkmetric.Instrument{Kind: sdkmetric.InstrumentKindHistogram}, sdkmetric.Stream{Aggregation: sdkmetric.AggregationDrop{}})
	tel := telemetry{reader, sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader), sdkmetric.WithView(drop))}
	config := parse(t, database(t))
	config.MaxConns = 1
	pool, inst, err := otelpool.NewWithConfig(t.Context(), config, otelpool.WithMeterProvider(tel.provider))
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	defer inst.Unregister()
	tel.collect(t)
	held := acquire(t, pool)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if conn, err := pool.Acquire(context.Background()); err == nil {
			conn.Release()
		}
	}()
	eventually(t, "one caller waits", func() bool { return tel.collect(t).value(t, "db.client.connection.pending_requests") == 1 })
	held.Release()
	<-done
	if got := tel.collect(t).value(t, "db.client.connection.pending_requests"); got != 0 {
		t.Errorf("%d pending", got)
	}
}

func TestPoolsComeAndGoConcurrentSafe(t *testing.T) {
	t.Parallel()
	readers := [2]*sdkmetric.ManualReader{sdkmetric.NewManualReader(), sdkmetric.NewManualReader()}
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(readers[0]), sdkmetric.WithReader(readers[1]))
	connString := database(t)
	stop := make(chan struct{})
	var collecting, pools sync.WaitGroup
	for _, reader := range readers {
		tel := telemetry{reader, provider}
		collecting.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					tel.collect(t)
				}
			}
		})
	}
	shared := []attribute.KeyValue{attribute.String("zone", "z"), attribute.String("app", "a")}
	for i := range 6 {
		pools.Go(func() {
			for j := range 5 {
				pool, inst, err := otelpool.New(context.Background(), connString, otelpool.WithMeterProvider(provider),
					otelpool.WithPoolName(fmt.Sprint(i*j%4)), otelpool.WithAttributes(shared...), otelpool.WithAttributes(shared...))
				if err != nil {
					t.Error(err)
					return
				}
				<-load(pool, 4, 3)
				pool.Close()
				if err := inst.Unregister(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	pools.Wait()
	close(stop)
	collecting.Wait()
	if keys := gaugeKeys((telemetry{readers[0], provider}).collect(t)); len(keys) > 0 {
		t.Errorf("gauges are left: %v", keys)
	}
}
