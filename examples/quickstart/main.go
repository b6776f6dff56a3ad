// Command quickstart serves one query, the metrics of its pool, and a page about the pool.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/otelpool/otelpool-go/exporters/poolz"
	"github.com/otelpool/otelpool-go/exporters/prometheus"
	"github.com/otelpool/otelpool-go/otelpool"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
)

const usage = `Serves one query, the metrics of its pool, and a page of what the pool does: http://127.0.0.1:9464.
DATABASE_URL is the PostgreSQL server: postgres://user:password@host:5432/database. There are no flags.`

func main() {
	flag.Usage = func() { fmt.Fprintln(flag.CommandLine.Output(), usage) }
	flag.Parse()
	exporter, err := prometheus.New()
	if err != nil {
		log.Fatal(err)
	}
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter))
	pool, inst, err := otelpool.New(context.Background(), os.Getenv("DATABASE_URL"), otelpool.WithMeterProvider(provider))
	if err != nil {
		log.Fatal(err)
	}
	http.Handle("/metrics", exporter)
	http.Handle("/debug/pool/", poolz.Handler([]*otelpool.Instrumentation{inst})) // for this machine only
	http.HandleFunc("/tables", func(w http.ResponseWriter, r *http.Request) {
		ctx := otelpool.WithOperation(r.Context(), "count_tables") // the name of the query on /metrics
		var n int
		if err := pool.QueryRow(ctx, "SELECT count(*) FROM pg_tables").Scan(&n); err != nil {
			http.Error(w, "the database did not answer", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, n, "tables")
	})
	server := http.Server{Addr: "127.0.0.1:9464", ReadHeaderTimeout: 5 * time.Second, WriteTimeout: time.Minute}
	log.Printf("query: http://%[1]s/tables, metrics: http://%[1]s/metrics, page: http://%[1]s/debug/pool/", server.Addr)
	log.Fatal(server.ListenAndServe())
}
