package instruments

import (
	"context"
	"errors"
	"fmt"

	"go.opentelemetry.io/otel/metric"

	"github.com/otelpool/otelpool-go/internal/catalogue"
)

var (
	// operationBuckets are those that the semantic conventions recommend for db.client.operation.duration, plus 2.5, 30
	// and 60: it matters whether a query took 10 seconds or a minute. These cost three series per operation.
	operationBuckets = []float64{0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60}

	// connectionBuckets are for wait, use and create time, for which the conventions recommend none. They extend
	// operationBuckets down to the microseconds that an idle connection takes. A bucket costs one series per pool, one
	// per unit of work for the use time, and, with exemplars, about 200 bytes in the SDK.
	connectionBuckets = []float64{0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60}

	// rowBuckets are those that the semantic conventions recommend for db.client.response.returned_rows.
	rowBuckets = []float64{1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000}
)

// Histograms are the instruments that are recorded to when an event ends. They are plain instruments, because the
// Record methods of dbconv build the attribute set on every call.
type Histograms struct {
	Duration, Wait, Use, Create metric.Float64Histogram
	Rows                        metric.Int64Histogram // nil if returned rows are not recorded
	Probe                       metric.Int64Counter   // never recorded to: enabled if there are readers
	Wanted                      bool                  // one was enabled when they were created
}

// The rows of the histograms.
var (
	durationRow = lookup("db.client.operation.duration")
	waitRow     = lookup("db.client.connection.wait_time")
	useRow      = lookup("db.client.connection.use_time")
	createRow   = lookup("db.client.connection.create_time")
	rowsRow     = lookup("db.client.response.returned_rows")
)

// NewHistograms creates the histograms, that of returned rows only if withRows is set.
func NewHistograms(m metric.Meter, withRows bool) (h Histograms, err error) {
	var errs [6]error
	h.Duration, errs[0] = seconds(m, durationRow, operationBuckets)
	h.Wait, errs[1] = seconds(m, waitRow, connectionBuckets)
	h.Use, errs[2] = seconds(m, useRow, connectionBuckets)
	h.Create, errs[3] = seconds(m, createRow, connectionBuckets)
	h.Probe, errs[4] = m.Int64Counter(probeName)
	if withRows {
		h.Rows, errs[5] = m.Int64Histogram(rowsRow.Name, metric.WithUnit(rowsRow.Unit), metric.WithDescription(rowsRow.Description),
			metric.WithExplicitBucketBoundaries(rowBuckets...))
	}
	if err := errors.Join(errs[:]...); err != nil {
		return Histograms{}, fmt.Errorf("otelpool: create histograms: %w", err)
	}
	h.Wanted = h.enabled(context.Background())
	return h, nil
}

func seconds(m metric.Meter, row catalogue.Row, buckets []float64) (metric.Float64Histogram, error) {
	return m.Float64Histogram(row.Name, metric.WithUnit(row.Unit), metric.WithDescription(row.Description),
		metric.WithExplicitBucketBoundaries(buckets...))
}

// lookup returns the row of an instrument with exactly one row. It panics if there is none.
func lookup(name string) catalogue.Row {
	rows := catalogue.Lookup(name)
	if len(rows) == 0 {
		panic("no metric " + name + " in internal/catalogue")
	}
	return rows[0]
}

// probeName is the name of a counter that is never recorded to, so no reader sees it. Its Enabled reports whether there
// are readers, even if a View drops the histograms. Asynchronous instruments have no Enabled.
const probeName = "pgxpool.probe"

// enabled reports whether a reader would keep a measurement of an instrument.
func (h Histograms) enabled(ctx context.Context) bool {
	return h.Duration.Enabled(ctx) || h.Wait.Enabled(ctx) || h.Use.Enabled(ctx) || h.Create.Enabled(ctx) || h.Probe.Enabled(ctx)
}
