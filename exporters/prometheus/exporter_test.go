package prometheus_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelpool/otelpool-go/exporters/prometheus"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

func TestNewRefusesBadValues(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		opts []prometheus.Option
		want []string
	}{
		"limit":     {[]prometheus.Option{prometheus.WithMaxRequestsInFlight(-1)}, []string{"max requests in flight is -1", "1 or more"}},
		"timeout":   {[]prometheus.Option{prometheus.WithTimeout(-time.Second)}, []string{"timeout is -1s", "more than 0"}},
		"both":      {[]prometheus.Option{prometheus.WithMaxRequestsInFlight(-2), prometheus.WithTimeout(-1)}, []string{"in flight is -2", "timeout is -1ns"}},
		"namespace": {[]prometheus.Option{prometheus.WithNamespace("---")}, []string{"---"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			exporter, err := prometheus.New(test.opts...)
			if exporter != nil || err == nil {
				t.Fatalf("got %v, %v", exporter, err)
			}
			for _, want := range append(test.want, "prometheus: ") {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not say %q", err, want)
				}
			}
		})
	}
}

func TestOverflowIsReportedOnce(t *testing.T) {
	t.Parallel()
	reported := &errorList{}
	exporter := newExporter(t, prometheus.WithErrorHandler(reported))
	provider := sdkmetric.NewMeterProvider(shop, sdkmetric.WithReader(exporter), sdkmetric.WithCardinalityLimit(3))
	instrument(t, provider, []string{"a", "b", "c", "d"}, poolInstruments[:2])

	var body string
	for range 3 {
		body = page(t, exporter, acceptText)
	}
	for _, want := range []string{`db_pool_size{otel_metric_overflow="true"}`, `db_client_connection_count{otel_metric_overflow="true"}`} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s in\n%s", want, body)
		}
	}
	got := reported.all()
	if len(got) != 2 {
		t.Fatalf("reported %v", got)
	}
	for i, name := range []string{`"pgxpool.size"`, `"db.client.connection.count"`} {
		if !strings.Contains(got[i].Error(), name) || !strings.Contains(got[i].Error(), "WithCardinalityLimit") {
			t.Errorf("reported %v", got[i])
		}
	}
}

func TestCallbackPanicFailsOneScrape(t *testing.T) {
	t.Parallel()
	reported := &errorList{}
	exporter := newExporter(t, prometheus.WithErrorHandler(reported))
	provider := newProvider(t, exporter)
	_, err := provider.Meter(poolScope).Int64ObservableCounter("pgxpool.nested_acquires", metric.WithInt64Callback(
		func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(5, metric.WithAttributes(mainPool)) // before the panic, and once more in the next scrape
			return nil
		}))
	testutil.NoError(t, err)
	var wild atomic.Bool
	observeBy(t, provider.Meter("example.com/x"), "x", func(context.Context, metric.Int64Observer) error {
		if wild.Load() {
			panic("password")
		}
		return nil
	})

	good := page(t, exporter, acceptText)
	wild.Store(true)
	for range 2 {
		if body := serve(t, exporter, acceptText, http.StatusInternalServerError).Body.String(); strings.Contains(body, "password") {
			t.Errorf("the page shows an error for the error handler: %s", body)
		}
	}
	wild.Store(false)
	for range 2 {
		testutil.Equal(t, "the page afterwards", page(t, exporter, acceptText), good)
	}
	if got := reported.all(); len(got) != 2 || !strings.Contains(got[0].Error(), "panicked: password") {
		t.Errorf("reported %v", got)
	}
}

func TestFailingCallbackKeepsProducers(t *testing.T) {
	t.Parallel()
	point := metricdata.Gauge[int64]{DataPoints: []metricdata.DataPoint[int64]{{Value: 42}}}
	exporter := newExporter(t, prometheus.WithProducer(fixedProducer{{Metrics: []metricdata.Metrics{{Name: "produced", Data: point}}}}))
	provider := newProvider(t, exporter)
	observeBy(t, provider.Meter(poolScope), "pgxpool.peak", func(context.Context, metric.Int64Observer) error { return errBroken })
	families, err := exporter.Gather()
	if !errors.Is(err, errBroken) || byName(families)["produced"] == nil {
		t.Errorf("gathered %v, %v: want the producer's metric and the callback's error", familyNames(families), err)
	}
	var collected metricdata.ResourceMetrics
	if err := exporter.Collect(t.Context(), &collected); !errors.Is(err, errBroken) || len(collected.ScopeMetrics) != 1 {
		t.Errorf("collected %v, %v", collected.ScopeMetrics, err)
	}
}

func TestInvalidSeriesIsOmittedAndReported(t *testing.T) {
	t.Parallel()
	exporter := newExporter(t)
	provider := newProvider(t, exporter)
	instrument(t, provider, []string{"main", "\xff"}, poolInstruments[:1])

	families, err := exporter.Gather()
	testutil.Equal(t, "series", len(byName(families)["db_pool_size"].GetMetric()), 1)
	testutil.ErrorContains(t, err, `"pgxpool.size"`)
}

func TestProducerMemoryIsNotReused(t *testing.T) {
	t.Parallel()
	var produced fixedProducer
	for i := range 3 {
		produced = append(produced, metricdata.ScopeMetrics{Metrics: []metricdata.Metrics{
			{Name: fmt.Sprint("first.", i), Data: metricdata.Gauge[int64]{DataPoints: []metricdata.DataPoint[int64]{{Value: 42}}}},
			{Name: fmt.Sprint("second.", i), Data: metricdata.Gauge[int64]{DataPoints: []metricdata.DataPoint[int64]{{Value: 43}}}},
		}})
	}
	before := fmt.Sprint(produced)
	exporter := newExporter(t, failOnError(t), prometheus.WithProducer(produced))
	provider := newProvider(t, exporter)

	page(t, exporter, acceptText)
	instrumentOthers(t, provider) // Now the SDK reuses the memory of the producer's metrics.
	body := page(t, exporter, acceptText)
	for _, want := range []string{"first_2", "second_2", "cache_hits_total"} {
		if !strings.Contains(body, want) {
			t.Errorf("no %s in\n%s", want, body)
		}
	}
	testutil.Equal(t, "the producer's data", fmt.Sprint(produced), before)
}

// fixedProducer is a producer that always returns the same memory.
type fixedProducer []metricdata.ScopeMetrics

func (k fixedProducer) Produce(context.Context) ([]metricdata.ScopeMetrics, error) { return k, nil }

func TestUnregisterEndsSeries(t *testing.T) {
	t.Parallel()
	exporter := newExporter(t, failOnError(t))
	meter := newProvider(t, exporter).Meter(poolScope)
	size, err := meter.Int64ObservableGauge("pgxpool.size")
	testutil.NoError(t, err)
	registration, err := meter.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		o.ObserveInt64(size, 5, metric.WithAttributes(mainPool))
		return nil
	}, size)
	testutil.NoError(t, err)
	names := familyNames(gatherAll(t, exporter))
	if !slices.Contains(names, "db_pool_size") {
		t.Errorf("families %v", names)
	}
	testutil.NoError(t, registration.Unregister())
	if names := familyNames(gatherAll(t, exporter)); slices.Contains(names, "db_pool_size") {
		t.Errorf("families %v", names)
	}
}
