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

// errNothingGathered is all that a client is told when there is nothing to serve: the reason may come from anybody's
// callback, and is for the error handler.
var errNothingGathered = errors.New("nothing could be gathered; the program's error handler has the reason")

// ServeHTTP implements http.Handler: it serves the metrics in the format and the compression that the request accepts.
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

// ready returns why there is nothing to collect, or nil.
func (e *Exporter) ready() error {
	ended, end := context.WithCancel(context.Background())
	end()
	// With an ended context a reader that has something to collect does no more than say so.
	err := e.Reader.Collect(ended, &metricdata.ResourceMetrics{})
	if errors.Is(err, sdkmetric.ErrReaderNotRegistered) || errors.Is(err, sdkmetric.ErrReaderShutdown) {
		return explain(err)
	}
	return nil
}

// newHandler returns the handler that serves what e gathers.
func newHandler(e *Exporter) http.Handler {
	return promhttp.HandlerFor(servable(e), promhttp.HandlerOpts{
		ErrorLog:            errorLog{handler: e.cfg.errorHandler},
		ErrorHandling:       promhttp.ContinueOnError,
		EnableOpenMetrics:   true,
		MaxRequestsInFlight: e.cfg.maxRequestsInFlight,
		Timeout:             e.cfg.timeout,
	})
}

// servable gathers from e, reports errors, and returns one only when there is nothing to serve.
func servable(e *Exporter) prometheus.GathererFunc {
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

// errorLog is the log of promhttp.
type errorLog struct {
	handler otel.ErrorHandler
}

// refusedCompression is what promhttp says first of a client that accepts no compression that there is, nor none. It then
// serves the page as it is, and a client must not be able to fill the program's log.
const refusedCompression = "error getting writer"

// Println implements promhttp.Logger.
func (l errorLog) Println(v ...any) {
	if len(v) > 0 && v[0] == refusedCompression {
		return
	}
	for _, item := range v {
		err, ok := item.(error)
		// What could not be gathered was reported before, and of a timeout the client was told.
		if ok && !errors.Is(err, errNothingGathered) && !errors.Is(err, http.ErrHandlerTimeout) {
			l.handler.Handle(fmt.Errorf("prometheus: serve: %w", err))
		}
	}
}

// writer is a ResponseWriter that reports only the first failure to write. Every metric family after it would meet the
// same one: the client has gone away.
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

// Unwrap lets http.ResponseController reach the original.
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }
