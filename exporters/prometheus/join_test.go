package prometheus_test

import (
	"errors"
	"strings"
	"testing"

	client "github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/otelpool/otelpool-go/exporters/prometheus"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

// sizeHelp is the help text of db_pool_size.
const sizeHelp = "Base number of connections of the pool, overflow not included."

func TestJoinedRegistryIsOnThePage(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		joined   client.Gatherer
		wantPage []string
		wantErr  string
	}{
		"other names": {
			joined:   registryWith(t, "theirs", "Theirs."),
			wantPage: []string{"# HELP theirs Theirs.", "theirs 1"},
		},
		"a help text that is not UTF-8": { // Prometheus would reject the page
			joined:   registryWith(t, "theirs", "Their\xffs."),
			wantPage: []string{"# HELP theirs Their\uFFFDs.", "theirs 1"},
		},
		"one of our names": {
			joined:  registryWith(t, "db_pool_size", "By hand."),
			wantErr: `a second metric "db_pool_size", from a joined registry, is left out: its help text is "By hand."`,
		},
		"one of our names with our help text": {
			joined:   registryWith(t, "db_pool_size", sizeHelp),
			wantPage: []string{"db_pool_size 1"},
		},
		"one of our names with another type": {
			joined: families(&dto.MetricFamily{Name: new("db_pool_size"), Help: new(sizeHelp), Type: dto.MetricType_COUNTER.Enum(),
				Metric: []*dto.Metric{{Counter: &dto.Counter{Value: new(1.0)}}}}),
			wantErr: `a second metric "db_pool_size" is left out: it is a counter and the first is a gauge`,
		},
		"one of our series": {
			joined: families(&dto.MetricFamily{Name: new("db_pool_size"), Help: new(sizeHelp), Type: dto.MetricType_GAUGE.Enum(),
				Metric: []*dto.Metric{{Label: []*dto.LabelPair{{Name: new("pool"), Value: new("main")}}, Gauge: &dto.Gauge{Value: new(9.0)}}}}),
			wantErr: `metric "db_pool_size" has 1 duplicate series, which are left out; the first is {pool="main"}`,
		},
		"a name that one of our histograms has": {
			joined:  registryWith(t, "db_pool_acquire_duration_seconds_count", "By hand."),
			wantErr: `metric "db_pool_acquire_duration_seconds_count" is left out: its name collides with the series of "db_pool_acquire_duration_seconds"`,
		},
		"a histogram that has one of our names": {
			joined: families(&dto.MetricFamily{Name: new("db_pool"), Type: dto.MetricType_GAUGE.Enum(),
				Metric: []*dto.Metric{{Gauge: &dto.Gauge{Value: new(3.0)}}}},
				&dto.MetricFamily{Name: new("x_sum"), Type: dto.MetricType_GAUGE.Enum(), Metric: []*dto.Metric{{Gauge: &dto.Gauge{}}}},
				&dto.MetricFamily{Name: new("x"), Type: dto.MetricType_SUMMARY.Enum(), Metric: []*dto.Metric{{Summary: &dto.Summary{}}}}),
			wantPage: []string{"db_pool 3", "x_sum 0"},
			wantErr:  `metric "x" is left out: its name collides with the series of "x_sum"`,
		},
		"no proper metrics": {
			joined: families(nil, &dto.MetricFamily{Name: new("empty")},
				&dto.MetricFamily{Name: new("nothing"), Type: dto.MetricType_GAUGE.Enum(), Metric: []*dto.Metric{nil}}),
			wantErr: `metric "nothing", from a joined registry, is left out: one of its series is not a gauge`,
		},
		"an error": {
			joined:  client.GathererFunc(func() ([]*dto.MetricFamily, error) { return nil, errBroken }),
			wantErr: "prometheus: gather a joined registry: broken",
		},
		"a panic": {
			joined:  client.GathererFunc(func() ([]*dto.MetricFamily, error) { panic("no") }),
			wantErr: "prometheus: gather a joined registry panicked: no",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reported := &errorList{}
			exporter := newExporter(t, prometheus.WithGatherer(test.joined), prometheus.WithErrorHandler(reported))
			instrument(t, newProvider(t, exporter), []string{"main"}, poolInstruments)

			body := page(t, exporter, acceptText)
			for _, want := range append(test.wantPage, `db_pool_size{pool="main"} 1`, `db_pool_acquire_duration_seconds_count{pool="main"} 3`) {
				if strings.Count(body, want+"\n") != 1 {
					t.Errorf("page does not have %q exactly once:\n%s", want, body)
				}
			}
			got := errors.Join(reported.all()...)
			if test.wantErr == "" && got != nil || test.wantErr != "" && (got == nil || !strings.Contains(got.Error(), test.wantErr)) {
				t.Errorf("reported %v, want %q", got, test.wantErr)
			}
		})
	}
}

func TestJoinedFamiliesAreNotChanged(t *testing.T) {
	t.Parallel()
	kept := func(pool string) *dto.MetricFamily {
		series := make([]*dto.Metric, 1, 8)
		series[0] = &dto.Metric{Label: []*dto.LabelPair{{Name: new("pool"), Value: new(pool)}}, Gauge: &dto.Gauge{Value: new(1.0)}}
		return &dto.MetricFamily{Name: new("theirs"), Help: new("Theirs."), Type: dto.MetricType_GAUGE.Enum(), Metric: series}
	}
	last, first := kept("z"), kept("a")
	exporter := newExporter(t, failOnError(t), prometheus.WithGatherer(families(last)), prometheus.WithGatherer(families(first)))
	newProvider(t, exporter)

	testutil.Equal(t, "series", len(byName(gatherAll(t, exporter))["theirs"].GetMetric()), 2)
	if len(last.Metric) != 1 || labels(last.Metric[0]) != `pool="z"` || len(first.Metric) != 1 || labels(first.Metric[0]) != `pool="a"` {
		t.Errorf("they are now %v and %v", last, first)
	}
}

func TestFullCollectorMetricsEqualExporterMetrics(t *testing.T) {
	t.Parallel()
	exporter := newExporter(t, failOnError(t), prometheus.WithFullCollector())
	r := instrument(t, newProvider(t, exporter), []string{"main", "replica"}, poolInstruments)
	r.recordAll(traced(t.Context()))
	registry := client.NewRegistry()
	registry.MustRegister(exporter.Collector())

	testutil.Equal(t, "of the registry", text(t, gatherAll(t, registry)), text(t, gatherAll(t, exporter)))
	both := client.Gatherers{registryWith(t, "theirs", "Theirs."), exporter}
	if names := familyNames(gatherAll(t, both)); len(names) != len(gatherAll(t, exporter))+1 {
		t.Errorf("together they have %v", names)
	}
}

func TestCollectorDoesNotFailTheRegistry(t *testing.T) {
	t.Parallel()
	reported := &errorList{}
	exporter := newExporter(t, prometheus.WithErrorHandler(reported))
	registry := registryWith(t, "theirs", "Theirs.")
	registry.MustRegister(exporter.Collector())

	gatherAll(t, registry)
	if got := reported.all(); len(got) != 1 || !strings.Contains(got[0].Error(), "sdkmetric.WithReader") {
		t.Errorf("before registration: reported %v", got)
	}
	provider := newProvider(t, exporter)
	observe(t, provider, "pgxpool.size", mainPool)
	if byName(gatherAll(t, registry))["db_pool_size"] == nil {
		t.Error("after registration: no db_pool_size")
	}
	testutil.NoError(t, provider.Shutdown(t.Context()))
	if names := familyNames(gatherAll(t, registry)); len(names) != 1 || len(reported.all()) != 1 {
		t.Errorf("after shutdown: families %v, reported %v", names, reported.all())
	}
}

func families(all ...*dto.MetricFamily) client.Gatherer {
	return client.GathererFunc(func() ([]*dto.MetricFamily, error) { return all, nil })
}
