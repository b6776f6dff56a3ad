package stack_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/otelpool/otelpool-go/exporters/otlp"
	"github.com/otelpool/otelpool-go/exporters/prometheus"
	"github.com/otelpool/otelpool-go/internal/integration/company"
	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

// The size of the demo's pool.
const (
	baseSize    = 5
	maxOverflow = 10
)

// longHold is short, so that a test can hold a connection longer.
const longHold = 100 * time.Millisecond

var errNoDial = errors.New("the network is down")

// service is a program with the demo's pool on a real database. It serves its metrics and pushes them.
type service struct {
	pool     *pgxpool.Pool
	provider *sdkmetric.MeterProvider
	page     string       // address of the bridge, which serves /metrics
	noDial   *atomic.Bool // connections cannot be opened
}

// newService starts a service whose metrics the readers push, and ends it after the test.
func newService(t *testing.T, readers ...sdkmetric.Reader) *service {
	t.Helper()
	bridge, err := prometheus.New()
	if err != nil {
		t.Fatal(err)
	}
	options := []sdkmetric.Option{
		sdkmetric.WithReader(bridge),
		sdkmetric.WithResource(resource.NewSchemaless(attribute.String("service.name", "orders"),
			attribute.String("service.instance.id", "orders-1"), attribute.String("telemetry.sdk.language", "go"))),
	}
	for _, reader := range readers {
		options = append(options, sdkmetric.WithReader(reader))
	}
	s := &service{provider: sdkmetric.NewMeterProvider(options...), noDial: new(atomic.Bool)}
	pool, inst, err := s.newPool(t)
	if err != nil {
		t.Fatal(err)
	}
	s.pool = pool
	if err := company.Report(t.Context(), s.provider, pool, "main"); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(bridge)
	s.page = strings.TrimPrefix(server.URL, "http://")
	t.Cleanup(func() {
		server.Close()
		pool.Close()
		// The receivers may have ended, so a last push may fail.
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = s.provider.Shutdown(ctx)
		if err := inst.Unregister(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func (s *service) newPool(t *testing.T) (*pgxpool.Pool, *otelpool.Instrumentation, error) {
	t.Helper()
	config, err := pgxpool.ParseConfig(postgrestest.Database(t))
	if err != nil {
		return nil, nil, err
	}
	config.ConnConfig.Tracer = company.Tracer(s.provider)
	if err := (otelpool.Sizing{PoolSize: baseSize, MaxOverflow: maxOverflow}).Apply(config); err != nil {
		return nil, nil, err
	}
	dial := config.ConnConfig.DialFunc
	config.ConnConfig.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		if s.noDial.Load() {
			return nil, errNoDial
		}
		return dial(ctx, network, address)
	}
	return otelpool.NewWithConfig(t.Context(), config,
		otelpool.WithMeterProvider(s.provider),
		otelpool.WithPoolName("main"),
		otelpool.WithLongHold(longHold),
		// Peaks during the load must remain until the last edge is read.
		otelpool.WithPeakWindow(time.Hour),
		otelpool.WithLogger(slog.New(slog.DiscardHandler)),
		// They come and go between two reads.
		otelpool.WithoutFindings(),
	)
}

// newPush returns a reader that pushes over OTLP on request.
func newPush(t *testing.T, opts ...otlp.Option) *otlp.Reader {
	t.Helper()
	reader, err := otlp.NewReader(t.Context(), append([]otlp.Option{otlp.WithInterval(time.Hour)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	return reader
}

// rest waits until no connection is in use, being opened or being closed.
func (s *service) rest(t *testing.T) {
	t.Helper()
	testutil.Within(t, waitLimit, "pool at rest", func() bool {
		stat := s.pool.Stat()
		return stat.AcquiredConns() == 0 && stat.ConstructingConns() == 0
	})
}
