package hostile

import (
	"context"
	"errors"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.uber.org/goleak"

	"github.com/otelpool/otelpool-go/exporters/prometheus"
	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/otelpool"
)

// childEnv tells a process of the test's executable which child it is to be, see children.
const childEnv = "OTELPOOL_HOSTILE_CHILD"

func TestMain(m *testing.M) {
	if name := os.Getenv(childEnv); name != "" {
		os.Exit(runChild(name))
	}
	postgrestest.Main(m)
}

// patience is for what must happen, on a machine that is busy.
const patience = time.Minute

// service is an instrumented pool, and a bridge that serves what it measures.
type service struct {
	exporter *prometheus.Exporter
	provider *sdkmetric.MeterProvider
	pool     *pgxpool.Pool
	inst     *otelpool.Instrumentation
}

// newService makes one and ends it with the test. An error of its telemetry fails the test.
func newService(t testing.TB, config *pgxpool.Config, opts ...otelpool.Option) *service {
	t.Helper()
	s := &service{exporter: newExporter(t)}
	s.provider = sdkmetric.NewMeterProvider(sdkmetric.WithReader(s.exporter))
	opts = append([]otelpool.Option{otelpool.WithMeterProvider(s.provider), otelpool.WithPoolName("main")}, opts...)
	var err error
	if s.pool, s.inst, err = otelpool.NewWithConfig(context.Background(), config, opts...); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		closePool(t, s.pool)
		if err := errors.Join(s.inst.Unregister(), s.provider.Shutdown(context.Background())); err != nil {
			t.Error(err)
		}
	})
	return s
}

func newExporter(t testing.TB, opts ...prometheus.Option) *prometheus.Exporter {
	t.Helper()
	handler := otel.ErrorHandlerFunc(func(err error) { t.Error(err) })
	exporter, err := prometheus.New(append([]prometheus.Option{prometheus.WithErrorHandler(handler)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	return exporter
}

// closePool closes a pool. Close waits for whoever still holds a connection, which a test that failed may do.
func closePool(t testing.TB, pool *pgxpool.Pool) {
	t.Helper()
	closed := make(chan struct{})
	go func() { pool.Close(); close(closed) }()
	select {
	case <-closed:
	case <-time.After(patience):
		t.Error("a connection was not given back")
	}
}

func parse(t testing.TB, connString string) *pgxpool.Config {
	t.Helper()
	config, err := pgxpool.ParseConfig(connString)
	if err != nil {
		t.Fatal(err)
	}
	return config
}

// onDatabase is the configuration of a pool of at most maxConns on a database of the test's own.
func onDatabase(t testing.TB, maxConns int32) *pgxpool.Config {
	t.Helper()
	config := parse(t, postgrestest.Database(t))
	config.MaxConns = maxConns
	return config
}

// offline is a configuration of a pool that is never used: nobody listens there.
func offline(t testing.TB) *pgxpool.Config {
	t.Helper()
	return parse(t, "postgres://user@127.0.0.1:1/db?sslmode=disable")
}

// eventually waits until the condition holds.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-deadline:
			t.Fatalf("not within %v: %s", patience, what)
		case <-tick.C:
		}
	}
}

// noLeak checks, when the test is over, that no goroutine is left that was not there when it began. Call it when there is
// a database, and in a test that is not parallel.
func noLeak(t testing.TB) {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() {
		deadline := time.Now().Add(patience)
		err := goleak.Find(before)
		for err != nil && time.Now().Before(deadline) { // a search waits half a second at most
			err = goleak.Find(before)
		}
		if err != nil {
			t.Errorf("goroutines are left: %v", err)
		}
	})
}

// amount is how often a test is to do something: n, or what the environment says, for long runs by hand.
func amount(t testing.TB, variable string, n int) int {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return n
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s is %q, want a number above 0", variable, text)
	}
	return n
}

// deadline is far enough for a test that must not hang.
func deadline(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	t.Cleanup(cancel)
	return ctx
}
