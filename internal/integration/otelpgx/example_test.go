package otelpgx_test

import (
	"context"
	"fmt"
	"os"
	"slices"

	"github.com/exaring/otelpgx"
	"github.com/jackc/pgx/v5/multitracer"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelpool/otelpool-go/otelpool"
)

func Example_spans() {
	ctx := context.Background()
	config, err := pgxpool.ParseConfig(os.Getenv("DATABASE_URL"))
	if err != nil {
		fmt.Println(err)
		return
	}
	// Set it before otelpool, which passes every event on to it.
	config.ConnConfig.Tracer = otelpgx.NewTracer(otelpgx.WithMeterProvider(noop.NewMeterProvider()))
	pool, inst, err := otelpool.NewWithConfig(ctx, config)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer inst.Unregister()
	defer pool.Close()

	printTelemetry(pool, recorded)
	// Output:
	// spans: otelpgx
	// db.client.operation.duration: otelpool
	// pgxpool.acquires: otelpool
}

func Example_multitracer() {
	ctx := context.Background()
	config, err := pgxpool.ParseConfig(os.Getenv("DATABASE_URL"))
	if err != nil {
		fmt.Println(err)
		return
	}
	inst, err := otelpool.Instrument(config)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer inst.Unregister()

	tracer := otelpgx.NewTracer(otelpgx.WithMeterProvider(noop.NewMeterProvider()))
	config.ConnConfig.Tracer = multitracer.New(config.ConnConfig.Tracer, tracer)
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer pool.Close()
	if err := inst.Register(pool); err != nil {
		fmt.Println(err)
		return
	}

	printTelemetry(pool, recorded)
	// Output:
	// spans: otelpgx
	// db.client.operation.duration: otelpool
	// pgxpool.acquires: otelpool
}

func Example_views() {
	reader := sdkmetric.NewManualReader()
	drop := func(name string) sdkmetric.Option {
		dropped := sdkmetric.Instrument{Name: name, Scope: instrumentation.Scope{Name: "github.com/exaring/otelpgx"}}
		return sdkmetric.WithView(sdkmetric.NewView(dropped, sdkmetric.Stream{Aggregation: sdkmetric.AggregationDrop{}}))
	}
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader),
		drop("db.client.operation.duration"), drop("pgxpool.acquires"))

	printViews(provider, reader)
	// Output:
	// spans: otelpgx
	// db.client.operation.duration: otelpool
	// pgxpool.acquire_duration: otelpgx
	// pgxpool.acquires: otelpool
}

// printViews uses a pool that otelpgx and otelpool both measure.
func printViews(provider *sdkmetric.MeterProvider, reader sdkmetric.Reader) {
	ctx := context.Background()
	config, err := pgxpool.ParseConfig(os.Getenv("DATABASE_URL"))
	if err != nil {
		fmt.Println(err)
		return
	}
	config.ConnConfig.Tracer = otelpgx.NewTracer(otelpgx.WithMeterProvider(provider))
	pool, inst, err := otelpool.NewWithConfig(ctx, config, otelpool.WithMeterProvider(provider))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer inst.Unregister()
	defer pool.Close()
	if err := otelpgx.RecordStats(pool, otelpgx.WithStatsMeterProvider(provider)); err != nil {
		fmt.Println(err)
		return
	}
	printTelemetry(pool, telemetry{reader, recorded.spans})
}

// printTelemetry makes a query in a span, and prints who recorded the spans and some metrics. It sets new global
// providers for the next Example.
func printTelemetry(pool *pgxpool.Pool, from telemetry) {
	defer record()
	ctx, span := otel.Tracer("service").Start(context.Background(), "GET /orders")
	if _, err := pool.Exec(ctx, "SELECT 1"); err != nil {
		fmt.Println(err)
	}
	span.End()
	by := map[string]string{theirs: "otelpgx", ours: "otelpool"}
	spans := make(map[string]bool)
	for _, s := range from.spans.GetSpans() {
		if name, ok := by[s.InstrumentationScope.Name]; ok {
			spans[name] = true
		}
	}
	fmt.Println("spans:", words(spans))
	metrics, err := from.metrics()
	if err != nil {
		fmt.Println(err)
	}
	for _, name := range []string{"db.client.operation.duration", "pgxpool.acquire_duration", "pgxpool.acquires"} {
		scopes := make(map[string]bool)
		for scope, names := range metrics {
			if slices.Contains(names, name) {
				scopes[by[scope]] = true
			}
		}
		if len(scopes) > 0 {
			fmt.Printf("%s: %s\n", name, words(scopes))
		}
	}
}
