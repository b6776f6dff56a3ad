package hostile

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelpool/otelpool-go/exporters/prometheus"
	"github.com/otelpool/otelpool-go/internal/integration/faults/rig"
	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

func TestMain(m *testing.M) {
	if command := os.Getenv(childEnv); command != "" {
		os.Exit(crash(command))
	}
	postgrestest.Main(m)
}

// waitLimit is how long a test waits for an event on a busy machine.
const waitLimit = time.Minute

type service struct {
	exporter *prometheus.Exporter
	provider *sdkmetric.MeterProvider
	pool     *pgxpool.Pool
	inst     *otelpool.Instrumentation
}

// newService creates a service and ends it after the test. An error of its telemetry fails the test.
func newService(t testing.TB, config *pgxpool.Config, opts ...otelpool.Option) *service {
	t.Helper()
	s := &service{exporter: newExporter(t)}
	s.provider = sdkmetric.NewMeterProvider(sdkmetric.WithReader(s.exporter))
	opts = append([]otelpool.Option{otelpool.WithMeterProvider(s.provider), otelpool.WithPoolName("main")}, opts...)
	var err error
	s.pool, s.inst, err = otelpool.NewWithConfig(context.Background(), config, opts...)
	testutil.NoError(t, err)
	t.Cleanup(func() {
		postgrestest.ClosePool(t, s.pool)
		testutil.Check(t, errors.Join(s.inst.Unregister(), s.provider.Shutdown(context.Background())))
	})
	return s
}

func newExporter(t testing.TB, opts ...prometheus.Option) *prometheus.Exporter {
	t.Helper()
	handler := otel.ErrorHandlerFunc(func(err error) { t.Error(err) })
	exporter, err := prometheus.New(append([]prometheus.Option{prometheus.WithErrorHandler(handler)}, opts...)...)
	testutil.NoError(t, err)
	return exporter
}

func parse(t testing.TB, connString string) *pgxpool.Config {
	t.Helper()
	config, err := pgxpool.ParseConfig(connString)
	testutil.NoError(t, err)
	return config
}

// onDatabase returns the configuration of a pool of at most maxConns connections on a database of its own.
func onDatabase(t testing.TB, maxConns int32) *pgxpool.Config {
	t.Helper()
	config := postgrestest.Config(t)
	config.MaxConns = maxConns
	return config
}

// offline returns the configuration of a pool that is never used: no server listens there.
func offline(t testing.TB) *pgxpool.Config {
	t.Helper()
	return parse(t, "postgres://user@127.0.0.1:1/db?sslmode=disable")
}

// deadline returns a context with a generous deadline, for a test that must not block.
func deadline(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*waitLimit)
	t.Cleanup(cancel)
	return ctx
}

// figures are the tests' results, for docs/faults.md.
var figures = rig.NewTable("hostile", "test", "what was seen")

// recordFigure prints the result of a test, unless the test has failed, and writes all results.
func recordFigure(t *testing.T, format string, args ...any) {
	t.Helper()
	if t.Failed() {
		return
	}
	seen := fmt.Sprintf(format, args...)
	fmt.Printf("%s: %s\n", t.Name(), seen)
	figures.Add("`"+t.Name()+"`", strings.ReplaceAll(seen, "|", `\|`))
	testutil.NoError(t, figures.Write())
}
