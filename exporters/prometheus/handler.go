package prometheus

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"
	"go.opentelemetry.io/otel"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// errNothingGathered is the only reason that a client gets when there is nothing to serve. The real one may come from
// any callback and goes to the error handler.
var errNothingGathered = errors.New("nothing could be gathered: the program's error handler has the reason")

// ServeHTTP implements http.Handler. It serves the metrics in the format and the compression that the request accepts.
// The parameter name[] restricts the page to metrics of that name.
func (e *Exporter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if len(e.cfg.joined) == 0 {
		if err := e.ready(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
	}
	e.handler.ServeHTTP(&writer{ResponseWriter: w}, r)
}

// ready returns the reason why there is nothing to collect, or nil.
func (e *Exporter) ready() error {
	canceled, cancel := context.WithCancel(context.Background())
	cancel()
	// With a canceled context the reader checks its state and collects nothing.
	err := e.Reader.Collect(canceled, &metricdata.ResourceMetrics{})
	if errors.Is(err, sdkmetric.ErrReaderNotRegistered) || errors.Is(err, sdkmetric.ErrReaderShutdown) {
		return explain(err)
	}
	return nil
}

// newHandler returns the handler that serves the metrics of e.
func newHandler(e *Exporter) http.Handler {
	return promhttp.HandlerFor(newGatherer(e), promhttp.HandlerOpts{
		ErrorLog:            errorLog{handler: e.cfg.errorHandler},
		ErrorHandling:       promhttp.ContinueOnError,
		EnableOpenMetrics:   true,
		MaxRequestsInFlight: e.cfg.maxRequestsInFlight,
		Timeout:             e.cfg.timeout,
	})
}

// newGatherer returns a gatherer that passes the errors of e to the error handler. It returns an error only when there
// is nothing to serve.
func newGatherer(e *Exporter) prometheus.GathererFunc {
	return func() ([]*dto.MetricFamily, error) {
		families, err := e.Gather()
		if err != nil {
			e.cfg.errorHandler.Handle(err)
		}
		if err != nil && len(families) == 0 {
			return nil, errNothingGathered
		}
		return families, nil
	}
}

// errorLog is the promhttp.Logger that passes errors to the error handler.
type errorLog struct {
	handler otel.ErrorHandler
}

// refusedCompression begins the log line of promhttp for a client that accepts neither a known compression nor none.
// The page is then served uncompressed, and a client must not be able to fill the program's log.
const refusedCompression = "error getting writer"

// Println implements promhttp.Logger.
func (l errorLog) Println(v ...any) {
	if len(v) > 0 && v[0] == refusedCompression {
		return
	}
	for _, item := range v {
		err, ok := item.(error)
		// Gather errors were reported before, and a timeout is reported to the client.
		if ok && !errors.Is(err, errNothingGathered) && !errors.Is(err, http.ErrHandlerTimeout) {
			l.handler.Handle(fmt.Errorf("prometheus: serve: %w", err))
		}
	}
}

// writer is a ResponseWriter that reports only the first write error. Once the client is gone, every further metric
// family would cause the same one.
type writer struct {
	http.ResponseWriter
	failed bool
}

// Write implements http.ResponseWriter.
func (w *writer) Write(b []byte) (int, error) {
	if w.failed {
		return len(b), nil
	}
	n, err := w.ResponseWriter.Write(b)
	w.failed = err != nil
	return n, err
}

// Unwrap returns the original for http.ResponseController.
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }
