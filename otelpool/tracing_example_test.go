package otelpool_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/otelpool/otelpool-go/otelpool"
)

func ExampleWithTracerProvider() {
	recorder := tracetest.NewSpanRecorder()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder)) // yours has an exporter

	ctx := context.Background()
	pool, inst, err := otelpool.New(ctx, os.Getenv("DATABASE_URL"),
		otelpool.WithTracerProvider(provider),
		otelpool.WithAcquireSpans(otelpool.DefaultAcquireSpans), // acquires that waited for a millisecond
		otelpool.WithQueryText(otelpool.QueryTextSanitized),     // texts with ? for each literal
		otelpool.WithSlowQuery(200*time.Millisecond),            // a line in the log for each
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer inst.Unregister()
	defer pool.Close()

	ctx, span := provider.Tracer("shop").Start(ctx, "GET /orders")
	_, err = pool.Exec(otelpool.WithOperation(ctx, "list_orders"), "SELECT generate_series(1, 3), 'open'")
	span.End()
	if err != nil {
		fmt.Println(err)
		return
	}

	printQueries(recorder)
	// Output:
	// db.query.summary list_orders
	// db.query.text SELECT generate_series(?, ?), ?
	// db.response.returned_rows 3
}

// printQueries prints what the spans of queries say of them.
func printQueries(recorder *tracetest.SpanRecorder) {
	for _, s := range recorder.Ended() {
		for _, kv := range s.Attributes() {
			if strings.HasPrefix(string(kv.Key), "db.query") || kv.Key == "db.response.returned_rows" {
				fmt.Println(kv.Key, kv.Value.String())
			}
		}
	}
}
