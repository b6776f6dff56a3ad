package recipes_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelpool/otelpool-go/otelpool"
)

// closePool closes a pool, but waits for unreleased connections only until ctx ends. Its error names their units of
// work.
func closePool(ctx context.Context, pool *pgxpool.Pool, inst *otelpool.Instrumentation) error {
	closed := make(chan struct{})
	go func() {
		pool.Close() // waits for every connection
		close(closed)
	}()
	var errs []error
	select {
	case <-closed:
	case <-ctx.Done():
		for _, hold := range inst.Held() {
			errs = append(errs, fmt.Errorf("close pool: %s holds a connection", hold.Operation))
		}
	}
	return errors.Join(append(errs, inst.Unregister())...)
}

// stop ends a service within some 25 seconds.
func stop(
	server *http.Server, pool *pgxpool.Pool, inst *otelpool.Instrumentation,
	provider interface{ Shutdown(context.Context) error }, // the SDK's MeterProvider, or that of package direct
) error {
	requests, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	err := server.Shutdown(requests)

	connections, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	err = errors.Join(err, closePool(connections, pool, inst))

	push, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return errors.Join(err, provider.Shutdown(push))
}

func Example_stop() {
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader()))
	pool, inst, err := otelpool.New(context.Background(), os.Getenv("DATABASE_URL"), otelpool.WithMeterProvider(provider))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(stop(new(http.Server), pool, inst, provider))
	// Output: <nil>
}

func Example_leak() {
	pool, inst, err := newPool()
	if err != nil {
		fmt.Println(err)
		return
	}
	conn, err := pool.Acquire(otelpool.WithOperation(context.Background(), "export_orders"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Release() // too late

	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	fmt.Println(closePool(ctx, pool, inst))
	// Output: close pool: export_orders holds a connection
}
