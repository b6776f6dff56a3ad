package exporters_test

import (
	"context"
	"fmt"
	"log"
	"net/http"

	"github.com/otelpool/otelpool-go/exporters/otlp"
	"github.com/otelpool/otelpool-go/exporters/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
)

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
