package instruments

import (
	"context"
	"errors"
	"fmt"

	"go.opentelemetry.io/otel/metric"

	"github.com/otelpool/otelpool-go/internal/catalogue"
)

var (
	// operationBuckets are those that the semantic conventions recommend for db.client.operation.duration.
	operationBuckets = []float64{0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10}

	// connectionBuckets are for wait, use and create time, for which the conventions recommend none. They are those of an
	// operation and more at both ends, from an idle connection handed over within microseconds to one held for a minute.
	// Each bucket is a series of every pool, and with exemplars some 200 bytes in the SDK.
	connectionBuckets = []float64{0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60}

	// rowBuckets are those that the semantic conventions recommend for db.client.response.returned_rows.
	rowBuckets = []float64{1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000}
)

// Histograms are the instruments that are recorded to as things happen. They are plain instruments, because the Record
// methods of dbconv make their attributes at each call.
type Histograms struct {
	Duration, Wait, Use, Create metric.Float64Histogram
	Rows                        metric.Int64Histogram // nil if returned rows are not recorded
}

// NewHistograms creates the histograms, that of returned rows only if withRows is set.
func NewHistograms(m metric.Meter, withRows bool) (h Histograms, err error) {
	var errs [5]error
	h.Duration, errs[0] = seconds(m, "db.client.operation.duration", operationBuckets)
	h.Wait, errs[1] = seconds(m, "db.client.connection.wait_time", connectionBuckets)
	h.Use, errs[2] = seconds(m, "db.client.connection.use_time", connectionBuckets)
	h.Create, errs[3] = seconds(m, "db.client.connection.create_time", connectionBuckets)
	if withRows {
		row := lookup("db.client.response.returned_rows")
		h.Rows, errs[4] = m.Int64Histogram(row.Name, metric.WithUnit(row.Unit), metric.WithDescription(row.Description),
			metric.WithExplicitBucketBoundaries(rowBuckets...))
	}
	if err := errors.Join(errs[:]...); err != nil {
		return Histograms{}, fmt.Errorf("otelpool: create histograms: %w", err)
	}
	return h, nil
}

func seconds(m metric.Meter, name string, buckets []float64) (metric.Float64Histogram, error) {
	row := lookup(name)
	return m.Float64Histogram(row.Name, metric.WithUnit(row.Unit), metric.WithDescription(row.Description),
		metric.WithExplicitBucketBoundaries(buckets...))
}

// lookup returns the catalogue's row of an instrument that has one.
func lookup(name string) catalogue.Row {
	rows := catalogue.Lookup(name)
	if len(rows) == 0 {
		panic("no metric " + name + " in internal/catalogue")
	}
	return rows[0]
}

// Enabled reports whether any of the histograms would keep a measurement.
func (h Histograms) Enabled(ctx context.Context) bool {
	return h.Duration.Enabled(ctx) || h.Wait.Enabled(ctx) || h.Use.Enabled(ctx) || h.Create.Enabled(ctx)
}
