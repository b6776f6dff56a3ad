package exporters_test

import (
	"context"
	"fmt"
	"log"
	"net/http"

	"github.com/jackc/pgx/v5/pgxpool"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelpool/otelpool-go/exporters/direct"
	"github.com/otelpool/otelpool-go/exporters/otlp"
	"github.com/otelpool/otelpool-go/exporters/prometheus"
	"github.com/otelpool/otelpool-go/otelpool"
)

// Record otelpool's histograms directly, at a fraction of the cost, for the readers of the exporters.
func Example_direct() {
	page, err := prometheus.New()
	if err != nil {
		log.Fatal(err)
	}
	provider := direct.NewMeterProvider(direct.WithReader(page)) // in place of sdkmetric.NewMeterProvider
	config, err := pgxpool.ParseConfig("postgres:///")
	if err != nil {
		log.Fatal(err)
	}
	_, err = otelpool.Instrument(config, otelpool.WithMeterProvider(provider))

	fmt.Println(err)
	// Output: <nil>
}

// Push, and serve a page for Prometheus, from one MeterProvider.
func Example() {
	push, err := otlp.NewReader(context.Background()) // to OTEL_EXPORTER_OTLP_ENDPOINT, every OTEL_METRIC_EXPORT_INTERVAL
	if err != nil {
		log.Fatal(err)
	}
	page, err := prometheus.New()
	if err != nil {
		log.Fatal(err)
	}
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(push), sdkmetric.WithReader(page))
	http.Handle("/metrics", page)

	fmt.Println(provider != nil)
	// Output: true
}
