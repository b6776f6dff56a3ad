package prometheus_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/otelpool/otelpool-go/exporters/prometheus"
	"github.com/otelpool/otelpool-go/internal/catalogue"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

func TestFixtureMatchesCatalogue(t *testing.T) {
	t.Parallel()
	kinds := map[string]catalogue.Kind{
		"gauge": catalogue.ObservableGauge, "updown": catalogue.ObservableUpDownCounter,
		"async counter": catalogue.ObservableCounter, "histogram": catalogue.Histogram,
	}
	type instrument struct {
		name, unit string
		kind       catalogue.Kind
	}
	var want, got []instrument
	for _, spec := range poolInstruments {
		want = append(want, instrument{spec.name, spec.unit, kinds[spec.kind]})
	}
	for _, row := range catalogue.Rows() {
		if i := (instrument{row.Name, row.Unit, row.Kind}); !slices.Contains(got, i) {
			got = append(got, i)
		}
	}
	byName := func(a, b instrument) int { return strings.Compare(a.name, b.name) }
	slices.SortFunc(want, byName)
	slices.SortFunc(got, byName)
	if !slices.Equal(got, want) {
		t.Errorf("catalogue has\n%v\nwant\n%v", got, want)
	}
	testutil.Equal(t, "scope", catalogue.ScopeName, poolScope)
}

func TestOnlyOpenTelemetryNameHasLintProblem(t *testing.T) {
	t.Parallel()
	exporter := newExporter(t, failOnError(t), prometheus.WithOpenTelemetryNames()) // beside the documented ones
	instrument(t, newProvider(t, exporter), []string{"main"}, poolInstruments)

	problems, err := promlint.NewWithMetricFamilies(gatherAll(t, exporter)).Lint()
	if err != nil || len(problems) != 1 || problems[0].Metric != "db_client_connection_count" || !strings.Contains(problems[0].Text, "_count") {
		t.Errorf("%v, %v", problems, err)
	}
}

func TestTranslatedMetricSharesFamilyWithOthers(t *testing.T) {
	t.Parallel()
	exporter := newExporter(t, failOnError(t), prometheus.WithOpenTelemetryNames())
	provider := newProvider(t, exporter)
	instrumentOthers(t, provider)
	instrument(t, provider, []string{"main"}, poolInstruments)

	families := byName(gatherAll(t, exporter))
	family := families["db_client_operation_duration_seconds"]
	if family.GetHelp() != "Duration of database client operations." || len(family.GetMetric()) != 3+2 {
		t.Errorf("got %v", family)
	}
	testutil.Equal(t, "documented series", len(families["db_query_duration_seconds"].GetMetric()), 2)
}

func TestOtherOptionsDoNotChangePoolMetrics(t *testing.T) {
	t.Parallel()
	exporter := newExporter(t, failOnError(t),
		prometheus.WithNamespace("shop"), prometheus.WithoutScopeInfo(), prometheus.WithoutTargetInfo())
	provider := newProvider(t, exporter)
	observe(t, provider, "pgxpool.size", mainPool)
	count(t, provider.Meter("example.com/cache"), "cache.hits", 1)

	want := "# HELP db_pool_size Base number of connections of the pool, overflow not included.\n# TYPE db_pool_size gauge\n" +
		"db_pool_size{pool=\"main\"} 1\n# HELP shop_cache_hits_total \n# TYPE shop_cache_hits_total counter\nshop_cache_hits_total 1\n"
	testutil.Equal(t, "the page", page(t, exporter, acceptText), want)
}
