package otelpool

import (
	"runtime/metrics"
	"time"
)

// processorWaits returns how often a goroutine of the program was ready to run, as the runtime samples it, and the total
// time until it ran, in nanoseconds. Each wait counts as the lower bound of its bucket, so the time is a little too
// short.
func processorWaits() (n, total int64) {
	sample := []metrics.Sample{{Name: "/sched/latencies:seconds"}}
	metrics.Read(sample)
	if sample[0].Value.Kind() != metrics.KindFloat64Histogram { // the runtime no longer has it
		return 0, 0
	}
	histogram := sample[0].Value.Float64Histogram()
	var seconds float64
	for i, count := range histogram.Counts {
		n += int64(count)
		if least := histogram.Buckets[i]; least > 0 {
			seconds += float64(count) * least
		}
	}
	return n, int64(seconds * float64(time.Second))
}
