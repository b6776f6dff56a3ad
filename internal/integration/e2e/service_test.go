package e2e_test

import (
	"context"
	"errors"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel"

	"github.com/otelpool/otelpool-go/exporters/direct"
	"github.com/otelpool/otelpool-go/exporters/prometheus"
	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

// The size of the tests' pool: SQLAlchemy's pool_size=5, max_overflow=10.
const (
	baseSize = 5
	maxConns = 15
)

// service is a program with an instrumented pool on a real database. It serves its metrics over HTTP.
type service struct {
	pool     *pgxpool.Pool
	inst     *otelpool.Instrumentation
	provider *direct.MeterProvider
	url      string
}

// newService starts a service whose pool is named "main", and ends it after the test. Errors of its telemetry fail the
// test. The providerOptions are for the MeterProvider, and opts for the pool. Histograms are recorded directly; the
// suites collectortest and prometheus record them with the SDK.
func newService(t *testing.T, providerOptions []direct.Option, opts ...otelpool.Option) *service {
	t.Helper()
	config := postgrestest.Config(t)
	config.MaxConns = maxConns
	return serve(t, config, providerOptions, opts...)
}

// serve is newService with a configuration of the pool.
func serve(t *testing.T, config *pgxpool.Config, providerOptions []direct.Option, opts ...otelpool.Option) *service {
	t.Helper()
	exporter, err := prometheus.New(prometheus.WithErrorHandler(otel.ErrorHandlerFunc(func(err error) { t.Error(err) })))
	testutil.NoError(t, err)
	provider := direct.NewMeterProvider(append(providerOptions, direct.WithReader(exporter))...)
	opts = append([]otelpool.Option{otelpool.WithMeterProvider(provider), otelpool.WithPoolName("main")}, opts...)
	pool, inst, err := otelpool.NewWithConfig(t.Context(), config, opts...)
	testutil.NoError(t, err)
	server := httptest.NewServer(exporter)
	t.Cleanup(func() {
		server.Close()
		postgrestest.ClosePool(t, pool)
		testutil.Check(t, errors.Join(inst.Unregister(), provider.Shutdown(context.Background())))
	})
	return &service{pool: pool, inst: inst, provider: provider, url: server.URL}
}

func (s *service) take(t *testing.T, n int, operation string) []*pgxpool.Conn {
	t.Helper()
	taken := make([]*pgxpool.Conn, n)
	for i := range taken {
		var err error
		taken[i], err = s.pool.Acquire(otelpool.WithOperation(t.Context(), operation))
		testutil.NoError(t, err)
	}
	return taken
}

// crowd adds callers to a full pool: one that times out, and two that wait until leave is called.
func (s *service) crowd(t *testing.T) (leave func()) {
	t.Helper()
	ended, end := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer end()
	if _, err := s.pool.Acquire(ended); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("acquired from a full pool: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var waiters sync.WaitGroup
	for range 2 {
		waiters.Go(func() {
			if _, err := s.pool.Acquire(ctx); !errors.Is(err, context.Canceled) {
				t.Errorf("acquired from a full pool: %v", err)
			}
		})
	}
	testutil.Eventually(t, "two callers wait", func() bool { return s.read(t, text).gauge(t, "db_pool_pending") == 2 })
	return func() {
		cancel()
		waiters.Wait()
	}
}

func (s *service) users(t *testing.T) {
	t.Helper()
	for _, sql := range []string{
		"CREATE TABLE users (id int PRIMARY KEY, visits int NOT NULL)",
		"INSERT INTO users SELECT i, 0 FROM generate_series(1, " + strconv.Itoa(rows) + ") i",
	} {
		postgrestest.ExecContext(otelpool.WithOperation(t.Context(), "migrate"), t, s.pool, sql)
	}
}
