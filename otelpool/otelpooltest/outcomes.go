package otelpooltest

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/semconv/v1.43.0/dbconv"

	"github.com/otelpool/otelpool-go/otelpool"
)

// Outcome is what was recorded of the operations that had one name and ended in one way.
type Outcome struct {
	Pool      string
	Operation string
	ErrorType string // "" of those that succeeded, else a SQLSTATE, timeout, canceled, connect, connection or _OTHER
	Count     int
	Total     time.Duration
}

// Operations tells how many operations of that name have ended, failed ones among them. The name is the one that
// [otelpool.WithOperation] describes. An operation that nobody did is no mistake but 0; OperationNames tells those that
// were done. A query has ended when its rows are closed.
func (r *Recorder) Operations(name string) int {
	r.t.Helper()
	count, _ := r.sum(func(o Outcome) bool { return o.Operation == name })
	return count
}

// Failures tells how many operations of that name have failed with that error type: a SQLSTATE such as "23505" where the
// server gave one, else timeout, canceled, connect, connection or _OTHER. The error type "" is for any.
func (r *Recorder) Failures(name, errorType string) int {
	r.t.Helper()
	count, _ := r.sum(func(o Outcome) bool {
		return o.Operation == name && o.ErrorType != "" && (errorType == "" || o.ErrorType == errorType)
	})
	return count
}

// Duration tells how long the operations of that name took together and on average, failed ones among them; 0 if there
// were none. Outcomes tells them apart by error type.
func (r *Recorder) Duration(name string) (total, mean time.Duration) {
	r.t.Helper()
	count, total := r.sum(func(o Outcome) bool { return o.Operation == name })
	return total, total / time.Duration(max(count, 1))
}

// OperationNames lists the names of the operations that have ended, sorted.
func (r *Recorder) OperationNames() []string {
	r.t.Helper()
	var names []string
	for _, o := range r.Outcomes() {
		names = append(names, o.Operation)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Outcomes lists all operations that have ended, by pool, name and error type, sorted by these.
func (r *Recorder) Outcomes() []Outcome {
	r.t.Helper()
	found := map[Outcome]Outcome{} // by an Outcome without numbers; attributes of the user's may split it into series
	ours := r.metrics(func(scope string) bool { return scope == otelpool.ScopeName })
	for _, data := range ours[dbconv.ClientOperationDuration{}.Name()] {
		histogram, _ := data.(metricdata.Histogram[float64])
		for _, p := range histogram.DataPoints {
			key := Outcome{
				Pool:      text(p.Attributes, semconv.DBClientConnectionPoolNameKey),
				Operation: text(p.Attributes, semconv.DBQuerySummaryKey),
				ErrorType: text(p.Attributes, semconv.ErrorTypeKey),
			}
			o := key
			o.Count = found[key].Count + int(p.Count)
			o.Total = found[key].Total + time.Duration(math.Round(p.Sum*float64(time.Second)))
			found[key] = o
		}
	}
	return slices.SortedFunc(maps.Values(found), func(a, b Outcome) int {
		return cmp.Or(cmp.Compare(a.Pool, b.Pool), cmp.Compare(a.Operation, b.Operation), cmp.Compare(a.ErrorType, b.ErrorType))
	})
}

// sum adds up the outcomes that are wanted.
func (r *Recorder) sum(wanted func(Outcome) bool) (count int, total time.Duration) {
	r.t.Helper()
	for _, o := range r.Outcomes() {
		if wanted(o) {
			count += o.Count
			total += o.Total
		}
	}
	return count, total
}

// text gives the value of an attribute, "" if the set has none.
func text(set attribute.Set, key attribute.Key) string {
	value, _ := set.Value(key)
	return value.AsString()
}
