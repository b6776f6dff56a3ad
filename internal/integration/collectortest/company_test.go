package collectortest_test

import (
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/otelpool/otelpool-go/exporters/otlp"
	"github.com/otelpool/otelpool-go/internal/catalogue"
	"github.com/otelpool/otelpool-go/internal/integration/stacktest"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

// poolNamed returns the attributes of a pool, with its system if that is not "".
func poolNamed(name, system string, more ...attribute.KeyValue) metric.MeasurementOption {
	attributes := append(more, attribute.String(catalogue.AttrPool, name))
	if system != "" {
		attributes = append(attributes, attribute.String(catalogue.AttrSystem, system))
	}
	return metric.WithAttributes(attributes...)
}

// instrumentCompany records metrics with otelpool's names and pools of the same name: of otelpgx, of a client of Redis,
// and of a program's own instrumentation.
func instrumentCompany(t *testing.T, provider metric.MeterProvider) {
	t.Helper()
	otelpgx := provider.Meter("github.com/exaring/otelpgx")
	add(t, otelpgx, "pgxpool.acquires", 1000, poolNamed("main", "postgresql"))
	record(t, otelpgx, "db.client.operation.duration", metric.WithAttributes(attribute.String(catalogue.AttrSystem, "postgresql"),
		attribute.String("pgx.operation.type", "acquire")))

	redis := provider.Meter("github.com/redis/go-redis")
	for _, state := range []string{catalogue.StateUsed, catalogue.StateIdle} {
		upDown(t, redis, "db.client.connection.count", 100, poolNamed("main", "redis", attribute.String(catalogue.AttrState, state)))
	}
	upDown(t, redis, "db.client.connection.max", 200, poolNamed("main", "redis"))
	upDown(t, redis, "db.client.connection.pending_requests", 50, poolNamed("main", "redis"))
	record(t, redis, "db.client.operation.duration", poolNamed("main", "redis", attribute.String(catalogue.AttrOperation, "GET")))
	record(t, redis, "db.client.connection.use_time", poolNamed("main", "redis"))

	own := provider.Meter("example.com/orders")
	upDown(t, own, "db.client.connection.count", 300, poolNamed("main", "", attribute.String("team", "a"), attribute.String(catalogue.AttrState, catalogue.StateUsed)))
	upDown(t, own, "pgxpool.size", 300, poolNamed("main", "", attribute.String("team", "a")))
	record(t, own, "db.client.connection.wait_time", poolNamed("main", "", attribute.String("team", "a")))
}

func add(t *testing.T, meter metric.Meter, name string, n int64, option metric.MeasurementOption) {
	t.Helper()
	counter, err := meter.Int64Counter(name)
	testutil.NoError(t, err)
	counter.Add(t.Context(), n, option)
}

func upDown(t *testing.T, meter metric.Meter, name string, n int64, option metric.MeasurementOption) {
	t.Helper()
	counter, err := meter.Int64UpDownCounter(name, metric.WithUnit("{connection}"))
	testutil.NoError(t, err)
	counter.Add(t.Context(), n, option)
}

func record(t *testing.T, meter metric.Meter, name string, option metric.MeasurementOption) {
	t.Helper()
	histogram, err := meter.Float64Histogram(name, metric.WithUnit("s"))
	testutil.NoError(t, err)
	histogram.Record(t.Context(), 9, option)
}

func TestOtherLibrariesChangeNoDocumentedValue(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(t *testing.T) (push string, served func() map[string]float64){
		"alone": func(t *testing.T) (string, func() map[string]float64) {
			c := startCollector(t, stacktest.Shipped(t, standalone))
			return "http://" + c.grpc, c.series(t)
		},
		"fleet": func(t *testing.T) (string, func() map[string]float64) {
			f := startFleet(t, stacktest.Shipped(t, gateway))
			return "http://" + f.agent.grpc, f.store.series(t)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			push, served := start(t)
			provider := newTelemetry(t, otlp.ProtocolGRPC, push, append(identity(), attribute.String("telemetry.sdk.language", "go"))...)
			instrumentCompany(t, provider)
			use(t, newPool(t, provider.MeterProvider))
			want := provider.push(t)
			becomes(t, "series of the pool", named(want.series, "db_pool_", "db_query_"), func() map[string]float64 {
				return named(served(), "db_pool_", "db_query_")
			})

			// Metrics of the others keep their own names. Some are missing, because the page has no labels of the scope
			// to distinguish equal series of two libraries.
			theirs := served()
			for key, value := range map[string]float64{
				`db_client_connection_max{db_client_connection_pool_name="main",db_system_name="redis"}`:    200,
				`pgxpool_acquires_total{db_client_connection_pool_name="main",db_system_name="postgresql"}`: 1000,
				`pgxpool_size{db_client_connection_pool_name="main",team="a"}`:                              300,
			} {
				if theirs[key] != value {
					t.Errorf("%s is %v, want %v", key, theirs[key], value)
				}
			}
			for key := range theirs {
				if strings.HasPrefix(key, "otelpool") {
					t.Errorf("%s has a name that is used within the Collector only", key)
				}
			}
		})
	}
}
