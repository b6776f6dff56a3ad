package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/otelpool/otelpool-go/internal/testutil"
)

// fakePrometheus answers a query that contains a key with the vector of that key.
type fakePrometheus struct {
	answers map[string]string

	mu    sync.Mutex
	asked []string
	times map[string]bool
}

func (f *fakePrometheus) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	query := r.FormValue("query")
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked, f.times[r.FormValue("time")] = append(f.asked, query), true
	if user, password, _ := r.BasicAuth(); r.URL.Path != "/prefix/api/v1/query" || user != "user" || password != "hunter2" {
		http.NotFound(w, r)
		return
	}
	vector := "[]"
	for part, answer := range f.answers {
		if strings.Contains(query, part) {
			vector = answer
		}
	}
	fmt.Fprintf(w, `{"status":"success","data":{"resultType":"vector","result":%s}}`, vector)
}

// vector returns a vector with the values by labels, which are pairs.
func vector(t *testing.T, values map[string]string) string {
	t.Helper()
	type element struct {
		Metric map[string]string `json:"metric"`
		Value  [2]any            `json:"value"`
	}
	elements := []element{}
	for labels, value := range values {
		metric := map[string]string{"job": "api", "pool": "main"}
		for _, label := range strings.Fields(labels) {
			name, text, _ := strings.Cut(label, "=")
			metric[name] = text
		}
		elements = append(elements, element{metric, [2]any{1700000000.5, value}})
	}
	text, err := json.Marshal(elements)
	testutil.NoError(t, err)
	return string(text)
}

func newFake(t *testing.T) *fakePrometheus {
	all := func(value string) string {
		return vector(t, map[string]string{"instance=a": value, "instance=b": value})
	}
	return &fakePrometheus{times: map[string]bool{}, answers: map[string]string{
		"rate(db_pool_acquires_total[": vector(t, map[string]string{"instance=a": "10", "instance=b": "100", "instance=gone": "500"}),
		"rate(db_pool_timeouts_total[": vector(t, map[string]string{"instance=a": "0", "instance=b": "NaN"}),
		"_phase_seconds_total[": vector(t, map[string]string{"instance=a phase=queue": "0.001", "instance=b phase=queue": "0.01",
			"instance=b phase=prepare": "0.5", "instance=b phase=ping": "0.5"}),
		"(avg_over_time(db_pool_checked_out[":              vector(t, map[string]string{"instance=a": "9", "instance=b": "6.1"}),
		"(count_over_time(db_pool_checked_out[":            all("120"),
		"rate(db_pool_hold_duration_seconds_count[1800000": vector(t, map[string]string{"instance=a": "10", "instance=b": "100"}),
		"rate(db_pool_hold_duration_seconds_sum[":          vector(t, map[string]string{"instance=a": "0.5", "instance=b": "5"}),
		"rate(db_pool_hold_duration_seconds_bucket[":       vector(t, map[string]string{"instance=b le=0.1": "100", "instance=b le=+Inf": "100"}),
		"(db_pool_size)":                all("10"),
		"(db_pool_num_overflow)":        all("0"),
		"max_over_time(db_pool_peak[":   vector(t, map[string]string{"instance=a": "NaN", "instance=b": "10"}),
		"db_pool_size offset 1800000ms": vector(t, map[string]string{"instance=b": "10"}),
	}}
}

func TestPrometheusQueriesCoverWindow(t *testing.T) {
	t.Parallel()
	fake := newFake(t)
	url := strings.Replace(server(t, fake.ServeHTTP), "//", "//user:hunter2@", 1) + "/prefix/"
	o := runWith(t, fakeEnvironment(), "-prometheus", url, "-window", "30m", "-max-connections", "29", "-json")
	if o.code != 0 || strings.Contains(o.stdout, "hunter2") {
		t.Fatalf("got %+v", o)
	}
	r := o.report(t)
	if len(r.Pools) != 1 {
		t.Fatalf("got %s", o.stdout)
	}
	p := r.Pools[0]
	if p.Job != "api" || p.Pool != "main" || p.Instances != 2 || p.Verdict != verdictTooSmall || p.Recommended.Size != 13 ||
		!near(p.Load.Rate, 100) || !near(p.Load.HoldSeconds, 0.05) || !near(p.Load.TakingSeconds, 0.01) || p.Load.OtherSeconds != 0 ||
		!near(p.Load.CV, 0.509) || !near(p.Load.MeasuredSeconds, 1800) ||
		!near(*p.Load.MeanWaitSeconds, 0.0001) || *p.Load.Peak != 10 || !p.Server.Fits || p.Server.Left != 0 {
		t.Errorf("got %s", o.stdout)
	}
	if !strings.Contains(strings.Join(p.Reasons, "\n"), "did not run for the whole window") {
		t.Errorf("no reason says that instance a is young: %q", p.Reasons)
	}
	if len(fake.asked) != 12 || len(fake.times) != 1 || !fake.times["1700000000.000"] {
		t.Errorf("asked %q at %v", fake.asked, fake.times)
	}
}

func TestPrometheusErrorIsPrinted(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		status       int
		answer, want string
	}{
		"an error":   {422, `{"status":"error","errorType":"execution","error":"query timed out\u001b"}`, "the server says: query timed out"},
		"a scalar":   {200, `{"status":"success","data":{"resultType":"scalar","result":[1,"2"]}}`, "the answer is not that of a Prometheus server"},
		"a number":   {200, `{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"x"]}]}}`, `the answer is not that of a Prometheus server: strconv.ParseFloat: parsing "x"`},
		"no vector":  {200, `{"status":"success","data":{"resultType":"vector","result":{}}}`, "the answer is not that of a Prometheus server"},
		"no samples": {200, `{"status":"success","data":{"resultType":"vector","result":[]}}`, "there is no pool"},
	}
	for name, test := range tests {
		url := server(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(test.status)
			fmt.Fprint(w, test.answer)
		})
		o := runWith(t, fakeEnvironment(), "-prometheus", url)
		if o.code != 1 || o.stdout != "" || !strings.Contains(o.stderr, test.want) || strings.Contains(o.stderr, "\x1b") {
			t.Errorf("%s: %+v, want %q", name, o, test.want)
		}
	}
}

func TestNativeHistogramsAreQueriedAsFallback(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		count, sum, stddev string
		cv                 float64
		problem            string
	}{
		"all of it":          {count: answer("100"), sum: answer("5"), stddev: answer("2"), cv: 2},
		"without the spread": {count: answer("100"), sum: answer("5"), stddev: `{"status":"error","error":"unknown function"}`},
		"nothing":            {count: answer(""), sum: answer(""), stddev: answer(""), problem: "no connection was released"},
	}
	for name, test := range tests {
		url := server(t, func(w http.ResponseWriter, r *http.Request) {
			answers := map[string]string{
				"sum by (job, instance, pool) (rate(" + acquiresMetric: answer("100"),
				"max by (job, instance, pool) (" + sizeMetric + ")":    answer("10"),
				"histogram_count(":  test.count,
				"histogram_sum(":    test.sum,
				"histogram_stddev(": test.stddev,
			}
			for begin, text := range answers {
				if strings.HasPrefix(r.FormValue("query"), begin) {
					fmt.Fprint(w, text)
					return
				}
			}
			fmt.Fprint(w, answer(""))
		})
		o := runWith(t, fakeEnvironment(), "-prometheus", url, "-json")
		p := o.report(t).Pools[0]
		if test.problem != "" {
			if !strings.Contains(p.Problem, test.problem) || o.code != 1 {
				t.Errorf("%s: got %+v", name, o)
			}
			continue
		}
		if o.code != 0 || !near(p.Load.Rate, 100) || !near(p.Load.HoldSeconds, 0.05) || !near(p.Load.CV, test.cv) {
			t.Errorf("%s: got %+v", name, o)
		}
	}
}

// answer returns the response to a query with the value of one pool, or without values if it is empty.
func answer(value string) string {
	vector := "[]"
	if value != "" {
		vector = `[{"metric":{"job":"api","pool":"main"},"value":[1700000000.5,"` + value + `"]}]`
	}
	return `{"status":"success","data":{"resultType":"vector","result":` + vector + `}}`
}
