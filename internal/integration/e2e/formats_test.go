package e2e_test

import (
	"context"
	"maps"
	"mime"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

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

func TestExemplarsLeadFromScrapeToTrace(t *testing.T) {
	t.Parallel()
	s, p := newService(t, nil), newProm(t)
	tracer := sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.AlwaysSample())))
	ctx, span := tracer.Tracer("e2e").Start(otelpool.WithOperation(t.Context(), "traced"), "request")
	unsampled := trace.ContextWithSpanContext(otelpool.WithOperation(t.Context(), "untraced"),
		span.SpanContext().WithTraceFlags(0).WithTraceID(trace.TraceID{1}))
	for _, ctx := range []context.Context{ctx, unsampled} {
		if _, err := s.pool.Exec(ctx, "SELECT 1"); err != nil {
			t.Fatal(err)
		}
	}
	span.End()

	found := make(map[string]bool)
	for _, sample := range p.scrape(t, s, openMetrics).samples {
		for _, e := range sample.exemplars {
			if e.Labels.Get("trace_id") != span.SpanContext().TraceID().String() || e.Labels.Get("span_id") != span.SpanContext().SpanID().String() {
				t.Errorf("%s has exemplar %s", sample.labels, e.Labels)
			}
			if sample.labels.Get("operation") == "untraced" {
				t.Errorf("%s was not sampled and has exemplar %s", sample.labels, e.Labels)
			}
			found[sample.labels.Get(model.MetricNameLabel)] = true
		}
	}
	for _, name := range []string{"db_query_duration_seconds_bucket", "db_pool_acquire_duration_seconds_bucket", "db_pool_hold_duration_seconds_bucket"} {
		if !found[name] {
			t.Errorf("%s has no exemplar", name)
		}
	}
	checkStoredExemplar(t, p, span.SpanContext().TraceID())
}

// checkStoredExemplar reads the exemplars of queries from the storage, like a dashboard.
func checkStoredExemplar(t *testing.T, p *prom, want trace.TraceID) {
	t.Helper()
	querier, err := p.db.ExemplarQuerier(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	results, err := querier.Select(now.Add(-time.Hour).UnixMilli(), now.Add(time.Hour).UnixMilli(),
		[]*labels.Matcher{labels.MustNewMatcher(labels.MatchEqual, model.MetricNameLabel, "db_query_duration_seconds_bucket")})
	if err != nil || len(results) != 1 || len(results[0].Exemplars) != 1 {
		t.Fatalf("stored exemplars are %v, %v", results, err)
	}
	if got := results[0].Exemplars[0].Labels.Get("trace_id"); got != want.String() {
		t.Errorf("stored trace %s, want %s", got, want)
	}
}

func TestExponentialHistogramsAreReadAsNative(t *testing.T) {
	t.Parallel()
	s, p := newService(t, []sdkmetric.Option{exponential}, otelpool.WithBaseSize(baseSize)), newProm(t)
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
	for _, e := range expressions.Native() {
		if got := p.query(t, e.PromQL); len(numbers(got)) == 0 {
			t.Errorf("%q gives %v", e.Name, got)
		}
	}
}

// exponential aggregates the durations of operations as exponential histograms.
var exponential = sdkmetric.WithView(sdkmetric.NewView(
	sdkmetric.Instrument{Name: "db.client.operation.duration"},
	sdkmetric.Stream{Aggregation: sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: 160, MaxScale: 20}},
))
