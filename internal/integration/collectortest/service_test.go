package collectortest_test

import (
	"context"
	"errors"
	"maps"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/common/model"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/trace"

	"github.com/otelpool/otelpool-go/exporters/otlp"
	"github.com/otelpool/otelpool-go/exporters/prometheus"
	"github.com/otelpool/otelpool-go/internal/integration/stacktest"
	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

// identityLabels are Prometheus' labels for identity.
var identityLabels = model.Metric{"job": "shop/orders", "instance": "orders-1"}

// identity returns the resource attributes of the tests' services. Each caller gets its own slice, because the SDK
// sorts it.
func identity() []attribute.KeyValue {
	return []attribute.KeyValue{
		attribute.String("service.namespace", "shop"), attribute.String("service.name", "orders"),
		attribute.String("service.instance.id", "orders-1"), attribute.String("service.version", "1.2.3"),
		attribute.Int("process.pid", 4711),
	}
}

// telemetry is a MeterProvider with two readers. One pushes OTLP. The other is the bridge, whose page is the expected
// result of the push.
type telemetry struct {
	*sdkmetric.MeterProvider
	bridge string
}

// newTelemetry returns a telemetry that pushes to url on request, and shuts it down after the test.
func newTelemetry(t *testing.T, protocol otlp.Protocol, url string, of ...attribute.KeyValue) telemetry {
	t.Helper()
	return newTelemetryWith(t, sdkmetric.DefaultAggregationSelector, protocol, url, of...)
}

func newTelemetryWith(
	t *testing.T, selector sdkmetric.AggregationSelector, protocol otlp.Protocol, url string, of ...attribute.KeyValue,
) telemetry {
	t.Helper()
	// The Collector does not report the scopes of other libraries' metrics.
	bridge, err := prometheus.New(prometheus.WithoutScopeInfo(), prometheus.WithoutTargetInfo(), prometheus.WithAggregationSelector(selector),
		prometheus.WithErrorHandler(otel.ErrorHandlerFunc(func(err error) { t.Error(err) })))
	testutil.NoError(t, err)
	pusher, err := otlp.NewReader(t.Context(), otlp.WithProtocol(protocol), otlp.WithEndpointURL(url), otlp.WithInterval(time.Hour),
		otlp.WithAggregationSelector(selector))
	testutil.NoError(t, err)
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(bridge), sdkmetric.WithReader(pusher),
		sdkmetric.WithResource(resource.NewSchemaless(of...)))
	server := httptest.NewServer(bridge)
	t.Cleanup(func() {
		server.Close()
		// A last push fails if the test has stopped the Collector.
		_ = provider.Shutdown(context.Background())
	})
	return telemetry{MeterProvider: provider, bridge: server.URL}
}

// push sends the current metrics and returns the bridge's page, which must be the same before and after. It leaves out
// series with a prefix in changing, which change by themselves.
func (p telemetry) push(t *testing.T, changing ...string) page {
	t.Helper()
	var before page
	testutil.Within(t, stacktest.WaitLimit, "measurements to stand still while they are pushed", func() bool {
		before = p.read(t, changing)
		testutil.NoError(t, p.ForceFlush(t.Context()))
		return maps.Equal(before.series, p.read(t, changing).series)
	})
	return before
}

func (p telemetry) read(t *testing.T, changing []string) page {
	t.Helper()
	return without(read(t, p.bridge, nil), changing)
}

func without(p page, names []string) page {
	for key := range named(p.series, names...) {
		delete(p.series, key)
	}
	return p
}

// newPool creates an instrumented pool on a real database and closes it after the test. The pool has a base size of
// five connections and may open ten more.
func newPool(t *testing.T, provider *sdkmetric.MeterProvider, opts ...otelpool.Option) *pgxpool.Pool {
	t.Helper()
	config := postgrestest.Config(t)
	config.MaxConns = 15
	// The health check acquires idle connections for a moment, which would count as in use.
	config.HealthCheckPeriod = time.Hour
	opts = append([]otelpool.Option{
		otelpool.WithMeterProvider(provider), otelpool.WithPoolName("main"), otelpool.WithBaseSize(5),
		otelpool.WithServerAttributes(), otelpool.WithReturnedRows(), otelpool.WithAttributes(attribute.String("team", "a")),
		otelpool.WithoutFindings(), // they may change between two reads
	}, opts...)
	pool, inst, err := otelpool.NewWithConfig(t.Context(), config, opts...)
	testutil.NoError(t, err)
	t.Cleanup(func() {
		pool.Close()
		testutil.Check(t, inst.Unregister())
	})
	return pool
}

// traceID is the trace of the calls in use.
var traceID = trace.TraceID{1, 2, 3}

// use makes every kind of call that changes the metrics: operations with and without a name, failures, more callers
// than connections, and timeouts. It returns when the pool is at rest.
func use(t *testing.T, pool *pgxpool.Pool) {
	t.Helper()
	ctx := trace.ContextWithSpanContext(t.Context(), trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: traceID, SpanID: trace.SpanID{4}, TraceFlags: trace.FlagsSampled,
	}))
	var callers sync.WaitGroup
	for range 40 {
		callers.Go(func() {
			_, err := pool.Exec(otelpool.WithOperation(ctx, "get_user_with_roles"), "SELECT pg_sleep(0.01)")
			testutil.Check(t, err)
			if _, err := pool.Exec(otelpool.WithOperation(ctx, "divide"), "SELECT 1/0"); err == nil {
				t.Error("divided by zero")
			}
			if err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
				_, err := tx.Exec(ctx, "SELECT relname FROM pg_class LIMIT 3")
				return err
			}); err != nil {
				t.Error(err)
			}
		})
	}
	callers.Wait()

	held := postgrestest.Hold(t, pool, int(pool.Config().MaxConns))
	brief, cancel := context.WithTimeout(ctx, time.Millisecond)
	defer cancel()
	if _, err := pool.Acquire(brief); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("acquire from a full pool: %v", err)
	}
	postgrestest.Release(held)
	postgrestest.AwaitRest(t, pool)
}
