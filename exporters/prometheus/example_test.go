package prometheus_test

import (
	"bufio"
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	client "github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelpool/otelpool-go/exporters/prometheus"
)

// A program that has no /metrics page yet serves the exporter itself.
func Example() {
	exporter, err := prometheus.New()
	if err != nil {
		log.Fatal(err)
	}
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter))
	defer func() { _ = provider.Shutdown(context.Background()) }()

	mux := http.NewServeMux()
	mux.Handle("/metrics", exporter)

	reportPool(provider)
	printPage(mux)
	// Output:
	// # HELP db_pool_checked_out Connections of the pool that are in use.
	// # TYPE db_pool_checked_out gauge
	// db_pool_checked_out{pool="main"} 3
}

// A program that already serves a registry adds the pools' metrics to that page.
func ExampleExporter_Register() {
	registry := client.NewRegistry()
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))

	exporter, err := prometheus.New()
	if err != nil {
		log.Fatal(err)
	}
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter))
	defer func() { _ = provider.Shutdown(context.Background()) }()
	if err := exporter.Register(registry); err != nil {
		log.Fatal(err)
	}

	reportPool(provider)
	printPage(mux)
	// Output:
	// # HELP db_pool_checked_out Connections of the pool that are in use.
	// # TYPE db_pool_checked_out gauge
	// db_pool_checked_out{pool="main"} 3
}

// A program that serves the exporter adds the metrics of a registry to that page.
func ExampleWithGatherer() {
	registry := client.NewRegistry()
	orders := client.NewCounter(client.CounterOpts{Name: "orders_total", Help: "Orders taken."})
	registry.MustRegister(orders)
	orders.Inc()

	exporter, err := prometheus.New(prometheus.WithGatherer(registry))
	if err != nil {
		log.Fatal(err)
	}
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter))
	defer func() { _ = provider.Shutdown(context.Background()) }()

	reportPool(provider)
	printPage(exporter)
	// Output:
	// # HELP db_pool_checked_out Connections of the pool that are in use.
	// # TYPE db_pool_checked_out gauge
	// db_pool_checked_out{pool="main"} 3
	// # HELP orders_total Orders taken.
	// # TYPE orders_total counter
	// orders_total 1
}

// reportPool reports a pool with three connections in use, as package otelpool does.
func reportPool(provider *sdkmetric.MeterProvider) {
	used := metric.WithAttributes(
		attribute.String("db.client.connection.pool.name", "main"), attribute.String("db.client.connection.state", "used"))
	_, err := provider.Meter("github.com/otelpool/otelpool-go/otelpool").Int64ObservableUpDownCounter("db.client.connection.count",
		metric.WithUnit("{connection}"),
		metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
			o.Observe(3, used)
			return nil
		}))
	if err != nil {
		log.Fatal(err)
	}
}

// printPage prints the page at /metrics without the metric target_info.
func printPage(handler http.Handler) {
	server := httptest.NewServer(handler)
	defer server.Close()
	response, err := http.Get(server.URL + "/metrics")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		if !strings.Contains(lines.Text(), "target_info") {
			fmt.Println(lines.Text())
		}
	}
}
