package main

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// fakePage returns the page of a pool of 20 after n seconds of 100 acquires a second that hold for 50 ms; 2 of them
// fail.
func fakePage(pool string, n float64) string {
	page := `# TYPE db_pool_acquires_total counter
db_pool_acquires_total{pool="P",result="ok"} %[2]g
db_pool_acquires_total{pool="P",result="error"} %[1]g
# TYPE db_pool_acquire_phase_seconds_total counter
db_pool_acquire_phase_seconds_total{pool="P",phase="queue"} %[3]g
db_pool_acquire_phase_seconds_total{pool="P",phase="connect"} %[1]g
# TYPE db_pool_hold_duration_seconds histogram
db_pool_hold_duration_seconds_bucket{pool="P",operation="a",le="0.05"} %[4]g
db_pool_hold_duration_seconds_bucket{pool="P",operation="a",le="0.1"} %[4]g
db_pool_hold_duration_seconds_bucket{pool="P",operation="a",le="+Inf"} %[4]g
db_pool_hold_duration_seconds_sum{pool="P",operation="a"} %[5]g
db_pool_hold_duration_seconds_count{pool="P",operation="a"} %[4]g
db_pool_hold_duration_seconds_bucket{pool="P",le="0.05"} 0
db_pool_hold_duration_seconds_bucket{pool="P",le="0.1"} %[4]g
db_pool_hold_duration_seconds_bucket{pool="P",le="+Inf"} %[4]g
db_pool_hold_duration_seconds_sum{pool="P"} %[6]g
db_pool_hold_duration_seconds_count{pool="P"} %[4]g
# TYPE db_pool_size gauge
db_pool_size{pool="P"} 15
# TYPE db_pool_num_overflow gauge
db_pool_num_overflow{pool="P"} 5
# TYPE db_pool_peak gauge
db_pool_peak{pool="P"} 9
`
	return strings.ReplaceAll(fmt.Sprintf(page, 2*n, 98*n, 0.01*n, 49*n, 49*0.025*n, 49*0.075*n), `"P"`, strconv.Quote(pool))
}

func TestPageIsScrapedTwice(t *testing.T) {
	t.Parallel()
	url := pages(t, fakePage("main", 1000), fakePage("main", 1020))
	o := runWith(t, fakeEnvironment(), "-metrics", url, "-interval", "20s", "-json")
	if o.code != 0 {
		t.Fatalf("got %+v", o)
	}
	r := o.report(t)
	if len(r.Pools) != 1 || r.Source != url {
		t.Fatalf("got %+v", r)
	}
	p := r.Pools[0]
	l := *p.Load
	if !near(l.Rate, 100) || !near(l.HoldSeconds, 0.05) || !near(l.TakingSeconds, 0.02) || !near(l.CV, 0.501) || !near(l.MeasuredSeconds, 20) ||
		!near(*l.MeanWaitSeconds, 0.0001) || *l.Timeouts != 0 || *l.Peak != 9 {
		t.Errorf("the load is %s", o.stdout)
	}
	if p.Pool != "main" || p.Verdict != verdictTooBig || p.Present.Size != 15 || p.Present.Overflow != 5 ||
		p.Recommended.Size != 9 || p.Recommended.Overflow != 5 {
		t.Errorf("got %s", o.stdout)
	}
}

func TestRunningSampleIsNotCanceled(t *testing.T) {
	t.Parallel()
	var requests atomic.Int64
	var canceled atomic.Bool
	sampling := make(chan struct{})
	url := server(t, func(w http.ResponseWriter, r *http.Request) {
		n := requests.Add(1)
		if n == 2 {
			close(sampling)
			select {
			case <-r.Context().Done():
				canceled.Store(true)
			case <-time.After(200 * time.Millisecond):
			}
		}
		fmt.Fprint(w, fakePage("main", float64(1000+10*n)))
	})
	w := fakeEnvironment()
	wait := w.wait
	w.wait = func(ctx context.Context, d time.Duration) error {
		<-sampling
		return wait(ctx, d)
	}
	if o := runWith(t, w, "-metrics", url, "-interval", "1s"); o.code != 0 || canceled.Load() {
		t.Errorf("canceled: %t, %+v", canceled.Load(), o)
	}
}

func near(got, want float64) bool { return math.Abs(got-want) <= 0.01*want }

func TestPoolFlagSelectsOnePool(t *testing.T) {
	t.Parallel()
	both := func(n float64) string {
		page := fakePage("main", n)
		for line := range strings.Lines(fakePage("idle", 5)) {
			if name, _, ok := strings.Cut(line, "{"); ok {
				i := strings.LastIndex(page, "\n"+name+"{") + 1
				page = page[:i] + line + page[i:]
			}
		}
		return page
	}
	for pool, want := range map[string]struct {
		code int
		text string
	}{
		"":     {0, `no advice   it was idle: no acquires within 10s`},
		"main": {0, "too big: 6 fewer are enough"},
		"idle": {1, "it was idle"},
		"none": {1, `there is no pool "none": want one of ["idle" "main"]`},
	} {
		o := runWith(t, fakeEnvironment(), "-metrics", pages(t, both(10), both(20)), "-pool", pool)
		if o.code != want.code || !strings.Contains(o.stdout+o.stderr, want.text) || strings.Contains(o.stdout, "NaN") {
			t.Errorf("%q: %+v, want %+v", pool, o, want)
		}
	}
}

func TestMeasurementProblemIsReported(t *testing.T) {
	t.Parallel()
	before, after := fakePage("main", 1000), fakePage("main", 1010)
	withoutHolds := func(page string) string {
		var kept []string
		for _, line := range strings.SplitAfter(page, "\n") {
			if !strings.Contains(line, holdMetric) {
				kept = append(kept, line)
			}
		}
		return strings.Join(kept, "")
	}
	tests := map[string]struct{ before, after, want string }{
		"idle":       {before, before, "it was idle"},
		"restarted":  {after, before, "counters fell"},
		"only holds": {withoutHolds(before), withoutHolds(after), "no connection was released"},
	}
	for name, test := range tests {
		o := runWith(t, fakeEnvironment(), "-metrics", pages(t, test.before, test.after))
		if o.code != 1 || !strings.Contains(o.stdout, test.want) || strings.Contains(o.stdout, "NaN") {
			t.Errorf("%s: %+v, want %q", name, o, test.want)
		}
	}
	w := fakeEnvironment()
	w.wait = func(context.Context, time.Duration) error { return context.Canceled }
	if o := runWith(t, w, "-metrics", pages(t, before)); o.code != 1 || !strings.Contains(o.stderr, "stopped before") {
		t.Errorf("stopped: %+v", o)
	}
}
