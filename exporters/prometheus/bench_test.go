package prometheus_test

import (
	"slices"
	"testing"

	client "github.com/prometheus/client_golang/prometheus"
	otelprom "go.opentelemetry.io/otel/exporters/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelpool/otelpool-go/exporters/prometheus"
)

// BenchmarkGather gathers the same data with the official exporter, without scope labels, and with the bridge: 100
// pools with their gauges and counters and 20 operations each.
func BenchmarkGather(b *testing.B) {
	for _, bench := range gatherers(b) {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				gather(b, bench.gatherer)
			}
		})
	}
}

type namedGatherer struct {
	name     string
	gatherer client.Gatherer
}

func gatherers(b *testing.B) []namedGatherer {
	b.Helper()
	registry := client.NewRegistry()
	official, err := otelprom.New(otelprom.WithRegisterer(registry), otelprom.WithoutScopeInfo())
	if err != nil {
		b.Fatal(err)
	}
	bridge, both := newExporter(b), newExporter(b, prometheus.WithOpenTelemetryNames())
	provider := sdkmetric.NewMeterProvider(shop, sdkmetric.WithCardinalityLimit(0),
		sdkmetric.WithReader(official), sdkmetric.WithReader(bridge), sdkmetric.WithReader(both))

	specs := slices.DeleteFunc(withOperations(20), func(s instrumentSpec) bool { return s.name == "db.client.response.returned_rows" })
	instrument(b, provider, names("pool-%03d", 100), specs)
	return []namedGatherer{{"official", registry}, {"bridge", bridge}, {"bridge-both-names", both}}
}

func gather(b *testing.B, gatherer client.Gatherer) {
	b.Helper()
	if families, err := gatherer.Gather(); err != nil || len(families) < len(poolInstruments)-1 {
		b.Fatalf("%d families, %v", len(families), err)
	}
}
