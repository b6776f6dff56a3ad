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
)

// errNothingGathered is the error that a client gets when there is nothing to serve. The real error may come from any
// callback, and goes to the error handler.
var errNothingGathered = errors.New("nothing could be gathered: see the error that the program's error handler received")

// ServeHTTP implements http.Handler. It serves the metrics in the format that the request accepts, compressed by gzip if
// it accepts that.
//
// Requests share gatherings: those that arrive while others are being served wait for the next gathering, and all get
// its values. The values are never older than the request. The page is complete before the first byte is sent, so a
// slow client does not delay others, and it holds only its compressed page in memory.
func (e *Exporter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer e.inFlight.Add(-1)
	if limit := e.cfg.maxRequestsInFlight; e.inFlight.Add(1) > int64(limit) && limit > 0 {
		http.Error(w, fmt.Sprintf("Limit of concurrent requests reached (%d), try again later.", limit), http.StatusServiceUnavailable)
		return
	}

	ctx := r.Context()
	if e.cfg.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, e.cfg.timeout)
		defer cancel()
	}
	page := e.sharer.page(ctx, r)
	switch {
	case page != nil:
		if err := page.serve(w, acceptsGzip(r)); err != nil {
			e.countDisconnect(err)
		}
	case errors.Is(ctx.Err(), context.Canceled):
		e.countDisconnect(ctx.Err())
	default:
		http.Error(w, "The metrics were not gathered within the timeout of the request.", http.StatusServiceUnavailable)
	}
}

// Disconnects returns the number of clients that disconnected before they had the whole page. The error handler gets an
// error for the first, the 10th, the 100th and so on, because a scraper with too short a timeout, or any client, would
// fill the program's log otherwise.
func (e *Exporter) Disconnects() int64 { return e.disconnects.Load() }

// countDisconnect counts a client that is gone, and reports some.
func (e *Exporter) countDisconnect(err error) {
	n := e.disconnects.Add(1)
	for report := int64(1); report <= n && report > 0; report *= 10 {
		if n == report {
			e.cfg.errorHandler.Handle(fmt.Errorf("prometheus: serve: a client disconnected before it received the whole page (%d so far): %w", n, err))
		}
	}
}

// fillPages gathers once and encodes the pages. It does not run on the goroutine of a request.
func (e *Exporter) fillPages(pages map[pageKey]*encodedPage) {
	err := catchPanic("serve", func() error {
		families, gatherErr := e.gather()
		if len(e.cfg.joined) == 0 && cannotCollect(gatherErr) {
			for _, page := range pages {
				page.status, page.contentType, page.body = http.StatusServiceUnavailable, "text/plain; charset=utf-8", []byte(gatherErr.Error()+"\n")
			}
			return nil
		}
		if gatherErr != nil {
			e.cfg.errorHandler.Handle(gatherErr)
			gatherErr = errNothingGathered // promhttp serves it only if there are no families
		}
		handler := promhttp.HandlerFor(prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) { return families, gatherErr }),
			promhttp.HandlerOpts{
				ErrorLog:          errorLog{handler: e.cfg.errorHandler},
				ErrorHandling:     promhttp.ContinueOnError,
				EnableOpenMetrics: true,
			})
		for key, page := range pages {
			page.fill(handler, key.query)
		}
		return nil
	})
	if err != nil {
		// recover: the error handler itself may have panicked
		_ = catchPanic("report", func() error {
			e.cfg.errorHandler.Handle(err)
			return nil
		})
	}
}

// errorLog is the promhttp.Logger that passes errors to the error handler.
type errorLog struct {
	handler otel.ErrorHandler
}

// Println implements promhttp.Logger.
func (l errorLog) Println(v ...any) {
	for _, item := range v {
		err, ok := item.(error)
		// Gather errors were reported before.
		if ok && !errors.Is(err, errNothingGathered) {
			l.handler.Handle(fmt.Errorf("prometheus: serve: %w", err))
		}
	}
}
