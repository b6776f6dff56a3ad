package prometheus_test

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	client "github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelpool/otelpool-go/exporters/direct"
	"github.com/otelpool/otelpool-go/exporters/prometheus"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

var update = flag.Bool("update", false, "write the golden files")

func TestMain(m *testing.M) {
	flag.Parse()
	// Both would change the pages.
	os.Unsetenv("OTEL_RESOURCE_ATTRIBUTES")
	os.Unsetenv("OTEL_SERVICE_NAME")
	os.Exit(m.Run())
}

const (
	acceptText        = "text/plain;version=0.0.4"
	acceptOpenMetrics = "application/openmetrics-text;version=1.0.0"
	acceptProtobuf    = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
)

func TestPageHasDocumentedNames(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, newProvider func(*prometheus.Exporter) metric.MeterProvider) {
		exporter := newExporter(t, failOnError(t), nil, prometheus.WithErrorHandler(nil), prometheus.WithGatherer(nil),
			prometheus.WithProducer(nil), prometheus.WithAggregationSelector(nil), prometheus.WithResourceAsConstantLabels(nil))
		instrument(t, newProvider(exporter), []string{"main", "replica"}, poolInstruments)

		compareGolden(t, "documented.txt", page(t, exporter, acceptText))
		compareGolden(t, "documented.txt", page(t, exporter, acceptText)) // A scrape changes nothing.
	})
}

func TestOpenMetricsPageHasExemplars(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, newProvider func(*prometheus.Exporter) metric.MeterProvider) {
		exporter := newExporter(t, failOnError(t))
		r := instrument(t, newProvider(exporter), []string{"main"}, poolInstruments)
		r.recordAll(traced(t.Context()))

		compareGolden(t, "openmetrics.txt", settleExemplars(page(t, exporter, acceptOpenMetrics)))
	})
}

func TestOpenTelemetryNamesAreAddedToPage(t *testing.T) {
	t.Parallel()
	bothWays(t, func(t *testing.T, newProvider func(*prometheus.Exporter) metric.MeterProvider) {
		exporter := newExporter(t, failOnError(t), prometheus.WithOpenTelemetryNames())
		instrument(t, newProvider(exporter), []string{"main"}, poolInstruments)

		compareGolden(t, "both.txt", page(t, exporter, acceptText))
	})
}

// bothWays runs a test with the SDK's MeterProvider and with that of package direct.
func bothWays(t *testing.T, test func(*testing.T, func(*prometheus.Exporter) metric.MeterProvider)) {
	t.Run("SDK", func(t *testing.T) {
		test(t, func(e *prometheus.Exporter) metric.MeterProvider { return newProvider(t, e) })
	})
	t.Run("direct", func(t *testing.T) {
		test(t, func(e *prometheus.Exporter) metric.MeterProvider {
			return direct.NewMeterProvider(direct.WithReader(e), direct.WithResource(shopResource))
		})
	})
}

func TestOtherMetricsEqualOfficialExporter(t *testing.T) {
	t.Parallel()
	registry := client.NewRegistry()
	official := newProvider(t, newOfficial(t, registry))
	exporter := newExporter(t, failOnError(t))
	bridged := newProvider(t, exporter)
	for _, provider := range []*sdkmetric.MeterProvider{official, bridged} {
		instrumentOthers(t, provider)
	}
	instrument(t, bridged, []string{"main"}, poolInstruments)

	want := gatherAll(t, registry)
	compareGolden(t, "others.txt", text(t, want))
	if got := text(t, only(gatherAll(t, exporter), familyNames(want)...)); got != text(t, want) {
		t.Errorf("other libraries' metrics differ from the official exporter's:\n%s\nwant\n%s", got, text(t, want))
	}
}

// exemplarTime matches the end of a line with an exemplar, of which the first part stays.
var exemplarTime = regexp.MustCompile(`(?m)( # \{.*\} \S+) [0-9.e+]+$`)

// settleExemplars removes the time from exemplars and sorts their labels.
func settleExemplars(openMetrics string) string {
	return exemplarTime.ReplaceAllString(sortExemplars(openMetrics), "$1 TIME")
}

func compareGolden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		testutil.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	testutil.NoError(t, err)
	if got != string(want) {
		t.Errorf("%s differs, go test -update would write\n%s", path, got)
	}
}
