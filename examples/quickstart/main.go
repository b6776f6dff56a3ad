// Command quickstart serves one query, the metrics of its pool, and a page that says what the pool does.
package main

import (
	"context"
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

func main() {
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
	log.Fatal(server.ListenAndServe())
}
