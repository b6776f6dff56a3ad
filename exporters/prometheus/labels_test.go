package prometheus_test

import (
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/otelpool/otelpool-go/exporters/prometheus"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

func TestUserAttributeGetsExportedPrefix(t *testing.T) {
	t.Parallel()
	exporter := newExporter(t, failOnError(t), prometheus.WithOpenTelemetryNames())
	observe(t, newProvider(t, exporter), "pgxpool.size", mainPool,
		attribute.String("pool", "theirs"), attribute.String("exported.pool", "too"), attribute.String("team", "a"))

	families := byName(gatherAll(t, exporter))
	testutil.Equal(t, "labels", labels(families["db_pool_size"].GetMetric()[0]), `exported_exported_pool="theirs",exported_pool="too",pool="main",team="a"`)
	testutil.Equal(t, "OpenTelemetry labels", labels(families["pgxpool_size"].GetMetric()[0]), `db_client_connection_pool_name="main",exported_pool="too",pool="theirs",team="a"`)
}

func TestViewDecidesWhetherMetricIsRenamed(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		view sdkmetric.View
		want string // the family and the labels of the series
	}{
		"renamed": {
			sdkmetric.NewView(sdkmetric.Instrument{Name: "db.client.connection.count"}, sdkmetric.Stream{Name: "mine"}),
			`mine{db_client_connection_pool_name="main",db_client_connection_state="used",otel_scope_name="` + poolScope +
				`",otel_scope_schema_url="",otel_scope_version=""}`,
		},
		"without the state": {
			sdkmetric.NewView(sdkmetric.Instrument{Name: "db.client.connection.count"},
				sdkmetric.Stream{AttributeFilter: attribute.NewAllowKeysFilter(mainPool.Key)}),
			`db_client_connection_count{db_client_connection_pool_name="main"}`,
		},
		"of another kind": {
			sdkmetric.NewView(sdkmetric.Instrument{Name: "db.client.connection.count"},
				sdkmetric.Stream{Aggregation: sdkmetric.AggregationExplicitBucketHistogram{Boundaries: []float64{1}}}),
			`db_client_connection_count{db_client_connection_pool_name="main",db_client_connection_state="used",otel_scope_name="` + poolScope +
				`",otel_scope_schema_url="",otel_scope_version=""}`,
		},
		"without the pool": {
			sdkmetric.NewView(sdkmetric.Instrument{Name: "db.client.connection.count"},
				sdkmetric.Stream{AttributeFilter: attribute.NewDenyKeysFilter(mainPool.Key)}),
			`db_pool_checked_out{}`,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			exporter := newExporter(t, failOnError(t), prometheus.WithoutTargetInfo())
			provider := sdkmetric.NewMeterProvider(shop, sdkmetric.WithReader(exporter), sdkmetric.WithView(test.view))
			counter, err := provider.Meter(poolScope).Int64UpDownCounter("db.client.connection.count")
			testutil.NoError(t, err)
			counter.Add(t.Context(), 1, metric.WithAttributes(mainPool, attribute.String("db.client.connection.state", "used")))

			families := gatherAll(t, exporter)
			if len(families) != 1 || len(families[0].Metric) != 1 {
				t.Fatalf("got %v", families)
			}
			testutil.Equal(t, "series", families[0].GetName()+"{"+labels(families[0].Metric[0])+"}", test.want)
		})
	}
}

// Prometheus rejects the whole page if a series has the label le twice.
func TestBucketLabelIsUnique(t *testing.T) {
	t.Parallel()
	exporter := newExporter(t, failOnError(t), prometheus.WithResourceAsConstantLabels(attribute.NewAllowKeysFilter("le")),
		prometheus.WithoutScopeInfo(), prometheus.WithoutTargetInfo())
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter),
		sdkmetric.WithResource(resource.NewSchemaless(attribute.String("le", "of the resource"))))
	for scope, name := range map[string]string{poolScope: "db.client.connection.wait_time", "example.com/queue": "queue.wait"} {
		wait, err := provider.Meter(scope).Float64Histogram(name, metric.WithUnit("s"), metric.WithExplicitBucketBoundaries(1))
		testutil.NoError(t, err)
		wait.Record(t.Context(), 0.5, metric.WithAttributes(mainPool))
		if scope != poolScope {
			wait.Record(t.Context(), 0.5, metric.WithAttributes(attribute.String("le", "of the library"), attribute.String("exported_le", "too")))
		}
	}
	observe(t, provider, "pgxpool.size", mainPool)

	for range 2 { // A second scrape has the same labels.
		wantOnce(t, page(t, exporter, acceptText),
			`db_pool_acquire_duration_seconds_bucket{exported_le="of the resource",pool="main",le="1"} 1`,
			`db_pool_acquire_duration_seconds_count{exported_le="of the resource",pool="main"} 1`,
			`queue_wait_seconds_bucket{db_client_connection_pool_name="main",exported_le="of the resource",le="1"} 1`,
			`queue_wait_seconds_bucket{exported_exported_le="of the library",exported_le="too",le="1"} 1`,
			`db_pool_size{le="of the resource",pool="main"} 1`)
	}
}

func TestAttributeWinsOverResourceLabel(t *testing.T) {
	t.Parallel()
	exporter := newExporter(t, failOnError(t), prometheus.WithResourceAsConstantLabels(attribute.NewDenyKeysFilter()), prometheus.WithoutScopeInfo())
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter), sdkmetric.WithResource(resource.NewSchemaless(
		attribute.String("team", "of the resource"), attribute.String("zone.id", "1"), attribute.String("zone_id", "2"), attribute.String("pool", "p"))))
	observe(t, provider, "pgxpool.size", mainPool, attribute.String("team", "a"))
	observe(t, provider, "pgxpool.size", poolNamed("replica"))
	count(t, provider.Meter("example.com/cache"), "cache.hits", 1, attribute.String("team", "b"))

	for range 2 {
		wantOnce(t, page(t, exporter, acceptText),
			`db_pool_size{exported_pool="p",pool="main",team="a",zone_id="1;2"} 1`,
			`db_pool_size{exported_pool="p",pool="replica",team="of the resource",zone_id="1;2"} 1`,
			`cache_hits_total{pool="p",team="b",zone_id="1;2"} 1`,
			`target_info{pool="p",team="of the resource",zone_id="1;2"} 1`)
	}
}
