package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/url"
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

func TestRealPrometheusKnowsWhatThePageSays(t *testing.T) {
	t.Parallel()
	classic, classicURL := service(t)
	native, nativeURL := service(t, exponential)
	for _, pool := range []*pgxpool.Pool{classic, native} {
		if err := callers(t.Context(), pool, 4, 1); err != nil { // from here on there are all series
			t.Fatal(err)
		}
	}
	server := startPrometheus(t, fmt.Sprintf(scrapeConfig, host(t, classicURL), host(t, nativeURL)))
	awaitScrapes(t, server)

	w := realWorld()
	w.wait = func(ctx context.Context, _ time.Duration) error {
		return shortAndLong(ctx, classic)
	}
	page := runWith(t, w, "-metrics", classicURL, "-json")
	if err := shortAndLong(t.Context(), native); err != nil {
		t.Fatal(err)
	}
	awaitScrapes(t, server)
	o := runWith(t, realWorld(), "-prometheus", server, "-window", "10m", "-json")
	if o.code != 0 || page.code != 0 {
		t.Fatalf("got %+v and %+v", page, o)
	}
	r := o.report(t)
	if len(r.Pools) != 2 || r.Pools[0].Job != "classic" || r.Pools[1].Job != "native" {
		t.Fatalf("got %s", o.stdout)
	}
	want := page.report(t).Pools[0].Load
	for _, p := range r.Pools {
		if p.Problem != "" || p.Pool != "main" || p.Present.Size != 4 || p.Instances != 1 {
			t.Fatalf("%s: got %s", p.Job, o.stdout)
		}
		// A rate of Prometheus' goes a little beyond the first and the last sample.
		acquires := p.Load.Rate * p.Load.MeasuredSeconds
		if acquires < 200 || acquires > 1.5*200 {
			t.Errorf("%s: %v acquires, want 200 or a little more", p.Job, acquires)
		}
		if p.Load.HoldSeconds < 0.02 || p.Load.CV < 0.3 || p.Load.CV > 3 || *p.Load.Timeouts != 0 || *p.Load.Peak < 2 {
			t.Errorf("%s: got %s", p.Job, o.stdout)
		}
		if !strings.Contains(strings.Join(p.Reasons, "\n"), "has not run for all of that time") {
			t.Errorf("%s: nobody says that it is younger than the window: %q", p.Job, p.Reasons)
		}
	}
	// It does so for each bucket in its own way.
	if got := r.Pools[0].Load; math.Abs(got.HoldSeconds/want.HoldSeconds-1) > 0.1 || math.Abs(got.CV/want.CV-1) > 0.1 {
		t.Errorf("held for %v, CV %v; the page says %v and %v", got.HoldSeconds, got.CV, want.HoldSeconds, want.CV)
	}
}

func TestRealPrometheusThatKnowsNoPoolIsSaid(t *testing.T) {
	t.Parallel()
	server := startPrometheus(t, "scrape_configs: []")
	o := runWith(t, realWorld(), "-prometheus", server)
	if o.code != 1 || !strings.Contains(o.stderr, "there is no pool") {
		t.Errorf("got %+v", o)
	}
}

// shortAndLong is a load of 200 queries, every second one of which takes long.
func shortAndLong(ctx context.Context, pool *pgxpool.Pool) error {
	errs := make(chan error, 2)
	for range 2 {
		go func() {
			for range 50 {
				if _, err := pool.Exec(ctx, "SELECT pg_sleep(0.005)"); err != nil {
					errs <- err
					return
				}
				if _, err := pool.Exec(ctx, "SELECT pg_sleep(0.06)"); err != nil {
					errs <- err
					return
				}
			}
			errs <- nil
		}()
	}
	return errors.Join(<-errs, <-errs)
}

func host(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}
