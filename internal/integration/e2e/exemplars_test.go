package e2e_test

import (
	"context"
	"encoding/hex"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/common/model"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"

	"github.com/otelpool/otelpool-go/exporters/direct"
	"github.com/otelpool/otelpool-go/exporters/otlp"
	"github.com/otelpool/otelpool-go/exporters/otlp/otlptest"
	"github.com/otelpool/otelpool-go/internal/catalogue"
	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

// TestExemplarsLeadToTheirSpans has a caller that waits for a connection, a query on it in another span, and a release
// after both spans have ended.
func TestExemplarsLeadToTheirSpans(t *testing.T) {
	t.Parallel()
	receiver := otlptest.New(t, otlptest.HTTP)
	push, err := otlp.NewReader(t.Context(), otlp.WithProtocol(otlp.ProtocolHTTP), otlp.WithEndpointURL(receiver.Endpoint()),
		otlp.WithInterval(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	s := newService(t, []direct.Option{direct.WithReader(push)})
	ended := tracetest.NewInMemoryExporter()
	tracer := sdktrace.NewTracerProvider(sdktrace.WithSyncer(ended)).Tracer("e2e")
	unsampled := sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample())).Tracer("e2e")

	all := s.hold(t, maxConns)
	defer release(all)
	var conn *pgxpool.Conn
	var caller sync.WaitGroup
	caller.Go(func() {
		inSpan(t, tracer, "load_report", func(ctx context.Context) (err error) {
			conn, err = s.pool.Acquire(ctx)
			return err
		})
	})
	testutil.Eventually(t, "the caller waits", func() bool { return s.read(t, text).gauge(t, "db_pool_pending") == 1 })
	release(all)
	if caller.Wait(); conn == nil {
		return
	}
	defer conn.Release()
	inSpan(t, tracer, "count_rows", func(ctx context.Context) error {
		_, err := conn.Exec(ctx, "SELECT 1")
		return err
	})
	inSpan(t, unsampled, "unsampled", func(ctx context.Context) error {
		_, err := s.pool.Exec(ctx, "SELECT 1")
		return err
	})

	want := map[string]string{"db_pool_acquire_duration_seconds": "load_report", "db_query_duration_seconds": "count_rows"}
	follow(t, "before the release", pageExemplars(s.read(t, openMetrics)), ended.GetSpans(), want)
	conn.Release()
	want["db_pool_hold_duration_seconds"] = "load_report"
	for _, format := range []string{openMetrics, protobuf} {
		follow(t, format, pageExemplars(s.read(t, format)), ended.GetSpans(), want)
	}
	if found := pageExemplars(s.read(t, text)); len(found) > 0 {
		t.Errorf("exemplars in the text format: %v", found)
	}
	if err := s.provider.ForceFlush(t.Context()); err != nil {
		t.Fatal(err)
	}
	follow(t, "OTLP", otlpExemplars(receiver.Metrics()), ended.GetSpans(), want)
}

// inSpan calls f in a span, and with the operation of that name. The context of f ends with the span.
func inSpan(t *testing.T, tracer trace.Tracer, name string, f func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(otelpool.WithOperation(t.Context(), name))
	defer cancel()
	ctx, span := tracer.Start(ctx, name)
	defer span.End()
	if err := f(ctx); err != nil {
		t.Errorf("%s: %v", name, err)
	}
}

// pointExemplar is an exemplar of a histogram, with the documented name of its metric.
type pointExemplar struct {
	metric, operation string // the operation is empty if the metric does not have it
	value             float64
	trace, span       string
}

func pageExemplars(p page) (found []pointExemplar) {
	for _, s := range p {
		for _, e := range s.exemplars {
			found = append(found, pointExemplar{
				metric:    strings.TrimSuffix(s.labels.Get(model.MetricNameLabel), "_bucket"),
				operation: s.labels.Get("operation"),
				value:     e.Value, trace: e.Labels.Get("trace_id"), span: e.Labels.Get("span_id"),
			})
		}
	}
	return found
}

// histograms maps the histograms with exemplars to their documented names.
var histograms = map[string]string{
	"db.client.operation.duration":   "db_query_duration_seconds",
	"db.client.connection.wait_time": "db_pool_acquire_duration_seconds",
	"db.client.connection.use_time":  "db_pool_hold_duration_seconds",
}

func otlpExemplars(received []*metricspb.ResourceMetrics) (found []pointExemplar) {
	for name, metric := range histograms {
		for _, point := range otlptest.Latest(received, name).GetHistogram().GetDataPoints() {
			operation := ""
			for _, kv := range point.GetAttributes() {
				if kv.GetKey() == catalogue.AttrOperation {
					operation = kv.GetValue().GetStringValue()
				}
			}
			for _, e := range point.GetExemplars() {
				found = append(found, pointExemplar{
					metric: metric, operation: operation,
					value: e.GetAsDouble(), trace: hex.EncodeToString(e.GetTraceId()), span: hex.EncodeToString(e.GetSpanId()),
				})
			}
		}
	}
	return found
}

// follow looks up the span of each exemplar, and checks that each metric has one exemplar, of the span of that name.
func follow(t *testing.T, where string, exemplars []pointExemplar, spans tracetest.SpanStubs, want map[string]string) {
	t.Helper()
	followed := make(map[string]string)
	for _, e := range exemplars {
		var names []string
		for _, s := range spans {
			if s.SpanContext.TraceID().String() != e.trace || s.SpanContext.SpanID().String() != e.span {
				continue
			}
			names = append(names, s.Name)
			took := s.EndTime.Sub(s.StartTime).Seconds()
			if hold := e.metric == "db_pool_hold_duration_seconds"; !hold && e.value > took {
				t.Errorf("%s: %s took %v s, its span %v s", where, e.metric, e.value, took)
			}
		}
		if len(names) != 1 || e.operation != "" && e.operation != names[0] || followed[e.metric] != "" {
			t.Errorf("%s: %+v leads to spans %q; another exemplar of the metric led to %q", where, e, names, followed[e.metric])
			continue
		}
		followed[e.metric] = names[0]
	}
	if !maps.Equal(followed, want) {
		t.Errorf("%s: exemplars lead to %v, want %v", where, followed, want)
	}
}
