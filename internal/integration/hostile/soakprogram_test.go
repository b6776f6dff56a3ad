package hostile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/otelpool/otelpool-go/exporters/otlp"
	"github.com/otelpool/otelpool-go/exporters/prometheus"
	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

type soak struct {
	provider *sdkmetric.MeterProvider
	tracer   trace.Tracer    // samples every trace
	plain    *pgxpool.Config // with hooks, without a Sizing
	config   *pgxpool.Config // with both
	pool     *pgxpool.Pool
	inst     *otelpool.Instrumentation
	readers  []func()

	gate            sync.RWMutex // workers hold it for reading
	work            sync.WaitGroup
	requests, pools atomic.Int64
	pushes          atomic.Int64 // received by the OTLP receiver
	exemplars       atomic.Int64 // pages with exemplars
	hooked          atomic.Int64 // calls of the program's own hooks
}

func newSoak(t *testing.T, config *pgxpool.Config) *soak {
	t.Helper()
	s := &soak{plain: config, tracer: sdktrace.NewTracerProvider().Tracer("program")}
	s.hook(config)
	s.config = config.Copy()
	s.config.ConnConfig.RuntimeParams["pool_pre_ping"] = "true"
	sizing, err := otelpool.Sizing{PoolSize: 2, MaxOverflow: 2, Recycle: time.Second, Timeout: time.Second}.FromConfig(s.config)
	testutil.NoError(t, err)
	testutil.NoError(t, sizing.Apply(s.config))
	s.export(t)
	s.pool, s.inst = s.open(t, s.config, "soaked")
	s.fill(t)
	return s
}

// hook adds hooks of the program to a configuration. They sometimes refuse a connection.
func (s *soak) hook(config *pgxpool.Config) {
	accepts := func() bool { return s.hooked.Add(1)%500 != 0 }
	refuse := func() error {
		if accepts() {
			return nil
		}
		return errors.New("refused")
	}
	config.ConnConfig.Tracer = &badTracer{"TraceQueryEnd", func(context.Context) { s.hooked.Add(1) }}
	config.BeforeConnect = func(context.Context, *pgx.ConnConfig) error { return refuse() }
	config.AfterConnect = func(context.Context, *pgx.Conn) error { return refuse() }
	config.PrepareConn = func(context.Context, *pgx.Conn) (bool, error) { return accepts(), nil }
	config.ShouldPing = func(context.Context, pgxpool.ShouldPingParams) bool { return !accepts() }
	config.AfterRelease = func(*pgx.Conn) bool { return accepts() }
	config.BeforeClose = func(*pgx.Conn) { s.hooked.Add(1) }
}

// export creates the readers: a bridge, one that pushes by OTLP to a receiver that discards everything, and two
// others.
func (s *soak) export(t *testing.T) {
	t.Helper()
	sink := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.pushes.Add(1)
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/x-protobuf") // an empty answer means success
	}))
	t.Cleanup(sink.Close)
	push, err := otlp.NewReader(t.Context(), otlp.WithProtocol(otlp.ProtocolHTTP), otlp.WithEndpointURL(sink.URL), otlp.WithInterval(time.Hour),
		otlp.WithTimeout(waitLimit), otlp.WithExportTimeout(waitLimit))
	testutil.NoError(t, err)
	exporter := newExporter(t, prometheus.WithOpenTelemetryNames())
	cumulative := sdkmetric.NewManualReader()
	delta := sdkmetric.NewManualReader(sdkmetric.WithTemporalitySelector(func(sdkmetric.InstrumentKind) metricdata.Temporality { return metricdata.DeltaTemporality }))
	s.provider = sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter), sdkmetric.WithReader(push), sdkmetric.WithReader(cumulative), sdkmetric.WithReader(delta))
	for _, reader := range []*sdkmetric.ManualReader{cumulative, delta} {
		// Each collection has its own result. In a reused one, the SDK keeps room for the most exemplars of each
		// series, so the heap would grow for a long time.
		s.readers = append(s.readers, func() { _ = reader.Collect(context.Background(), new(metricdata.ResourceMetrics)) })
	}
	s.readers = append(s.readers, func() {
		testutil.Check(t, push.ForceFlush(context.Background()))
	}, func() {
		body, _ := scrapeBody(t, exporter, formats[rand.IntN(len(formats))])
		if strings.Contains(string(body), "trace_id") {
			s.exemplars.Add(1)
		}
	})
}

// fill fills the bounded caches, so that only unbounded ones can grow: operation names, SQL texts, and their errors.
func (s *soak) fill(t *testing.T) {
	t.Helper()
	conn, err := s.pool.Acquire(t.Context())
	testutil.NoError(t, err)
	defer conn.Release()
	for _, read := range s.readers { // the instrumentation records only for a reader
		read()
	}
	tracer := tracerOf(s.pool)
	for i := range 5000 {
		event(t.Context(), tracer, conn.Conn(), fmt.Sprintf("SELECT %d FROM pg_class LIMIT 1", -i))
	}
	for i := range 100 {
		event(otelpool.WithOperation(t.Context(), fmt.Sprint("operation ", i)), tracer, conn.Conn(), "SELECT 1")
	}
}

// soakSpans creates spans that are discarded.
var soakSpans = sdktrace.NewTracerProvider()

// options returns all options except WithoutStacks, WithoutFindings and WithBaseSize, which the pools of comeAndGo
// have.
func (s *soak) options(name string) []otelpool.Option {
	return []otelpool.Option{
		otelpool.WithMeterProvider(s.provider), otelpool.WithPoolName(name), otelpool.WithAttributes(attribute.String("tier", "soak")),
		otelpool.WithLongHold(20 * time.Millisecond), otelpool.WithStackSkip("testing"), otelpool.WithSlowAcquire(10 * time.Millisecond), otelpool.WithLogger(slog.New(slog.NewTextHandler(io.Discard, nil))),
		otelpool.WithReturnedRows(), otelpool.WithServerAttributes(), otelpool.WithOperationLimit(50), otelpool.WithPeakWindow(time.Second),
		otelpool.WithTracerProvider(soakSpans), otelpool.WithRootSpans(), otelpool.WithAcquireSpans(otelpool.DefaultAcquireSpans),
		otelpool.WithQueryText(otelpool.QueryTextSanitized), otelpool.WithSlowQuery(10 * time.Millisecond),
		otelpool.WithQueryParameters(func(_, _ string, value any) (string, bool) { return fmt.Sprint(value), true }),
		otelpool.WithSpanStart(func(_ context.Context, s *otelpool.SpanStart) { s.Name += "!" }),
		otelpool.WithSQLComments(), otelpool.WithSQLComments(otelpool.CommentTraceparent),
		otelpool.WithOperationName(func(_ context.Context, sql string) string {
			if sql == "SELECT 2" { // also in batches
				return fmt.Sprint(otelpool.Summary(sql), " by function ", rand.Int()) // a new name each time
			}
			return ""
		}),
	}
}

func (s *soak) open(t testing.TB, config *pgxpool.Config, name string) (*pgxpool.Pool, *otelpool.Instrumentation) {
	pool, inst, err := otelpool.NewWithConfig(context.Background(), config, s.options(name)...)
	testutil.NoError(t, err)
	return pool, inst
}

func (s *soak) end(t *testing.T) {
	t.Helper()
	postgrestest.ClosePool(t, s.pool)
	testutil.Check(t, errors.Join(s.inst.Unregister(), s.provider.Shutdown(context.Background())))
}
