package main

import (
	"errors"
	"math"
	"net"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

func TestQuantileMatchesPrometheus(t *testing.T) {
	t.Parallel()
	bounds := []float64{1, 2, 4}
	for _, tt := range []struct {
		name    string
		buckets []uint64
		q, want float64
	}{
		{"nothing", []uint64{0, 0, 0, 0}, 0.95, math.NaN()},
		{"in the first bucket", []uint64{10, 0, 0, 0}, 0.5, 0.5},
		{"in a later bucket", []uint64{4, 4, 2, 0}, 0.9, 3},
		{"at the end of a bucket", []uint64{0, 10, 0, 0}, 1, 2},
		{"above all", []uint64{0, 0, 1, 9}, 0.95, 4},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var h histogram
			// The sum of two series.
			for _, buckets := range [][]uint64{tt.buckets, make([]uint64, 4)} {
				var count uint64
				for _, n := range buckets {
					count += n
				}
				h.add(metricdata.HistogramDataPoint[float64]{Bounds: bounds, BucketCounts: buckets, Count: count})
			}
			if got := h.quantile(tt.q); got != tt.want && !(math.IsNaN(got) && math.IsNaN(tt.want)) {
				t.Errorf("%v, want %v", got, tt.want)
			}
		})
	}
}

func TestFormatSecondsChoosesUnit(t *testing.T) {
	t.Parallel()
	for seconds, want := range map[float64]string{
		0.000047: "0.05 ms", 0.0042: "4.2 ms", 0.0999: "100 ms", 0.25: "250 ms", 2.34: "2.3 s", 10: "10.0 s",
	} {
		if got := formatSeconds(seconds); got != want {
			t.Errorf("%v is %q, want %q", seconds, got, want)
		}
	}
	if got := formatSeconds(math.NaN()); got != "-" {
		t.Errorf("nothing is %q", got)
	}
}

func TestFormatErrorsSortsKinds(t *testing.T) {
	t.Parallel()
	if got := formatErrors(map[string]uint64{"HTTP 503": 1, "23503": 20}); got != "20×23503, 1×HTTP 503" {
		t.Error(got)
	}
	if got := formatErrors(nil); got != "-" {
		t.Error(got)
	}
}

func TestColumnsAreAligned(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	printSample(&out, 599*interval, interval, "quiet", sample{used: 1, size: 5, overflowMax: 10})
	full := sample{used: 15, size: 5, overflowMax: 10, overflow: 10, peak: 15, pending: 25, oldestHold: 6, busy: 2, holds: histogram{count: 1, sum: 1.9}}
	printSample(&out, 3600*interval, interval, "nested", full)
	lines := strings.Split(out.String(), "\n")
	if len([]rune(lines[0])) != len([]rune(lines[1])) || !strings.Contains(lines[1], "  100 %   6.0 s  -") {
		t.Errorf("\n%s", &out)
	}
}

func TestTroubleIsAnnouncedInOneLine(t *testing.T) {
	t.Parallel()
	for i := range troubles {
		var out strings.Builder
		printTrouble(&out, &troubles[i])
		if text := out.String(); len(text) > 120 || strings.Count(text, "\n") != 1 || !strings.HasPrefix(text, "         "+troubles[i].name+": ") {
			t.Errorf("%d columns: %s", len(text), text)
		}
	}
}

func TestLogLinesAreShort(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	newLogger(&out).Warn("held", "age", 3512345678*time.Nanosecond, "pool", "demo",
		"stack", "main.(*service).leak (/home/me/demo/troubles.go:12) < main.serve (/home/me/demo/service.go:3)",
		"waiting_stack", "main.wait (C:/demo/troubles.go:13)")
	want := `level=WARN msg=held age=3.51s pool=demo stack="main.(*service).leak (troubles.go:12)" waiting_stack="main.wait (troubles.go:13)"` + "\n"
	if got := out.String(); got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestBaseURLUsesLoopback(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		ip       string
		want     string
		loopback bool
	}{
		{"127.0.0.1", "http://127.0.0.1:80", true},
		{"::1", "http://[::1]:80", true},
		{"0.0.0.0", "http://127.0.0.1:80", false},
		{"::", "http://127.0.0.1:80", false},
		{"192.0.2.1", "http://192.0.2.1:80", false},
	} {
		addr := &net.TCPAddr{IP: net.ParseIP(tt.ip), Port: 80}
		if got := baseURL(addr); got != tt.want || isLoopback(addr) != tt.loopback {
			t.Errorf("%s: %s, loopback %v", tt.ip, got, isLoopback(addr))
		}
	}
}

func TestRepeatedErrorIsPrintedOnce(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	p := &errorPrinter{out: &out}
	for _, text := range []string{"a", "a", "b", "a"} {
		p.Handle(errors.New(text))
	}
	if got := out.String(); got != "demo: a\ndemo: b\ndemo: a\n" {
		t.Errorf("%q", got)
	}
}
