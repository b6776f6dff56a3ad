package otelpool_test

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelpool/otelpool-go/otelpool"
)

func Example() {
	ctx := context.Background()
	pool, inst, err := otelpool.New(ctx, os.Getenv("DATABASE_URL"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer inst.Unregister()
	defer pool.Close()

	var answer int
	err = pool.QueryRow(ctx, "SELECT 6 * 7").Scan(&answer)
	fmt.Println(answer, err)
	// Output: 42 <nil>
}

func ExampleNewWithConfig() {
	ctx := context.Background()
	provider := sdkmetric.NewMeterProvider() // yours has a reader

	config, err := pgxpool.ParseConfig(os.Getenv("DATABASE_URL"))
	if err != nil {
		fmt.Println(err)
		return
	}
	config.MaxConns = 15
	pool, inst, err := otelpool.NewWithConfig(ctx, config,
		otelpool.WithMeterProvider(provider),
		otelpool.WithPoolName("orders"),
		otelpool.WithBaseSize(5), // more than 5 in use is overflow
		otelpool.WithAttributes(attribute.String("team", "checkout")),
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer inst.Unregister()
	defer pool.Close()

	settings := inst.Report().Settings
	fmt.Println(settings.BaseSize, settings.MaxConns)
	// Output: 5 15
}

func ExampleSizing() {
	ctx := context.Background()
	config, err := pgxpool.ParseConfig(os.Getenv("DATABASE_URL"))
	if err != nil {
		fmt.Println(err)
		return
	}
	sizing := otelpool.Sizing{PoolSize: 5, MaxOverflow: 10, PrePing: true, Recycle: time.Hour, Timeout: 30 * time.Second}
	if err := sizing.Apply(config); err != nil {
		fmt.Println(err)
		return
	}
	pool, inst, err := otelpool.NewWithConfig(ctx, config)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer inst.Unregister()
	defer pool.Close()

	fmt.Println(pool.Config().MaxConns)
	// Output: 15
}

func ExampleInstrument() {
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

	pool, err := pgxpool.NewWithConfig(ctx, config) // somewhere in a framework
	if err != nil {
		fmt.Println(err)
		return
	}
	defer pool.Close()

	fmt.Println(inst.Register(pool))
	// Output: <nil>
}

func ExampleRegister() {
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, os.Getenv("DATABASE_URL"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer pool.Close()

	inst, err := otelpool.Register(pool, otelpool.WithPoolName("legacy"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer inst.Unregister()

	fmt.Println(pool.Ping(ctx))
	// Output: <nil>
}

func ExampleSummary() {
	fmt.Println(otelpool.Summary("select name from app.users u join roles r on r.id = u.role where u.id = 17"))
	fmt.Println(otelpool.Summary("INSERT INTO archive SELECT * FROM orders WHERE done"))
	fmt.Println(otelpool.Summary("CREATE TABLE events_2026_11_29 PARTITION OF events DEFAULT"))
	fmt.Println(otelpool.Summary("-- name: CountUsers :one\nSELECT count(*) FROM users")) // not the sqlc name
	fmt.Println(otelpool.Summary("-- ping"))
	// Output:
	// SELECT app.users roles
	// INSERT archive SELECT orders
	// CREATE TABLE
	// SELECT users
	// _OTHER
}

func ExampleWithOperation() {
	ctx := context.Background()
	reader := sdkmetric.NewManualReader()
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))

	pool, inst, err := otelpool.New(ctx, os.Getenv("DATABASE_URL"), otelpool.WithMeterProvider(provider))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer inst.Unregister()
	defer pool.Close()

	// Named by the caller.
	pool.Exec(otelpool.WithOperation(ctx, "get_user_with_roles"), "SELECT 1")
	// Named by its sqlc comment.
	pool.Exec(ctx, "-- name: CountUsers :one\nSELECT count(*) FROM pg_user")
	// Named by a summary of its text.
	pool.Exec(ctx, "SELECT usename FROM pg_user WHERE usesysid = $1", 10)

	printOperations(reader)
	// Unordered output:
	// get_user_with_roles 1
	// CountUsers 1
	// SELECT pg_user 1
}

func printOperations(reader *sdkmetric.ManualReader) {
	var rm metricdata.ResourceMetrics
	if err := reader.Collect(context.Background(), &rm); err != nil {
		fmt.Println(err)
	}
	for _, scope := range rm.ScopeMetrics {
		for _, m := range scope.Metrics {
			if m.Name != "db.client.operation.duration" {
				continue
			}
			for _, p := range m.Data.(metricdata.Histogram[float64]).DataPoints {
				operation, _ := p.Attributes.Value("db.query.summary")
				fmt.Println(operation.AsString(), p.Count)
			}
		}
	}
}

func ExampleWithSQLComments() {
	ctx := context.Background()
	config, err := pgxpool.ParseConfig(os.Getenv("DATABASE_URL"))
	if err != nil {
		fmt.Println(err)
		return
	}
	config.ConnConfig.RuntimeParams["application_name"] = "shop"
	pool, inst, err := otelpool.NewWithConfig(ctx, config, otelpool.WithSQLComments())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer inst.Unregister()
	defer pool.Close()

	var query string // as the server sees it
	err = pool.QueryRow(ctx, "SELECT query FROM pg_stat_activity WHERE pid = pg_backend_pid()").Scan(&query)
	fmt.Println(query, err)
	// Output: SELECT query FROM pg_stat_activity WHERE pid = pg_backend_pid() /*application='shop',operation='SELECT%20pg_stat_activity'*/ <nil>
}
