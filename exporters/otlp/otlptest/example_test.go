package otlptest_test

import (
	"context"
	"fmt"
	"log"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelpool/otelpool-go/exporters/otlp"
	"github.com/otelpool/otelpool-go/exporters/otlp/otlptest"
)

// See what a program pushes. In a test, use [otlptest.New], which closes the receiver when the test ends.
func Example() {
	receiver, err := otlptest.Start(otlptest.GRPC)
	if err != nil {
		log.Fatal(err)
	}
	defer receiver.Close()

	ctx := context.Background()
	reader, err := otlp.NewReader(ctx, otlp.WithProtocol(otlp.ProtocolGRPC), otlp.WithEndpointURL(receiver.Endpoint()))
	if err != nil {
		log.Fatal(err)
	}
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	orders, err := provider.Meter("shop").Int64Counter("shop.orders")
	if err != nil {
		log.Fatal(err)
	}
	orders.Add(ctx, 3)
	if err := provider.Shutdown(ctx); err != nil { // pushes what was recorded
		log.Fatal(err)
	}

	metric := otlptest.Latest(receiver.Metrics(), "shop.orders")
	fmt.Println(metric.GetName(), metric.GetSum().GetDataPoints()[0].GetAsInt())
	// Output: shop.orders 3
}
