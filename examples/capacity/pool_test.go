package main

import (
	"context"
	"errors"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelpool/otelpool-go/exporters/prometheus"
	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

// service returns an instrumented pool of 4, unless its configuration is changed, and the address of its page.
func service(t *testing.T, change func(*pgxpool.Config), sdkOptions ...sdkmetric.Option) (*pgxpool.Pool, string) {
	t.Helper()
	exporter, err := prometheus.New()
	testutil.NoError(t, err)
	provider := sdkmetric.NewMeterProvider(append(sdkOptions, sdkmetric.WithReader(exporter))...)
	t.Cleanup(func() { _ = provider.Shutdown(context.Background()) })
	config := postgrestest.Config(t)
	config.MaxConns = 4
	if change != nil {
		change(config)
	}
	pool, _, err := otelpool.NewWithConfig(t.Context(), config, otelpool.WithMeterProvider(provider), otelpool.WithPoolName("main"))
	testutil.NoError(t, err)
	t.Cleanup(pool.Close)
	server := httptest.NewServer(exporter)
	t.Cleanup(server.Close)
	return pool, server.URL
}

// callers runs the given number of queries of 5 ms in each of the callers, one each period.
func callers(ctx context.Context, pool *pgxpool.Pool, callers, queries int, period time.Duration) error {
	errs := make([]error, callers)
	var group sync.WaitGroup
	for i := range callers {
		group.Go(func() {
			for range queries {
				next := time.After(period)
				if _, errs[i] = pool.Exec(ctx, "SELECT pg_sleep(0.005)"); errs[i] != nil {
					return
				}
				<-next
			}
		})
	}
	group.Wait()
	return errors.Join(errs...)
}

// TestTimeAroundHoldsIsCounted runs ten callers on connections with a hook that takes far longer than their queries.
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
			pool, url := service(t, func(config *pgxpool.Config) { config.MaxConns = 20; change(config) })
			testutil.NoError(t, callers(t.Context(), pool, 20, 2, 0)) // opens the connections
			w := newEnvironment()
			w.wait = func(ctx context.Context, _ time.Duration) error {
				return callers(ctx, pool, 10, 20, 100*time.Millisecond)
			}
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
