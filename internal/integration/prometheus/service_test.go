package prometheus_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/common/model"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/otelpool/otelpool-go/exporters/otlp"
	"github.com/otelpool/otelpool-go/exporters/prometheus"
	"github.com/otelpool/otelpool-go/internal/integration/stacktest"
	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

// The base size and the maximum overflow of the tests' pool.
const (
	baseSize = 5
	maxConns = 15
)

// page is the page of a bridge, under both kinds of names. It is served before its service starts.
type page struct {
	exporter *prometheus.Exporter
	server   *httptest.Server
}

func newPage(t *testing.T) *page {
	t.Helper()
	exporter, err := prometheus.New(prometheus.WithOpenTelemetryNames(),
		prometheus.WithErrorHandler(otel.ErrorHandlerFunc(func(err error) { t.Error(err) })))
	testutil.NoError(t, err)
	server := httptest.NewServer(exporter)
	t.Cleanup(server.Close)
	return &page{exporter, server}
}

func (p *page) address() string { return strings.TrimPrefix(p.server.URL, "http://") }

func (p *page) read(t *testing.T) (samples model.Vector) {
	t.Helper()
	for _, family := range stacktest.Page(t, p.server.URL) {
		samples = append(samples, stacktest.Samples(t, family)...)
	}
	return samples
}

// service is a program with a pool on a real database. It serves a page and pushes to Prometheus on request.
type service struct {
	pool     *pgxpool.Pool
	provider *sdkmetric.MeterProvider
	refuse   atomic.Bool // refuse new connections
}

// newService starts a service that pushes to an endpoint as the instance a of shop/orders.
func newService(t *testing.T, p *page, endpoint string) *service {
	t.Helper()
	push, err := otlp.NewReader(t.Context(), otlp.WithProtocol(otlp.ProtocolHTTP), otlp.WithEndpointURL(endpoint),
		otlp.WithInterval(time.Hour))
	testutil.NoError(t, err)
	s := &service{provider: sdkmetric.NewMeterProvider(sdkmetric.WithReader(p.exporter), sdkmetric.WithReader(push),
		sdkmetric.WithResource(resource.NewSchemaless(attribute.String("service.namespace", "shop"),
			attribute.String("service.name", "orders"), attribute.String("service.instance.id", "a"),
			attribute.String("telemetry.sdk.language", "go"))))}
	config := postgrestest.Config(t)
	config.MaxConns = maxConns
	config.HealthCheckPeriod = 24 * time.Hour // a health check acquires connections for a moment
	config.BeforeConnect = func(context.Context, *pgx.ConnConfig) error {
		if s.refuse.Load() {
			return errors.New("refused")
		}
		return nil
	}
	config.ConnConfig.Tracer = otherTracer(s.provider)
	var inst *otelpool.Instrumentation
	s.pool, inst, err = otelpool.NewWithConfig(t.Context(), config, otelpool.WithMeterProvider(s.provider), otelpool.WithPoolName("main"),
		otelpool.WithBaseSize(baseSize), otelpool.WithPeakWindow(24*time.Hour), otelpool.WithReturnedRows(), otelpool.WithServerAttributes(),
		otelpool.WithoutFindings()) // they may change between two reads
	testutil.NoError(t, err)
	testutil.NoError(t, reportOthers(t.Context(), s.provider, s.pool, "main"))
	t.Cleanup(func() {
		s.pool.Close()
		testutil.Check(t, errors.Join(inst.Unregister(), s.provider.Shutdown(context.Background())))
	})
	return s
}

func (s *service) push(t *testing.T) {
	t.Helper()
	testutil.NoError(t, s.provider.ForceFlush(t.Context()))
}

// hold acquires n connections. It releases the remaining ones after the test, because closing a pool waits for them.
func (s *service) hold(t *testing.T, n int) []*pgxpool.Conn {
	t.Helper()
	held := postgrestest.Hold(t, s.pool, n)
	t.Cleanup(func() { postgrestest.Release(held) })
	return held
}

func (s *service) release(t *testing.T, held []*pgxpool.Conn) {
	t.Helper()
	postgrestest.Release(held)
	postgrestest.AwaitRest(t, s.pool)
}

// trouble causes every event that has a counter, at least once.
func (s *service) trouble(t *testing.T) {
	t.Helper()
	s.refuse.Store(true)
	if _, err := s.pool.Acquire(t.Context()); err == nil {
		t.Error("a connection was opened despite BeforeConnect")
	}
	s.refuse.Store(false)

	held := s.hold(t, maxConns)
	short, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := s.pool.Acquire(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("acquire from a full pool: %v", err)
	}
	s.release(t, held)

	inTransaction := s.hold(t, 1)
	postgrestest.Exec(t, inTransaction[0], "BEGIN")
	s.release(t, inTransaction)

	ctx := otelpool.WithScope(t.Context(), "")
	outer, err := s.pool.Acquire(otelpool.WithOperation(ctx, "outer"))
	testutil.NoError(t, err)
	inner, err := s.pool.Acquire(ctx)
	if err != nil {
		outer.Release()
		t.Fatal(err)
	}
	s.release(t, []*pgxpool.Conn{outer, inner})

	for range 20 {
		var one int
		testutil.NoError(t, s.pool.QueryRow(otelpool.WithOperation(t.Context(), "get_user_with_roles"), "SELECT 1").Scan(&one))
	}
	if _, err := s.pool.Exec(t.Context(), "SELECT 1/0"); err == nil {
		t.Error("division by zero succeeds")
	}
	s.release(t, nil)
}
