package collectortest_test

import (
	"maps"
	"regexp"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/otelpool/otelpool-go/exporters/otlp"
	"github.com/otelpool/otelpool-go/internal/catalogue"
	"github.com/otelpool/otelpool-go/internal/integration/stacktest"
	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

// endpointOf returns the URL to push to by each protocol.
var endpointOf = map[otlp.Protocol]func(*collector) string{
	otlp.ProtocolGRPC: func(c *collector) string { return "http://" + c.grpc },
	otlp.ProtocolHTTP: func(c *collector) string { return "http://" + c.http + "/v1/metrics" },
}

func TestCollectorServesSamePageAsBridge(t *testing.T) {
	t.Parallel()
	for protocol, endpoint := range endpointOf {
		t.Run(string(protocol), func(t *testing.T) {
			t.Parallel()
			c := startCollector(t, stacktest.Shipped(t, standalone))
			provider := newTelemetry(t, protocol, endpoint(c), identity()...)
			instrumentAnotherLibrary(t, provider)
			pool := newPool(t, provider.MeterProvider)
			use(t, pool)
			showHolders(t, provider, pool)
			want := provider.push(t)
			hasAllOf(t, want)
			served := func() page { return c.read(t) }
			becomes(t, "page at rest", want.series, func() map[string]float64 { return served().series })
			if got := served().metrics; !maps.Equal(got, want.metrics) {
				t.Errorf("types and help texts are\n%v\nwant\n%v", got, want.metrics)
			}
			openMetrics := get(t, "http://"+c.page+"/metrics", "application/openmetrics-text")
			for _, name := range []string{"db_query_duration", "db_pool_acquire_duration", "db_pool_hold_duration"} {
				if !regexp.MustCompile(`(?m)^` + name + `_seconds_bucket\{.* # \{.*trace_id="` + traceID.String() + `"`).MatchString(openMetrics) {
					t.Errorf("no exemplar of %s:\n%s", name, openMetrics)
				}
			}

			// Hold connections so that values differ from zero.
			defer postgrestest.Release(postgrestest.Hold(t, pool, 7))
			want = provider.push(t, "db_pool_oldest_hold_seconds", "db_pool_held_oldest_seconds")
			testutil.Equal(t, "connections in use", want.series[`db_pool_checked_out{pool="main",team="a"}`], 7)
			becomes(t, "page of a pool in use", want.series, func() map[string]float64 {
				return without(served(), []string{"db_pool_oldest_hold_seconds", "db_pool_held_oldest_seconds"}).series
			})
		})
	}
}

// showHolders makes the service report a hold, and continues to hold it.
func showHolders(t *testing.T, provider telemetry, pool *pgxpool.Pool) {
	t.Helper()
	held := postgrestest.Hold(t, pool, 1)
	provider.read(t, nil)
	postgrestest.Release(held)
}

// hasAllOf checks that a page has every metric of the catalogue.
func hasAllOf(t *testing.T, p page) {
	t.Helper()
	rare := map[string]bool{
		"db_pool_connections_errors_total": true, // needs a server that refuses connections
		"db_pool_finding":                  true, // is turned off
	}
	for _, row := range catalogue.Rows() {
		if _, has := p.metrics[row.ExposedName()]; !has && !row.Database && !rare[row.ExposedName()] {
			t.Errorf("the page has no %s", row.ExposedName())
		}
	}
}

// instrumentAnotherLibrary records metrics that the catalogue does not have.
func instrumentAnotherLibrary(t *testing.T, provider metric.MeterProvider) {
	t.Helper()
	meter := provider.Meter("example.com/cache")
	hits, err := meter.Int64Counter("cache.hits", metric.WithDescription("Hits."))
	testutil.NoError(t, err)
	latency, err := meter.Float64Histogram("pgxpool.latency", metric.WithUnit("s"))
	testutil.NoError(t, err)
	pool := metric.WithAttributes(attribute.String(catalogue.AttrPool, "main"), attribute.String("pool", "cache"))
	hits.Add(t.Context(), 3, pool)
	latency.Record(t.Context(), 0.25, pool)
}

func TestCollidingLabelsAreRenamedAsInBridge(t *testing.T) {
	t.Parallel()
	c := startCollector(t, stacktest.Shipped(t, standalone))
	provider := newTelemetry(t, otlp.ProtocolGRPC, "http://"+c.grpc, identity()...)
	meter := provider.Meter(catalogue.ScopeName)
	size, err := meter.Int64Gauge("pgxpool.size")
	testutil.NoError(t, err)
	held, err := meter.Float64Histogram("db.client.connection.use_time", metric.WithUnit("s"))
	testutil.NoError(t, err)
	idle, err := meter.Int64UpDownCounter("db.client.connection.idle.max")
	testutil.NoError(t, err)
	collide := metric.WithAttributes(attribute.String(catalogue.AttrPool, "main"), attribute.String("pool", "mine"),
		attribute.String(catalogue.AttrOperation, "get"), attribute.String("operation", "mine"))
	size.Record(t.Context(), 5, collide)
	held.Record(t.Context(), 0.5, collide)
	idle.Add(t.Context(), 2, collide)

	want := provider.push(t).series
	for _, key := range []string{
		`db_pool_hold_duration_seconds_count{exported_operation="mine",exported_pool="mine",operation="get",pool="main"}`,
		`db_client_connection_idle_max{db_client_connection_pool_name="main",db_query_summary="get",operation="mine",pool="mine"}`,
	} {
		if _, has := want[key]; !has {
			t.Errorf("the bridge has no %s", key)
		}
	}
	becomes(t, "page", want, c.series(t))
}

func TestPoolsOfOtherLanguagesGetDocumentedNames(t *testing.T) {
	t.Parallel()
	c := startCollector(t, stacktest.Shipped(t, standalone))
	provider := newTelemetry(t, otlp.ProtocolHTTP, "http://"+c.http, append(identity(), attribute.String("telemetry.sdk.language", "java"))...)
	meter := provider.Meter("io.opentelemetry.hikaricp-3.0")
	for state, n := range map[string]int64{catalogue.StateUsed: 9, catalogue.StateIdle: 1, "draining": 1} {
		upDown(t, meter, "db.client.connection.count", n, poolNamed("HikariPool-1", "", attribute.String(catalogue.AttrState, state)))
	}
	upDown(t, meter, "db.client.connection.max", 10, poolNamed("HikariPool-1", ""))
	upDown(t, meter, "db.client.connection.max", 20, poolNamed("users", "mysql"))
	upDown(t, meter, "db.client.connection.max", 30, metric.WithAttributes())
	upDown(t, meter, "db.client.connection.pending_requests", 4, poolNamed("HikariPool-1", ""))
	add(t, meter, "db.client.connection.timeouts", 5, poolNamed("HikariPool-1", ""))
	provider.push(t)
	becomes(t, "page", map[string]float64{
		`db_pool_size{pool="HikariPool-1"}`:           10,
		`db_pool_max{pool="HikariPool-1"}`:            10,
		`db_pool_num_overflow{pool="HikariPool-1"}`:   0,
		`db_pool_checked_out{pool="HikariPool-1"}`:    9,
		`db_pool_checked_in{pool="HikariPool-1"}`:     1,
		`db_pool_overflow{pool="HikariPool-1"}`:       0,
		`db_pool_pending{pool="HikariPool-1"}`:        4,
		`db_pool_timeouts_total{pool="HikariPool-1"}`: 5,
		`db_client_connection_count{db_client_connection_pool_name="HikariPool-1",db_client_connection_state="draining"}`: 1,
		`db_client_connection_max{db_client_connection_pool_name="users",db_system_name="mysql"}`:                         20,
		`db_client_connection_max{}`: 30,
	}, c.series(t))
}
