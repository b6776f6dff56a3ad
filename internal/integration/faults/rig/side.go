package rig

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

// Wait is how long a condition may take to become true. It is generous, because the machine may be busy.
const Wait = time.Minute

// Side is one of the compared pools.
type Side struct {
	Name   string
	Pool   *pgxpool.Pool
	Counts *Counts

	// For the instrumented pool only.
	Inst     *otelpool.Instrumentation
	reader   *sdkmetric.ManualReader
	provider *sdkmetric.MeterProvider
}

// Bare creates a pool without otelpool.
func Bare(t testing.TB, config *pgxpool.Config) *Side {
	t.Helper()
	s := &Side{Name: "bare", Counts: NewCounts()}
	config = s.prepared(config)
	var err error
	s.Pool, err = pgxpool.NewWithConfig(context.Background(), config)
	testutil.NoError(t, err)
	return s
}

// Instrumented creates a pool with otelpool and a reader of its own.
func Instrumented(t testing.TB, config *pgxpool.Config, opts ...otelpool.Option) *Side {
	t.Helper()
	reader := sdkmetric.NewManualReader()
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	s := InstrumentedFor(t, config, provider, opts...)
	s.reader, s.provider = reader, provider
	return s
}

// InstrumentedFor creates a pool with otelpool and the caller's provider. The caller shuts the provider down.
func InstrumentedFor(t testing.TB, config *pgxpool.Config, provider metric.MeterProvider, opts ...otelpool.Option) *Side {
	t.Helper()
	s := &Side{Name: "otelpool", Counts: NewCounts()}
	config = s.prepared(config)
	opts = append([]otelpool.Option{otelpool.WithMeterProvider(provider), otelpool.WithPoolName("test"), otelpool.WithPeakWindow(time.Second)}, opts...)
	var err error
	s.Pool, s.Inst, err = otelpool.NewWithConfig(context.Background(), config, opts...)
	testutil.NoError(t, err)
	return s
}

// prepared returns a copy of the configuration with a tracer for the callers' counts.
func (s *Side) prepared(config *pgxpool.Config) *pgxpool.Config {
	config = config.Copy()
	config.ConnConfig.Tracer = connectTracer{s.Counts}
	config.BeforeClose = func(*pgx.Conn) { s.Counts.countClosed() }
	return config
}

// Collect reads the metrics.
func (s *Side) Collect(t testing.TB) Metrics {
	t.Helper()
	return Collect(t, s.reader)
}

// Close closes the pool and ends its instrumentation.
func (s *Side) Close(t testing.TB) {
	t.Helper()
	postgrestest.ClosePool(t, s.Pool)
	testutil.Check(t, s.Inst.Unregister())
	if s.provider != nil {
		testutil.Check(t, s.provider.Shutdown(context.Background()))
	}
}

// Eventually waits until the condition holds, and reports whether it did.
func Eventually(t testing.TB, what string, condition func() bool) bool {
	t.Helper()
	deadline := time.NewTimer(Wait)
	defer deadline.Stop()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-deadline.C:
			t.Errorf("not within %v: %s", Wait, what)
			return false
		case <-tick.C:
		}
	}
	return true
}
