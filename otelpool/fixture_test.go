package otelpool_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/otelpool"
)

func TestMain(m *testing.M) { postgrestest.MainWithURL(m) }

// telemetry is a MeterProvider and its one reader.
type telemetry struct {
	reader   *sdkmetric.ManualReader
	provider *sdkmetric.MeterProvider
}

func newTelemetry(t testing.TB) telemetry {
	t.Helper()
	reader := sdkmetric.NewManualReader()
	return telemetry{reader, sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))}
}

// fixture is an instrumented pool on a database of its own.
type fixture struct {
	telemetry
	pool *pgxpool.Pool
	inst *otelpool.Instrumentation
}

// setup makes one of at most maxConns connections, named "test", and ends it with the test.
func setup(t testing.TB, maxConns int32, change func(*pgxpool.Config), opts ...otelpool.Option) fixture {
	t.Helper()
	f := fixture{telemetry: newTelemetry(t)}
	config := parse(t, database(t))
	config.MaxConns = maxConns
	if change != nil {
		change(config)
	}
	opts = append([]otelpool.Option{otelpool.WithMeterProvider(f.provider), otelpool.WithPoolName("test")}, opts...)
	var err error
	f.pool, f.inst, err = otelpool.NewWithConfig(t.Context(), config, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		closePool(t, f.pool)
		if err := f.inst.Unregister(); err != nil {
			t.Error(err)
		}
	})
	return f
}

// closePool closes a pool. Close waits for whoever still holds a connection, which a test that failed may do.
func closePool(t testing.TB, pool *pgxpool.Pool) {
	t.Helper()
	closed := make(chan struct{})
	go func() { pool.Close(); close(closed) }()
	select {
	case <-closed:
	case <-time.After(20 * time.Second):
		t.Error("a connection was not given back")
	}
}

func parse(t testing.TB, connString string) *pgxpool.Config {
	t.Helper()
	config, err := pgxpool.ParseConfig(connString)
	if err != nil {
		t.Fatal(err)
	}
	return config
}

func (f fixture) exec(t testing.TB, ctx context.Context, sql string, args ...any) {
	t.Helper()
	if _, err := f.pool.Exec(ctx, sql, args...); err != nil {
		t.Fatal(err)
	}
}

// metrics maps "name{key=value,...}" to what was collected: int64 or float64 for sums and gauges, a data point for histograms.
// Attributes that all series of an instrument share by design (pool, system) are left out of the key.
type metrics map[string]any

// collect reads all of our instruments.
func (tel telemetry) collect(t testing.TB) metrics {
	t.Helper()
	var rm metricdata.ResourceMetrics
	if err := tel.reader.Collect(context.Background(), &rm); err != nil {
		t.Fatal(err)
	}
	all := metrics{}
	for _, scope := range rm.ScopeMetrics {
		if scope.Scope.Name != otelpool.ScopeName {
			continue
		}
		for _, m := range scope.Metrics {
			all.add(t, m)
		}
	}
	return all
}

func (all metrics) add(t testing.TB, m metricdata.Metrics) {
	switch data := m.Data.(type) {
	case metricdata.Gauge[int64]:
		for _, p := range data.DataPoints {
			all[seriesKey(m.Name, p.Attributes)] = p.Value
		}
	case metricdata.Sum[int64]:
		for _, p := range data.DataPoints {
			all[seriesKey(m.Name, p.Attributes)] = p.Value
		}
	case metricdata.Gauge[float64]:
		for _, p := range data.DataPoints {
			all[seriesKey(m.Name, p.Attributes)] = p.Value
		}
	case metricdata.Sum[float64]:
		for _, p := range data.DataPoints {
			all[seriesKey(m.Name, p.Attributes)] = p.Value
		}
	case metricdata.Histogram[float64]:
		for _, p := range data.DataPoints {
			all[seriesKey(m.Name, p.Attributes)] = p
		}
	case metricdata.Histogram[int64]:
		for _, p := range data.DataPoints {
			all[seriesKey(m.Name, p.Attributes)] = p
		}
	default:
		t.Fatalf("%s is a %T", m.Name, data)
	}
}

func seriesKey(name string, set attribute.Set) string {
	var attrs []string
	for _, kv := range set.ToSlice() {
		switch kv.Key {
		case "db.client.connection.pool.name", "db.system.name":
			continue
		}
		attrs = append(attrs, string(kv.Key)+"="+kv.Value.String())
	}
	if attrs == nil {
		return name
	}
	return name + "{" + strings.Join(attrs, ",") + "}"
}

// value gives a sum or gauge.
func (all metrics) value(t testing.TB, key string) int64 {
	t.Helper()
	v, ok := all[key].(int64)
	if !ok {
		t.Fatalf("no %s among %v", key, all.keys(""))
	}
	return v
}

// seconds gives a sum or gauge of seconds.
func (all metrics) seconds(t testing.TB, key string) float64 {
	t.Helper()
	v, ok := all[key].(float64)
	if !ok {
		t.Fatalf("no %s among %v", key, all.keys(""))
	}
	return v
}

// count gives the number of samples of a histogram, 0 if there is none.
func (all metrics) count(key string) uint64 {
	switch p := all[key].(type) {
	case metricdata.HistogramDataPoint[float64]:
		return p.Count
	case metricdata.HistogramDataPoint[int64]:
		return p.Count
	}
	return 0
}

// sum gives the sum of a histogram in seconds.
func (all metrics) sum(key string) float64 {
	p, _ := all[key].(metricdata.HistogramDataPoint[float64])
	return p.Sum
}

// keys lists the series whose key begins with prefix.
func (all metrics) keys(prefix string) []string {
	var keys []string
	for key := range all {
		if strings.HasPrefix(key, prefix) {
			keys = append(keys, key)
		}
	}
	return keys
}

// eventually waits until the condition holds.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-deadline:
			t.Fatalf("not within 30 s: %s", what)
		case <-tick.C:
		}
	}
}

// inWindow lets f make a spike and look at the peaks, which it does again when it looked so late that the spike may have
// left their window of a second: what a peak was is to be judged after it. f tells since when the spike was to be seen.
func inWindow(f func() (spike time.Time)) {
	for time.Since(f()) > time.Second {
	}
}

func database(t testing.TB) string { return postgrestest.Database(t) }
