package e2e_test

import (
	"maps"
	"mime"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelpool/otelpool-go/exporters/direct"
	"github.com/otelpool/otelpool-go/internal/integration/e2e/expressions"
	"github.com/otelpool/otelpool-go/otelpool"
)

func TestPrometheusReadsAllFormatsAlike(t *testing.T) {
	t.Parallel()
	s := newService(t, nil, otelpool.WithBaseSize(baseSize))
	s.users(t)
	var first map[string]float64
	for _, tt := range []struct{ format, mediaType string }{
		{text, "text/plain"}, {openMetrics, "application/openmetrics-text"}, {protobuf, "application/vnd.google.protobuf"},
	} {
		p := s.read(t, tt.format)
		if got, _, err := mime.ParseMediaType(p.contentType); err != nil || got != tt.mediaType {
			t.Errorf("asked for %s and got %s", tt.mediaType, p.contentType)
		}
		checkDocumentedNames(t, p)
		if first == nil {
			first = pageSeries(t, p)
		}
		if got := pageSeries(t, p); !maps.Equal(got, first) {
			t.Errorf("%s says %v, text %v", tt.mediaType, got, first)
		}
	}
}

// checkDocumentedNames checks the names, types and labels that dashboards and alerts need.
func checkDocumentedNames(t *testing.T, p page) {
	t.Helper()
	for name, kind := range map[string]model.MetricType{
		"db_pool_size": "gauge", "db_pool_checked_out": "gauge", "db_pool_checked_in": "gauge", "db_pool_overflow": "gauge",
		"db_pool_num_overflow": "gauge", "db_query_duration_seconds": "histogram",
	} {
		if p.types[name] != kind {
			t.Errorf("%s: %s is of type %q, want %q", p.contentType, name, p.types[name], kind)
		}
	}
	for _, s := range p.samples {
		name := s.labels.Get(model.MetricNameLabel)
		if !strings.HasPrefix(name, "db_") {
			continue
		}
		if strings.HasSuffix(name, "_ratio") || strings.Contains(s.labels.String(), "otel_scope") {
			t.Errorf("%s: %s", p.contentType, s.labels)
		}
		if strings.HasPrefix(name, "db_pool_") && s.labels.Get("pool") != "main" {
			t.Errorf("%s: %s is of no pool", p.contentType, s.labels)
		}
	}
}

func TestExponentialHistogramsAreReadAsNative(t *testing.T) {
	t.Parallel()
	s, p := newService(t, []direct.Option{exponential}, otelpool.WithBaseSize(baseSize)), newProm(t)
	s.users(t)
	before := s.once(t)
	p.scrape(t, s, protobuf)
	l := s.start(t, 20, time.Millisecond)
	for range 10 {
		p.scrape(t, s, protobuf)
	}
	sent := l.end(t)
	sent.add(before)
	sent.add(s.once(t))
	sent[operation{name: "migrate"}] = 2
	read := p.scrape(t, s, protobuf)
	var natives int
	for _, sample := range read.samples {
		name := sample.labels.Get(model.MetricNameLabel)
		if strings.HasPrefix(name, "db_query_duration_seconds_") {
			t.Errorf("%s is a classic histogram", sample.labels)
		}
		if name == "db_query_duration_seconds" && len(sample.native.PositiveSpans) > 0 && sample.native.Sum > 0 {
			natives++
		}
	}
	if natives != len(sent) {
		t.Errorf("%d native histograms with buckets, want one for each of %d", natives, len(sent))
	}

	counted := byLabel(t, p.query(t, "histogram_count(sum by (operation) (db_query_duration_seconds))"), "operation")
	if want := sent.operations(); !maps.Equal(counted, want) {
		t.Errorf("counted %v, sent %v", counted, want)
	}
	queries := make(map[string]string)
	for _, e := range expressions.Corrected() {
		queries[e.Name] = e.PromQL
	}
	for _, q := range expressions.Questions() {
		queries[q.Name] = q.PromQL
	}
	for name, query := range queries {
		if got := p.query(t, query); strings.Contains(query, "_bucket") && len(numbers(got)) == 0 {
			t.Errorf("%q gives %v", name, got)
		}
	}
}

// exponential aggregates all histograms as exponential ones.
var exponential = direct.WithView(sdkmetric.NewView(
	sdkmetric.Instrument{Kind: sdkmetric.InstrumentKindHistogram},
	sdkmetric.Stream{Aggregation: sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: 160, MaxScale: 20}},
))
