package otlp_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"

	"github.com/otelpool/otelpool-go/exporters/otlp"
	"github.com/otelpool/otelpool-go/exporters/otlp/otlptest"
)

// pushLimit is the time limit of pushes in the tests of Shutdown, and pushEnd the time by which a push must have ended
// on a busy machine.
const (
	pushLimit = 300 * time.Millisecond
	pushEnd   = 3 * time.Second
)

func TestPushOfManyRequestsIsBounded(t *testing.T) {
	t.Parallel()
	for _, p := range bothProtocols {
		t.Run(string(p.reader), func(t *testing.T) {
			t.Parallel()
			endpoint, _ := hangingReceiver(t)
			provider := newProvider(t, otlp.WithProtocol(p.reader), otlp.WithEndpointURL(endpoint),
				otlp.WithExportTimeout(pushLimit), otlp.WithMaxExportBatchSize(1))
			addSeries(t, provider, 23)
			for _, tc := range []struct {
				what string
				push func() error
			}{
				{"ForceFlush", func() error { return provider.ForceFlush(testContext(t)) }}, // limited by WithExportTimeout only
				{"Shutdown", func() error { return provider.Shutdown(context.Background()) }},
			} {
				err := wantBounded(t, tc.what, tc.push)
				if want := "22 of 23 requests are left out"; err == nil || strings.Count(err.Error(), want) != 1 {
					t.Errorf("%s: error %v: want %q once", tc.what, err, want)
				}
			}
		})
	}
}

func TestShutdownWithStuckCallbackIsBounded(t *testing.T) {
	t.Parallel()
	for name, shutdown := range map[string]func(*sdkmetric.MeterProvider) error{
		"no deadline": func(p *sdkmetric.MeterProvider) error { return p.Shutdown(context.Background()) },
		"deadline": func(p *sdkmetric.MeterProvider) error {
			ctx, cancel := context.WithTimeout(context.Background(), pushLimit)
			defer cancel()
			return p.Shutdown(ctx)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			receiver := otlptest.New(t, otlptest.HTTP)
			provider := newProvider(t, otlp.WithEndpointURL(receiver.Endpoint()), otlp.WithExportTimeout(pushLimit))
			proceed := make(chan struct{})
			observe(t, provider, "stuck", func(context.Context) error { <-proceed; return nil })
			wantBounded(t, "Shutdown", func() error { return shutdown(provider) })
			close(proceed)
		})
	}
}

func wantBounded(t *testing.T, what string, f func() error) error {
	t.Helper()
	start := time.Now()
	err := f()
	if took := time.Since(start); took > pushEnd {
		t.Errorf("%s took %v: want little more than %v", what, took, pushLimit)
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%s returned error %v: want one of the deadline", what, err)
	}
	return err
}

func TestFailingCallbackKeepsOtherMetrics(t *testing.T) {
	t.Parallel()
	for _, p := range bothProtocols {
		receiver := otlptest.New(t, p.receiver)
		provider := newProvider(t, otlp.WithProtocol(p.reader), otlp.WithEndpointURL(receiver.Endpoint()),
			otlp.WithProducer(failingProducer("one")), otlp.WithProducer(nil), otlp.WithProducer(failingProducer("two")))
		observe(t, provider, "bad", func(context.Context) error { return errors.New("the callback's reason") })
		observe(t, provider, "good", func(context.Context) error { return nil })
		add(t, provider, 3)

		for _, flush := range []func(context.Context) error{provider.ForceFlush, provider.Shutdown} {
			err := flush(testContext(t))
			for _, want := range []string{"the callback's reason", "the producer's reason"} {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%s: error %v: want %q", p.reader, err, want)
				}
			}
		}
		got := receiver.Metrics()
		if len(got) != 2 || count(got) != 3 || count(got[:1]) != 3 {
			t.Errorf("%s: %d pushes with count %d: want 2 with 3", p.reader, len(got), count(got))
		}
		for _, rm := range got {
			if scope := rm.GetScopeMetrics()[0].GetScope().GetName(); scope != "test" || len(rm.GetResource().GetAttributes()) == 0 {
				t.Errorf("%s: scope %q, resource %v: want those of the MeterProvider", p.reader, scope, rm.GetResource())
			}
		}
		for _, name := range []string{"good", "one", "two"} {
			if otlptest.Latest(got, name) == nil {
				t.Errorf("%s: no metric %q arrived", p.reader, name)
			}
		}
	}
}

func TestCallbackErrorIsReportedAtInterval(t *testing.T) {
	t.Parallel()
	receiver := otlptest.New(t, otlptest.HTTP)
	provider := newProvider(t, otlp.WithEndpointURL(receiver.Endpoint()), otlp.WithInterval(time.Millisecond))
	observe(t, provider, "bad", func(context.Context) error { return errors.New("the reason at the interval") })
	add(t, provider, 3)
	noError(t, reported.wait(testContext(t), "the reason at the interval"))
	noError(t, receiver.Wait(testContext(t), func(got []*metricspb.ResourceMetrics) bool { return count(got) == 3 }))
}

func TestWaitingCallbackLeavesTimeToPush(t *testing.T) {
	t.Parallel()
	receiver := otlptest.New(t, otlptest.HTTP)
	provider := newProvider(t, otlp.WithEndpointURL(receiver.Endpoint()), otlp.WithExportTimeout(4*pushLimit))
	observe(t, provider, "waiting", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
	add(t, provider, 3)
	if err := provider.Shutdown(context.Background()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v: want the callback's", err)
	}
	if got := count(receiver.Metrics()); got != 3 {
		t.Errorf("received count %d: want 3", got)
	}
}

func TestCallbackPanicIsReported(t *testing.T) {
	t.Parallel()
	for temporality, want := range map[metricdata.Temporality][]int64{
		metricdata.CumulativeTemporality: {3, 8},
		metricdata.DeltaTemporality:      {0, 5}, // what is counted meanwhile is lost
	} {
		receiver := otlptest.New(t, otlptest.HTTP)
		provider := newProvider(t, otlp.WithEndpointURL(receiver.Endpoint()),
			otlp.WithTemporalitySelector(func(sdkmetric.InstrumentKind) metricdata.Temporality { return temporality }))
		value := int64(3)
		_, err := provider.Meter("test").Int64ObservableCounter("test.count", metric.WithInt64Callback(
			func(_ context.Context, o metric.Int64Observer) error {
				o.Observe(value)
				return nil
			}))
		noError(t, err)
		panics := true
		observe(t, provider, "wild", func(context.Context) error {
			if panics {
				panic("the callback's panic")
			}
			return nil
		})
		for range 2 {
			if err := provider.ForceFlush(testContext(t)); err == nil || !strings.Contains(err.Error(), "panicked: the callback's panic") {
				t.Errorf("error %v: want the panic", err)
			}
		}
		panics = false
		for i, want := range want {
			if err := provider.ForceFlush(testContext(t)); err != nil || count(receiver.Metrics()) != want {
				t.Errorf("%v, push %d afterwards: error %v, count %d: want none and %d", temporality, i, err, count(receiver.Metrics()), want)
			}
			value = 8
		}
	}
}

// observe registers a callback that observes 1 unless f returns an error.
func observe(t *testing.T, provider metric.MeterProvider, name string, f func(context.Context) error) {
	t.Helper()
	_, err := provider.Meter("test").Int64ObservableGauge(name, metric.WithInt64Callback(
		func(ctx context.Context, o metric.Int64Observer) error {
			if err := f(ctx); err != nil {
				return err
			}
			o.Observe(1)
			return nil
		}))
	noError(t, err)
}

// addSeries adds 1 to each of n series of one counter.
func addSeries(t *testing.T, provider metric.MeterProvider, n int) {
	t.Helper()
	counter, err := provider.Meter("test").Int64Counter("test.series")
	noError(t, err)
	for i := range n {
		counter.Add(context.Background(), 1, metric.WithAttributes(attribute.Int("i", i)))
	}
}

// failingProducer is a producer that has a metric of this name and an error.
type failingProducer string

func (p failingProducer) Produce(context.Context) ([]metricdata.ScopeMetrics, error) {
	points := []metricdata.DataPoint[int64]{{Value: 1}}
	return []metricdata.ScopeMetrics{{Metrics: []metricdata.Metrics{
		{Name: string(p), Data: metricdata.Gauge[int64]{DataPoints: points}},
	}}}, errors.New("the producer's reason")
}
