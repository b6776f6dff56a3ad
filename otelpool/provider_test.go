package otelpool_test

import (
	"context"
	"os"
	"os/exec"
	"testing"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

func TestPoolWorksWithAnyProvider(t *testing.T) {
	t.Parallel()
	shutDown := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader()))
	testutil.NoError(t, shutDown.Shutdown(context.Background()))
	for name, provider := range map[string]metric.MeterProvider{
		"no-op":             noop.NewMeterProvider(),
		"shut down":         shutDown,
		"without reader":    sdkmetric.NewMeterProvider(),
		"not comparable":    meterProvider{meter: func() metric.Meter { return noop.Meter{} }},
		"global, never set": nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool, inst := newInstrumented(t, parse(t, database(t)), otelpool.WithMeterProvider(provider), nil)
			execute(t, pool, t.Context(), "SELECT 1")
			unregister(t, inst)
		})
	}
}

// meterProvider is a MeterProvider whose Meter is a function. It cannot be compared, so its pools do not share a callback.
type meterProvider struct {
	noop.MeterProvider
	meter func() metric.Meter
}

func (p meterProvider) Meter(string, ...metric.MeterOption) metric.Meter { return p.meter() }

// TestRegisterRefusesPanickingProvider registers a pool twice: the first failure leaves nothing behind.
func TestRegisterRefusesPanickingProvider(t *testing.T) {
	t.Parallel()
	pool := newPool(t, parse(t, "host=localhost"))
	for range 2 {
		_, err := otelpool.Register(pool, otelpool.WithMeterProvider((*sdkmetric.MeterProvider)(nil)))
		testutil.ErrorContains(t, err, "panicked")
	}
}

// registrationMeter is a Meter that returns the same Registration for all callbacks.
type registrationMeter struct {
	noop.Meter
	registration metric.Registration
}

func (m registrationMeter) RegisterCallback(metric.Callback, ...metric.Observable) (metric.Registration, error) {
	return m.registration, nil
}

// panickingRegistration is a Registration that panics.
type panickingRegistration struct{ noop.Registration }

func (panickingRegistration) Unregister() error { panic("not today") }

func TestInvalidRegistrationIsAnError(t *testing.T) {
	t.Parallel()
	t.Run("nil", func(t *testing.T) {
		_, _, err := otelpool.New(t.Context(), "host=localhost", otelpool.WithMeterProvider(meterProvider{meter: func() metric.Meter { return registrationMeter{} }}))
		testutil.ErrorContains(t, err, "no Registration")
	})
	t.Run("panicking", func(t *testing.T) {
		_, inst := newInstrumented(t, parse(t, "host=localhost"),
			otelpool.WithMeterProvider(meterProvider{meter: func() metric.Meter { return registrationMeter{registration: panickingRegistration{}} }}))
		testutil.ErrorContains(t, inst.Unregister(), "not today")
	})
}

// TestGlobalProviderMayBeSetLater runs itself in another process, since the global provider can be set only once.
func TestGlobalProviderMayBeSetLater(t *testing.T) {
	const inside = "OTELPOOL_TEST_GLOBAL_PROVIDER"
	if os.Getenv(inside) == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^TestGlobalProviderMayBeSetLater$", "-test.count=1")
		cmd.Env = append(os.Environ(), inside+"=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	pool, _ := newInstrumented(t, parse(t, database(t)), otelpool.WithPoolName("test"))
	held := acquire(t, pool) // begins before the provider is set, and so is not counted
	tel := newTelemetry(t)
	otel.SetMeterProvider(tel.provider)
	held.Release()
	execute(t, pool, t.Context(), "SELECT 1")
	m := tel.collect(t)
	m.check(t, map[string]int64{idle: 1, pendingRequests: 0})
	m.checkCounts(t, map[string]uint64{operationKey("SELECT", ""): 1, useTime + "{db.query.summary=SELECT}": 1})
}

// brokenMeter is a Meter whose histograms panic when they are asked whether they are enabled.
type brokenMeter struct{ noop.Meter }

func (brokenMeter) Float64Histogram(string, ...metric.Float64HistogramOption) (metric.Float64Histogram, error) {
	return struct{ metric.Float64Histogram }{}, nil
}
