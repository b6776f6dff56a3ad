package rig

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelpool/otelpool-go/otelpool"
)

// Wait is how long a condition may take to come true. It is generous: the machine may have other things to do.
const Wait = time.Minute

// Side is one of the pools that are compared.
type Side struct {
	Name   string
	Pool   *pgxpool.Pool
	Ledger *Ledger

	// Of the instrumented one only.
	Inst     *otelpool.Instrumentation
	reader   *sdkmetric.ManualReader
	provider *sdkmetric.MeterProvider
}

// Bare makes a pool without otelpool.
func Bare(t testing.TB, config *pgxpool.Config) *Side {
	t.Helper()
	s := &Side{Name: "bare", Ledger: NewLedger()}
	config = s.prepared(config)
	var err error
	if s.Pool, err = pgxpool.NewWithConfig(context.Background(), config); err != nil {
		t.Fatal(err)
	}
	return s
}

// Instrumented makes one with it, with a reader of its own.
func Instrumented(t testing.TB, config *pgxpool.Config, opts ...otelpool.Option) *Side {
	t.Helper()
	s := &Side{Name: "otelpool", Ledger: NewLedger(), reader: sdkmetric.NewManualReader()}
	s.provider = sdkmetric.NewMeterProvider(sdkmetric.WithReader(s.reader))
	return s.build(t, config, s.provider, opts)
}

// InstrumentedFor makes one that is reported to a provider of the caller's, who shuts that down.
func InstrumentedFor(t testing.TB, config *pgxpool.Config, provider metric.MeterProvider, opts ...otelpool.Option) *Side {
	t.Helper()
	return (&Side{Name: "otelpool", Ledger: NewLedger()}).build(t, config, provider, opts)
}

func (s *Side) build(t testing.TB, config *pgxpool.Config, provider metric.MeterProvider, opts []otelpool.Option) *Side {
	t.Helper()
	config = s.prepared(config)
	opts = append([]otelpool.Option{otelpool.WithMeterProvider(provider), otelpool.WithPoolName("test"), otelpool.WithPeakWindow(time.Second)}, opts...)
	var err error
	if s.Pool, s.Inst, err = otelpool.NewWithConfig(context.Background(), config, opts...); err != nil {
		t.Fatal(err)
	}
	return s
}

// prepared gives a copy of the configuration that keeps the books.
func (s *Side) prepared(config *pgxpool.Config) *pgxpool.Config {
	config = config.Copy()
	config.ConnConfig.Tracer = connectTracer{s.Ledger}
	config.BeforeClose = func(*pgx.Conn) { s.Ledger.noteClosed() }
	return config
}

// Collect reads what was measured.
func (s *Side) Collect(t testing.TB) Metrics {
	t.Helper()
	return Collect(t, s.reader)
}

// Close closes the pool, and ends what measures it.
func (s *Side) Close(t testing.TB) {
	t.Helper()
	closed := make(chan struct{})
	go func() { s.Pool.Close(); close(closed) }()
	select {
	case <-closed:
	case <-time.After(Wait):
		t.Errorf("%s: the pool does not close: %d connections are not given back", s.Name, s.Pool.Stat().AcquiredConns())
	}
	if err := s.Inst.Unregister(); err != nil {
		t.Error(err)
	}
	if s.provider != nil {
		if err := s.provider.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
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
