package readme

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"

	"github.com/otelpool/otelpool-go/internal/catalogue"
	"github.com/otelpool/otelpool-go/otelpool"
)

var update = flag.Bool("update", false, "write the generated parts of the documents anew")

const (
	tableFile  = "docs/metrics.md"
	tableBegin = "<!-- metrics: made by go test ./internal/readme -update -->\n"
	tableEnd   = "<!-- metrics end -->\n"
)

// instruments is a MeterProvider that records each created instrument as "name kind unit".
type instruments struct {
	noop.MeterProvider
	mu      sync.Mutex
	created map[string]string
}

func (p *instruments) Meter(string, ...metric.MeterOption) metric.Meter { return meter{provider: p} }

type meter struct {
	noop.Meter
	provider *instruments
}

func (m meter) add(name string, kind catalogue.Kind, unit string) {
	m.provider.mu.Lock()
	defer m.provider.mu.Unlock()
	m.provider.created[name] = fmt.Sprint(kind, " ", unit)
}

func (m meter) Float64Histogram(name string, opts ...metric.Float64HistogramOption) (metric.Float64Histogram, error) {
	m.add(name, catalogue.Histogram, metric.NewFloat64HistogramConfig(opts...).Unit())
	return m.Meter.Float64Histogram(name, opts...)
}

func (m meter) Int64Histogram(name string, opts ...metric.Int64HistogramOption) (metric.Int64Histogram, error) {
	m.add(name, catalogue.Histogram, metric.NewInt64HistogramConfig(opts...).Unit())
	return m.Meter.Int64Histogram(name, opts...)
}

func (m meter) Int64ObservableCounter(name string, opts ...metric.Int64ObservableCounterOption) (metric.Int64ObservableCounter, error) {
	m.add(name, catalogue.ObservableCounter, metric.NewInt64ObservableCounterConfig(opts...).Unit())
	return m.Meter.Int64ObservableCounter(name, opts...)
}

func (m meter) Int64ObservableUpDownCounter(name string, opts ...metric.Int64ObservableUpDownCounterOption) (metric.Int64ObservableUpDownCounter, error) {
	m.add(name, catalogue.ObservableUpDownCounter, metric.NewInt64ObservableUpDownCounterConfig(opts...).Unit())
	return m.Meter.Int64ObservableUpDownCounter(name, opts...)
}

func (m meter) Int64ObservableGauge(name string, opts ...metric.Int64ObservableGaugeOption) (metric.Int64ObservableGauge, error) {
	m.add(name, catalogue.ObservableGauge, metric.NewInt64ObservableGaugeConfig(opts...).Unit())
	return m.Meter.Int64ObservableGauge(name, opts...)
}

func (m meter) Float64ObservableGauge(name string, opts ...metric.Float64ObservableGaugeOption) (metric.Float64ObservableGauge, error) {
	m.add(name, catalogue.ObservableGauge, metric.NewFloat64ObservableGaugeConfig(opts...).Unit())
	return m.Meter.Float64ObservableGauge(name, opts...)
}

func (m meter) Float64ObservableCounter(name string, opts ...metric.Float64ObservableCounterOption) (metric.Float64ObservableCounter, error) {
	m.add(name, catalogue.ObservableCounter, metric.NewFloat64ObservableCounterConfig(opts...).Unit())
	return m.Meter.Float64ObservableCounter(name, opts...)
}

// created returns the instruments of a pool with every option.
func created(t *testing.T) map[string]string {
	t.Helper()
	provider := &instruments{created: make(map[string]string)}
	config, err := pgxpool.ParseConfig("host=localhost")
	if err != nil {
		t.Fatal(err)
	}
	pool, inst, err := otelpool.NewWithConfig(t.Context(), config, otelpool.WithMeterProvider(provider), otelpool.WithReturnedRows())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pool.Close(); _ = inst.Unregister() })
	return provider.created
}

// rows returns the catalogue's rows of those instruments.
func rows(t *testing.T) []catalogue.Row {
	t.Helper()
	instruments := created(t)
	return slices.DeleteFunc(catalogue.Rows(), func(row catalogue.Row) bool {
		_, exists := instruments[row.Name]
		return !exists
	})
}

func TestCatalogueMatchesInstruments(t *testing.T) {
	t.Parallel()
	if catalogue.ScopeName != otelpool.ScopeName {
		t.Errorf("the catalogue's scope is %q, otelpool's %q", catalogue.ScopeName, otelpool.ScopeName)
	}
	for name, is := range created(t) {
		rows := catalogue.Lookup(name)
		if len(rows) == 0 {
			t.Errorf("the catalogue lacks %s", name)
		}
		for _, row := range rows {
			if says := fmt.Sprint(row.Kind, " ", row.Unit); says != is {
				t.Errorf("%s is %s, the catalogue says %s", name, is, says)
			}
		}
	}
}

func TestMetricsTableMatchesCatalogue(t *testing.T) {
	want := table(rows(t))
	text := read(t, tableFile)
	before, rest, ok := strings.Cut(text, tableBegin)
	got, after, end := strings.Cut(rest, tableEnd)
	if !ok || !end {
		t.Fatalf("%s has no %q and %q", tableFile, tableBegin, tableEnd)
	}
	if *update {
		write(t, tableFile, before+tableBegin+want+tableEnd+after)
		return
	}
	if got != want {
		t.Errorf("the table of metrics is\n%s\nthe catalogue makes\n%s", got, want)
	}
}

func table(rows []catalogue.Row) string {
	var b strings.Builder
	b.WriteString("\n| OpenTelemetry | Prometheus | kind, unit | labels | meaning | when to worry |\n|---|---|---|---|---|---|\n")
	for _, row := range rows {
		name := "`" + row.Name + "`"
		if row.State != "" {
			name += " {" + row.State + "}"
		}
		if !row.Default {
			name += " (off by default)"
		}
		fmt.Fprintf(&b, "| %s | `%s` | %s, %s | %s | %s | %s |\n", name, row.ExposedName(), row.Kind, row.Unit, labels(row), row.Meaning, row.Worry)
	}
	return b.String() + "\n"
}

// labels returns a row's labels, each with its condition unless it is always present.
func labels(row catalogue.Row) string {
	var all []string
	for _, attr := range row.Attributes {
		label := attr.Label()
		if row.Documented == "" {
			label = catalogue.TranslatedLabel(attr.Key)
		}
		label = "`" + label + "`"
		if attr.Presence != catalogue.Always {
			label += " " + attr.Presence.String()
		}
		all = append(all, label)
	}
	return strings.Join(all, ", ")
}
