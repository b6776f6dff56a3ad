package recipes_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"

	"go.opentelemetry.io/otel"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelpool/otelpool-go/exporters/poolz"
	"github.com/otelpool/otelpool-go/exporters/prometheus"
	"github.com/otelpool/otelpool-go/otelpool"
)

// A program that has a MeterProvider already.
func Example_meterProvider() {
	reader := sdkmetric.NewManualReader() // yours exports
	otel.SetMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)))

	// The global MeterProvider is the default, also if it is set later. WithMeterProvider takes another.
	pool, inst, err := otelpool.New(context.Background(), os.Getenv("DATABASE_URL"), otelpool.WithPoolName("orders"))
	if err != nil {
		log.Fatal(err)
	}
	defer inst.Unregister()
	defer pool.Close()

	printScope(reader)
	// Output: github.com/otelpool/otelpool-go/otelpool records 20 metrics or more: true
}

// Several pools of one program, each with a name.
func Example_severalPools() {
	metrics, err := prometheus.New()
	if err != nil {
		log.Fatal(err)
	}
	provider := otelpool.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(metrics)))
	var insts []*otelpool.Instrumentation
	for _, name := range []string{"primary", "replica"} {
		pool, inst, err := otelpool.New(context.Background(), os.Getenv("DATABASE_URL"), provider, otelpool.WithPoolName(name))
		if err != nil {
			log.Fatal(err)
		}
		defer inst.Unregister()
		defer pool.Close()
		insts = append(insts, inst)
	}
	mux := http.NewServeMux()
	mux.Handle("/metrics", metrics)
	mux.Handle("/debug/pool/", poolz.Handler(insts))

	printLines(mux, "db_pool_checked_out")
	// Output:
	// db_pool_checked_out{pool="primary"} 0
	// db_pool_checked_out{pool="replica"} 0
}

// printLines prints the lines at /metrics that begin with a name.
func printLines(handler http.Handler, name string) {
	page := httptest.NewRecorder()
	handler.ServeHTTP(page, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for line := range strings.Lines(page.Body.String()) {
		if strings.HasPrefix(line, name+"{") {
			fmt.Print(line)
		}
	}
}

// printScope prints what otelpool has recorded.
func printScope(reader *sdkmetric.ManualReader) {
	var rm metricdata.ResourceMetrics
	if err := reader.Collect(context.Background(), &rm); err != nil {
		log.Fatal(err)
	}
	for _, scope := range rm.ScopeMetrics {
		fmt.Println(scope.Scope.Name, "records 20 metrics or more:", len(scope.Metrics) >= 20)
	}
}
