package main

import (
	"context"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelpool/otelpool-go/exporters/prometheus"
	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/otelpool"
)

// service returns an instrumented pool of 4 and the address of its page.
func service(t *testing.T, sdkOptions ...sdkmetric.Option) (*pgxpool.Pool, string) {
	t.Helper()
	return serviceOf(t, func(config *pgxpool.Config) { config.MaxConns = 4 }, sdkOptions...)
}

// serviceOf returns an instrumented pool of a changed configuration and the address of its page.
func serviceOf(t *testing.T, change func(*pgxpool.Config), sdkOptions ...sdkmetric.Option) (*pgxpool.Pool, string) {
	t.Helper()
	exporter, err := prometheus.New()
	if err != nil {
		t.Fatal(err)
	}
	provider := sdkmetric.NewMeterProvider(append(sdkOptions, sdkmetric.WithReader(exporter))...)
	t.Cleanup(func() { _ = provider.Shutdown(context.Background()) })
	config, err := pgxpool.ParseConfig(postgrestest.Database(t))
	if err != nil {
		t.Fatal(err)
	}
	change(config)
	pool, _, err := otelpool.NewWithConfig(t.Context(), config, otelpool.WithMeterProvider(provider), otelpool.WithPoolName("main"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	server := httptest.NewServer(exporter)
	t.Cleanup(server.Close)
	return pool, server.URL
}

// callers runs the given number of queries of 5 ms in each of the callers.
func callers(ctx context.Context, pool *pgxpool.Pool, callers, queries int) error {
	errs := make(chan error, callers)
	var group sync.WaitGroup
	for range callers {
		group.Go(func() {
			for range queries {
				if _, err := pool.Exec(ctx, "SELECT pg_sleep(0.005)"); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	group.Wait()
	close(errs)
	return <-errs
}

func TestPageOfRealPoolIsMeasured(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		callers, queries int
		verdicts         string
	}{
		"one caller":    {1, 100, "too small, fits"},
		"forty callers": {40, 20, "saturated, bursts"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool, url := service(t)
			if err := callers(t.Context(), pool, 8, 1); err != nil { // opens the connections
				t.Fatal(err)
			}
			w := newEnvironment()
			w.wait = func(ctx context.Context, _ time.Duration) error {
				return callers(ctx, pool, test.callers, test.queries)
			}
			o := runWith(t, w, "-metrics", url, "-json")
			if o.code != 0 {
				t.Fatalf("got %+v", o)
			}
			p := o.report(t).Pools[0]
			acquires := p.Load.Rate * p.Load.MeasuredSeconds
			if p.Pool != "main" || p.Present.Size != 4 || !near(acquires, float64(test.callers*test.queries)) || p.Load.HoldSeconds < 0.005 {
				t.Errorf("%v acquires: %s", acquires, o.stdout)
			}
			if !strings.Contains(test.verdicts, p.Verdict) {
				t.Errorf("want one of %s: %s", test.verdicts, o.stdout)
			}
			if saturated := test.callers > 4; saturated != p.AtLeast {
				t.Errorf("at least: %v: %s", p.AtLeast, o.stdout)
			}
		})
	}
}

// TestTimeAroundHoldsIsCounted has ten callers use connections for which a hook takes far longer than their queries.
func TestTimeAroundHoldsIsCounted(t *testing.T) {
	t.Parallel()
	const hook = 90 * time.Millisecond
	for name, change := range map[string]func(*pgxpool.Config){
		"PrepareConn": func(config *pgxpool.Config) {
			config.PrepareConn = func(context.Context, *pgx.Conn) (bool, error) { time.Sleep(hook); return true, nil }
		},
		"AfterRelease": func(config *pgxpool.Config) {
			config.AfterRelease = func(*pgx.Conn) bool { time.Sleep(hook); return true }
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool, url := serviceOf(t, func(config *pgxpool.Config) { config.MaxConns = 20; change(config) })
			if err := callers(t.Context(), pool, 20, 2); err != nil { // opens the connections
				t.Fatal(err)
			}
			w := newEnvironment()
			w.wait = func(ctx context.Context, _ time.Duration) error { return paced(ctx, pool, 10, 20) }
			o := runWith(t, w, "-metrics", url, "-interval", "1s", "-json")
			p := o.report(t).Pools[0]
			// Each of the ten callers has a connection taken nearly all the time.
			if inUse := p.Load.Rate * p.Load.seconds(); inUse < 6 || inUse > 12 {
				t.Errorf("%v in use on average, want about 9: %s", inUse, o.stdout)
			}
			if p.Verdict == verdictTooBig && p.Recommended.Size < 12 {
				t.Errorf("fewer than the load needs: %s", o.stdout)
			}
		})
	}
}

// paced runs queries of 5 ms in each of the callers, one each 100 ms.
func paced(ctx context.Context, pool *pgxpool.Pool, callers, queries int) error {
	errs := make(chan error, callers)
	var group sync.WaitGroup
	for range callers {
		group.Go(func() {
			ticker := time.NewTicker(100 * time.Millisecond)
			defer ticker.Stop()
			for range queries {
				if _, err := pool.Exec(ctx, "SELECT pg_sleep(0.005)"); err != nil {
					errs <- err
					return
				}
				<-ticker.C
			}
		})
	}
	group.Wait()
	close(errs)
	return <-errs
}
