package prometheus_test

import (
	"testing"
	"time"

	"github.com/prometheus/common/model"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/otelpool/otelpool-go/internal/integration/stacktest"
	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

// TestPrometheusStoresExemplars scrapes a page with both kinds of names, and receives the same metrics by OTLP. Rules
// keep no exemplars, so those of pushed metrics have only OpenTelemetry's names.
func TestPrometheusStoresExemplars(t *testing.T) {
	t.Parallel()
	bridge := newPage(t)
	prom := startPrometheus(t, bridge, "")
	s := newService(t, bridge, prom.OTLP())
	ctx, span := sdktrace.NewTracerProvider().Tracer("prometheus").Start(otelpool.WithOperation(t.Context(), "traced"), "traced")
	postgrestest.ExecContext(ctx, t, s.pool, "SELECT 1")
	span.End()
	s.release(t, nil)
	s.push(t)

	for job, names := range map[string][]string{
		"services": {
			"db_query_duration_seconds_bucket", "db_pool_acquire_duration_seconds_bucket", "db_pool_hold_duration_seconds_bucket",
			"db_client_operation_duration_seconds_bucket", "db_client_connection_wait_time_seconds_bucket",
			"db_client_connection_use_time_seconds_bucket",
		},
		"shop/orders": {
			"db_client_operation_duration_seconds_bucket", "db_client_connection_wait_time_seconds_bucket",
			"db_client_connection_use_time_seconds_bucket",
		},
	} {
		for _, name := range names {
			selector := name + `{job="` + job + `", otel_scope_name!="github.com/exaring/otelpgx"}`
			testutil.Within(t, stacktest.WaitLimit, "an exemplar of "+selector, func() bool {
				found := prom.exemplars(t, selector)
				for _, labels := range found {
					if string(labels["trace_id"]) != span.SpanContext().TraceID().String() || string(labels["span_id"]) != span.SpanContext().SpanID().String() {
						t.Fatalf("%s has exemplar %v", selector, labels)
					}
				}
				return len(found) > 0
			})
		}
	}
}

// exemplars returns the labels of the stored exemplars of the series that an expression reads.
func (s server) exemplars(t *testing.T, expression string) (found []model.LabelSet) {
	t.Helper()
	all, err := s.API().QueryExemplars(t.Context(), expression, time.Now().Add(-time.Hour), time.Now().Add(time.Hour))
	testutil.NoError(t, err)
	for _, series := range all {
		for _, e := range series.Exemplars {
			found = append(found, e.Labels)
		}
	}
	return found
}
