package recipes_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelpool/otelpool-go/exporters/poolz"
	"github.com/otelpool/otelpool-go/exporters/prometheus"
	"github.com/otelpool/otelpool-go/otelpool"
)

// Measure a pool, and serve its metrics and its page.
func Example() {
	metrics, err := prometheus.New()
	if err != nil {
		log.Fatal(err)
	}
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(metrics))
	pool, inst, err := otelpool.New(context.Background(), os.Getenv("DATABASE_URL"),
		otelpool.WithMeterProvider(provider), otelpool.WithPoolName("orders"))
	if err != nil {
		log.Fatal(err)
	}
	http.Handle("/metrics", metrics)                                              // for Prometheus
	http.Handle("/debug/pool/", poolz.Handler([]*otelpool.Instrumentation{inst})) // for people, on this machine

	printSome(pool, inst)
	// Output:
	// db_pool_checked_out{pool="orders"} 1
	// db_pool_checked_in{pool="orders"} 1
	// db_pool_pending{pool="orders"} 0
	// db_pool_held{operation="export_orders",pool="orders"} 1
	// db_pool_acquires_total{pool="orders",result="ok"} 2
	// db_query_duration_seconds_count{db_system_name="postgresql",operation="get_user",pool="orders"} 1
}

// printSome uses a pool, and prints some of its metrics in the order of the README.
func printSome(pool *pgxpool.Pool, inst *otelpool.Instrumentation) {
	defer inst.Unregister()
	defer pool.Close()
	ctx := context.Background()
	conn, err := pool.Acquire(otelpool.WithOperation(ctx, "export_orders"))
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Release()
	if _, err := pool.Exec(otelpool.WithOperation(ctx, "get_user"), "SELECT 1"); err != nil {
		log.Fatal(err)
	}

	page := httptest.NewRecorder()
	http.DefaultServeMux.ServeHTTP(page, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for _, want := range []string{
		"db_pool_checked_out{", "db_pool_checked_in{", "db_pool_pending{", "db_pool_held{",
		`db_pool_acquires_total{pool="orders",result="ok"`, "db_query_duration_seconds_count{",
	} {
		for line := range strings.Lines(page.Body.String()) {
			if strings.HasPrefix(line, want) {
				fmt.Print(line)
			}
		}
	}
}
