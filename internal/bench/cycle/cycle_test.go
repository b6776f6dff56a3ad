// Package cycle has one benchmark: a cycle of otelpool with default options. It needs nothing but otelpool and the SDK,
// so it also builds with an SDK that is too old for other parts of this module.
package cycle

import (
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelpool/otelpool-go/internal/bench/drive"
	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

// BenchmarkCycle acquires, queries and releases on one goroutine, without a database.
func BenchmarkCycle(b *testing.B) {
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader()))
	config, err := pgxpool.ParseConfig("host=localhost user=postgres sslmode=disable")
	testutil.NoError(b, err)
	pool, inst, err := otelpool.NewWithConfig(b.Context(), config, otelpool.WithMeterProvider(provider))
	testutil.NoError(b, err)
	defer func() { _ = inst.Unregister(); pool.Close() }()
	conn, err := drive.Conn(b.Context())
	testutil.NoError(b, err)
	cycle, err := drive.New(pool, conn)
	testutil.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		cycle.Run()
	}
}
