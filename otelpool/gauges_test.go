package otelpool_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

// TestGaugesEqualStatAtRest compares gauges and Stat between bursts of load, and gauges with each other during them.
func TestGaugesEqualStatAtRest(t *testing.T) {
	t.Parallel()
	f := setup(t, 7, func(c *pgxpool.Config) { c.MinIdleConns = 2 }, otelpool.WithBaseSize(3))
	for range 3 {
		testutil.During(func() { load(f.pool, 200, 3) }, func() { checkIdentities(t, f.collect(t)) })
		quiet(t, f.pool)
		m, stat := f.collect(t), f.pool.Stat()
		m.check(t, map[string]int64{
			used:                            int64(stat.AcquiredConns()),
			idle:                            int64(stat.IdleConns()),
			"pgxpool.constructing":          int64(stat.ConstructingConns()),
			"db.client.connection.max":      int64(stat.MaxConns()),
			"db.client.connection.idle.max": 7,
			"db.client.connection.idle.min": 2,
			pendingRequests:                 0,
			"db.client.connection.timeouts": 0,
			"pgxpool.size":                  3,
			"pgxpool.overflow":              0,
			"pgxpool.overflow.max":          4,
			"pgxpool.operations.capped":     0,
		})
	}
}

// checkIdentities checks what is true of the gauges at any moment.
func checkIdentities(t *testing.T, m metrics) {
	t.Helper()
	v := func(key string) int64 { return m.value(t, key) }
	if v(used) > v("db.client.connection.max") {
		t.Errorf("%d in use, more than the maximum", v(used))
	}
	checkEqual(t, "overflow", v("pgxpool.overflow"), max(0, v(used)-v("pgxpool.size")))
	checkEqual(t, "size and overflow.max", v("pgxpool.size")+v("pgxpool.overflow.max"), v("db.client.connection.max"))
	for key, value := range m {
		i, _ := value.(int64)
		if f, _ := value.(float64); i < 0 || f < 0 {
			t.Errorf("%s is %v", key, value)
		}
	}
}

// TestPeakShowsSpikeToEveryReader makes a spike that is over before a collection. One reader reads three times, the other
// once.
func TestPeakShowsSpikeToEveryReader(t *testing.T) {
	t.Parallel()
	readers := []*sdkmetric.ManualReader{sdkmetric.NewManualReader(), sdkmetric.NewManualReader()}
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(readers[0]), sdkmetric.WithReader(readers[1]))
	config := parse(t, database(t))
	config.MaxConns = 10
	pool, _ := newInstrumented(t, config, otelpool.WithMeterProvider(provider), otelpool.WithPeakWindow(time.Second))
	peakOf := func(reader *sdkmetric.ManualReader) int64 {
		return (telemetry{reader, provider}).collect(t).value(t, "pgxpool.peak")
	}
	peakOf(readers[0])
	var seen [4]int64
	inWindow(func() (spike time.Time) {
		conns := postgrestest.Hold(t, pool, 7)
		spike = time.Now()
		postgrestest.Release(conns)
		for i := range seen {
			seen[i] = peakOf(readers[i/3])
		}
		return spike
	})
	if want := [4]int64{7, 7, 7, 7}; seen != want {
		t.Errorf("the first reader sees %d, the second %d, want %d", seen[:3], seen[3:], want)
	}
	testutil.Eventually(t, "the spike leaves the window", func() bool { return peakOf(readers[0]) == 0 && peakOf(readers[1]) == 0 })
}
