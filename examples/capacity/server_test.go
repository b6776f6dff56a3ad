package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
)

const scrapeConfig = `
global:
  scrape_interval: 1s
scrape_configs:
  - job_name: classic
    static_configs: [{targets: [%q]}]
  - job_name: native
    scrape_native_histograms: true
    static_configs: [{targets: [%q]}]
`

// exponential makes the hold times an exponential histogram, which Prometheus can scrape as a native one.
var exponential = sdkmetric.WithView(sdkmetric.NewView(
	sdkmetric.Instrument{Name: "db.client.connection.use_time"},
	sdkmetric.Stream{Aggregation: sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: 160, MaxScale: 20}},
))

func TestPrometheusAndPageAgree(t *testing.T) {
	t.Parallel()
	classic, classicURL := service(t, nil)
	native, nativeURL := service(t, nil, exponential)
	for _, pool := range []*pgxpool.Pool{classic, native} {
		if err := callers(t.Context(), pool, 4, 1, 0); err != nil { // creates all series
			t.Fatal(err)
		}
	}
	server := startPrometheus(t, fmt.Sprintf(scrapeConfig, strings.TrimPrefix(classicURL, "http://"), strings.TrimPrefix(nativeURL, "http://")))
	awaitScrapes(t, server)

	pages := map[string]*loadReport{"classic": loaded(t, classic, classicURL), "native": loaded(t, native, nativeURL)}
	awaitScrapes(t, server)
	o := runWith(t, newEnvironment(), "-prometheus", server, "-window", "10m", "-json")
	if o.code != 0 {
		t.Fatalf("got %+v", o)
	}
	r := o.report(t)
	if len(r.Pools) != 2 || r.Pools[0].Job != "classic" || r.Pools[1].Job != "native" {
		t.Fatalf("got %s", o.stdout)
	}
	for _, p := range r.Pools {
		if p.Problem != "" || p.Pool != "main" || p.Present.Size != 4 || p.Instances != 1 {
			t.Fatalf("%s: got %s", p.Job, o.stdout)
		}
		// A rate of Prometheus extrapolates a little beyond the first and the last sample.
		acquires := p.Load.Rate * p.Load.MeasuredSeconds
		if acquires < queriesOfLoad || acquires > 1.5*queriesOfLoad {
			t.Errorf("%s: %v acquires, want %d or a little more", p.Job, acquires, queriesOfLoad)
		}
		if *p.Load.Timeouts != 0 || *p.Load.Peak < 2 {
			t.Errorf("%s: got %s", p.Job, o.stdout)
		}
		// It extrapolates each bucket separately.
		if got, want := p.Load, pages[p.Job]; math.Abs(got.HoldSeconds/want.HoldSeconds-1) > 0.1 || math.Abs(got.CV/want.CV-1) > 0.1 {
			t.Errorf("%s: held for %v, CV %v; want %v and %v", p.Job, got.HoldSeconds, got.CV, want.HoldSeconds, want.CV)
		}
		if !strings.Contains(strings.Join(p.Reasons, "\n"), "did not run for the whole window") {
			t.Errorf("%s: no reason says that it is younger than the window: %q", p.Job, p.Reasons)
		}
	}
}

func TestPrometheusWithoutPoolIsAnError(t *testing.T) {
	t.Parallel()
	server := startPrometheus(t, "scrape_configs: []")
	o := runWith(t, newEnvironment(), "-prometheus", server)
	if o.code != 1 || !strings.Contains(o.stderr, "there is no pool") {
		t.Errorf("got %+v", o)
	}
}

// loaded puts the load of shortAndLong on a pool and returns the load by its page. A text page does not contain the CV of
// exponential histograms, so loaded sets the CV that the callers measured.
func loaded(t *testing.T, pool *pgxpool.Pool, page string) *loadReport {
	t.Helper()
	w := newEnvironment()
	var cv float64
	w.wait = func(ctx context.Context, _ time.Duration) (err error) {
		cv, err = shortAndLong(ctx, pool)
		return err
	}
	o := runWith(t, w, "-metrics", page, "-json")
	if o.code != 0 {
		t.Fatalf("got %+v", o)
	}
	load := o.report(t).Pools[0].Load
	if load.CV == 0 {
		load.CV = cv
	}
	return load
}

// queriesOfLoad is how many queries the load has. They take some seconds, which is long compared with half of
// Prometheus' scrape interval, by which a rate extrapolates.
const queriesOfLoad = 400

// shortAndLong runs queriesOfLoad queries, every second of which takes long. It returns the CV of their durations.
func shortAndLong(ctx context.Context, pool *pgxpool.Pool) (cv float64, err error) {
	queries := []string{"SELECT pg_sleep(0.005)", "SELECT pg_sleep(0.06)"}
	var took [2][queriesOfLoad / 2]float64
	errs := make(chan error, len(took))
	for caller := range took {
		go func() {
			for n := range took[caller] {
				start := time.Now()
				if _, err := pool.Exec(ctx, queries[n%2]); err != nil {
					errs <- err
					return
				}
				took[caller][n] = time.Since(start).Seconds()
			}
			errs <- nil
		}()
	}
	err = errors.Join(<-errs, <-errs)
	var count, sum, squares float64
	for _, seconds := range slices.Concat(took[0][:], took[1][:]) {
		count, sum, squares = count+1, sum+seconds, squares+seconds*seconds
	}
	return math.Sqrt(count*squares/(sum*sum) - 1), err
}
