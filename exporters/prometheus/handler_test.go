package prometheus_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelpool/otelpool-go/exporters/prometheus"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

func TestPageBeforeRegistrationSaysWhatToDo(t *testing.T) {
	t.Parallel()
	exporter := newExporter(t)

	if body := serve(t, exporter, acceptText, http.StatusServiceUnavailable).Body.String(); !strings.Contains(body, "sdkmetric.WithReader") {
		t.Errorf("body %s", body)
	}
	families, err := exporter.Gather()
	if !errors.Is(err, sdkmetric.ErrReaderNotRegistered) || len(families) > 0 {
		t.Errorf("gathered %v, %v", families, err)
	}
}

func TestPageAfterShutdownIsUnavailable(t *testing.T) {
	t.Parallel()
	exporter := newExporter(t)
	provider := newProvider(t, exporter)
	observe(t, provider, "pgxpool.size", mainPool)
	page(t, exporter, acceptText)
	testutil.NoError(t, provider.Shutdown(t.Context()))

	for range 2 {
		if body := serve(t, exporter, acceptText, http.StatusServiceUnavailable).Body.String(); !strings.Contains(body, "shut down") {
			t.Errorf("body %s", body)
		}
		families, err := exporter.Gather()
		if !errors.Is(err, sdkmetric.ErrReaderShutdown) || len(families) > 0 {
			t.Errorf("gathered %v, %v", families, err)
		}
	}
}

func TestShutdownDuringScrapeIsUnavailable(t *testing.T) {
	t.Parallel()
	exporter := newExporter(t, failOnError(t))
	provider := newProvider(t, exporter)
	gauge := observeGated(t, provider)
	var first, second sync.WaitGroup
	first.Go(func() { page(t, exporter, acceptText) })
	testutil.Eventually(t, "the first gathers", func() bool { return gauge.gatherings.Load() == 1 })
	second.Go(func() { serve(t, exporter, acceptText, http.StatusServiceUnavailable) })
	testutil.Eventually(t, "the second waits for the first", func() bool { return exporter.Gathering() == 2 })
	testutil.NoError(t, provider.Shutdown(t.Context()))
	close(gauge.proceed)
	first.Wait()
	second.Wait()
}

func TestRequestAboveLimitGets503(t *testing.T) {
	t.Parallel()
	exporter := newExporter(t, failOnError(t), prometheus.WithMaxRequestsInFlight(1))
	slow := observeGated(t, newProvider(t, exporter))

	var first sync.WaitGroup
	first.Go(func() { page(t, exporter, acceptText) })
	testutil.Eventually(t, "the first gathers", func() bool { return slow.gatherings.Load() == 1 })
	serve(t, exporter, acceptText, http.StatusServiceUnavailable)
	close(slow.proceed)
	first.Wait()
	page(t, exporter, acceptText)
}

func TestSlowScrapeTimesOut(t *testing.T) {
	t.Parallel()
	exporter := newExporter(t, failOnError(t), prometheus.WithTimeout(time.Millisecond))
	slow := observeGated(t, newProvider(t, exporter))

	serve(t, exporter, acceptText, http.StatusServiceUnavailable)
	close(slow.proceed)
	// The collection finishes in the background and its result is discarded: nothing is reported.
	if _, err := exporter.Gather(); err != nil {
		t.Error(err)
	}
}

func TestErrorsGoToTheGlobalHandlerByDefault(t *testing.T) { // It sets the global error handler, so not in parallel.
	reported := &errorList{}
	otel.SetErrorHandler(reported)
	exporter := newExporter(t, prometheus.WithErrorHandler(nil))
	provider := newProvider(t, exporter)
	observe(t, provider, "pgxpool.size", mainPool)
	observeBy(t, provider.Meter(poolScope), "pgxpool.peak", func(context.Context, metric.Int64Observer) error { return errBroken })

	if !strings.Contains(page(t, exporter, acceptText), `db_pool_size{pool="main"} 1`) {
		t.Error("the gathered metrics are not served")
	}
	if got := reported.all(); len(got) != 1 || !errors.Is(got[0], errBroken) {
		t.Errorf("reported %v", got)
	}
}

func TestJoinedMetricsAreServedAlone(t *testing.T) {
	t.Parallel()
	reported := &errorList{}
	exporter := newExporter(t, prometheus.WithErrorHandler(reported), prometheus.WithGatherer(registryWith(t, "theirs", "Theirs.")))

	if got := page(t, exporter, acceptText); !strings.Contains(got, "theirs 1") {
		t.Errorf("page %s", got)
	}
	if got := reported.all(); len(got) != 1 || !errors.Is(got[0], sdkmetric.ErrReaderNotRegistered) {
		t.Errorf("reported %v", got)
	}
}

type brokenWriter struct{ http.ResponseWriter }

func (brokenWriter) Write([]byte) (int, error) { return 0, errBroken }
