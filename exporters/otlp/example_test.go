package otlp_test

import (
	"context"
	"fmt"
	"log"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelpool/otelpool-go/exporters/otlp"
	"github.com/otelpool/otelpool-go/exporters/otlp/otlptest"
)

// Push metrics over gRPC every 15 seconds. Without options, the OTEL_EXPORTER_OTLP_* variables of the environment set
// the endpoint and the protocol.
func ExampleNewReader() {
	collector, err := otlptest.Start(otlptest.GRPC) // stands for a real Collector
	if err != nil {
		log.Fatal(err)
	}
	defer collector.Close()

	ctx := context.Background()
	reader, err := otlp.NewReader(ctx,
		otlp.WithProtocol(otlp.ProtocolGRPC),
		otlp.WithEndpointURL(collector.Endpoint()),
		otlp.WithInterval(15*time.Second),
	)
	if err != nil {
		log.Fatal(err)
	}
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))

	orders, err := provider.Meter("shop").Int64Counter("shop.orders")
	if err != nil {
		log.Fatal(err)
	}
	orders.Add(ctx, 3)

	// Export the last values at exit. The deadline is for a Collector that is down.
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if err := provider.Shutdown(ctx); err != nil {
		log.Print(err)
	}

	received := otlptest.Latest(collector.Metrics(), "shop.orders")
	fmt.Println(received.GetName(), received.GetSum().GetDataPoints()[0].GetAsInt())
	// Output: shop.orders 3
}
