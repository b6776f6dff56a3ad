package display_test

import (
	"math"
	"slices"
	"testing"

	dto "github.com/prometheus/client_model/go"

	"github.com/otelpool/otelpool-go/examples/internal/display"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

func TestSecondsChoosesUnit(t *testing.T) {
	t.Parallel()
	for seconds, want := range map[float64]string{
		0.000047: "0.05 ms", 0.0042: "4.2 ms", 0.0999: "100 ms", 0.25: "250 ms", 2.34: "2.3 s", 10: "10.0 s",
	} {
		if got := display.Seconds(seconds); got != want {
			t.Errorf("%v is %q, want %q", seconds, got, want)
		}
	}
	testutil.Equal(t, "nothing", display.Seconds(math.NaN()), "-")
}

func TestCountsSortsKinds(t *testing.T) {
	t.Parallel()
	if got := display.Counts(map[string]int{"HTTP 503": 1, "23503": 20}); got != "20×23503, 1×HTTP 503" {
		t.Error(got)
	}
	if got := display.Counts(nil); got != "-" {
		t.Error(got)
	}
}

func TestQuantileMatchesPrometheus(t *testing.T) {
	t.Parallel()
	bounds := []float64{1, 2, 4}
	for _, tt := range []struct {
		name    string
		upTo    []uint64 // the last of all
		q, want float64
	}{
		{"nothing", []uint64{0, 0, 0, 0}, 0.95, math.NaN()},
		{"in the first bucket", []uint64{10, 10, 10, 10}, 0.5, 0.5},
		{"in a later bucket", []uint64{4, 8, 10, 10}, 0.9, 3},
		{"at the end of a bucket", []uint64{0, 10, 10, 10}, 1, 2},
		{"above all", []uint64{0, 0, 1, 10}, 0.95, 4},
	} {
		var before display.Histogram
		before.Add(series(bounds, []uint64{7, 8, 9, 10}))
		h := before.Since(display.Histogram{})
		h.Add(series(bounds, tt.upTo)) // a second series
		got := h.Since(before).Quantile(tt.q)
		if got != tt.want && !(math.IsNaN(got) && math.IsNaN(tt.want)) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

// series returns a histogram with buckets up to bounds and infinity.
func series(bounds []float64, upTo []uint64) *dto.Histogram {
	h := &dto.Histogram{SampleCount: &upTo[len(bounds)]}
	for i, bound := range append(slices.Clone(bounds), math.Inf(1)) {
		h.Bucket = append(h.Bucket, &dto.Bucket{UpperBound: &bound, CumulativeCount: &upTo[i]})
	}
	return h
}
