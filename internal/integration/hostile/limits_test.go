package hostile

import (
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelpool/otelpool-go/internal/integration/faults/rig"
	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

// TestManyNamesStayWithinLimit uses a pool with a hundred thousand different names and texts, and counts the series. It
// is not parallel, because it measures the heap. It fails for a leak of a dozen bytes per name.
func TestManyNamesStayWithinLimit(t *testing.T) {
	const limit, many = 200, 100_000
	database := onDatabase(t, 1)
	rig.NoLeak(t)
	s := newService(t, database)
	conn, err := s.pool.Acquire(t.Context())
	testutil.NoError(t, err)
	scrape(t, s.exporter, formats[0])
	tracer := tracerOf(s.pool)
	for i := range 3000 { // fills the bounded caches
		event(otelpool.WithOperation(t.Context(), fmt.Sprint("name ", i)), tracer, conn.Conn(), "SELECT 1")
		event(t.Context(), tracer, conn.Conn(), fmt.Sprintf("SELECT %d FROM first%d", i, i))
	}
	before := liveHeap()
	began := time.Now()
	for i := range many {
		if i%2 == 0 {
			event(otelpool.WithOperation(t.Context(), fmt.Sprint("distinct ", i)), tracer, conn.Conn(), "SELECT 1")
		} else {
			event(t.Context(), tracer, conn.Conn(), fmt.Sprintf("SELECT %d FROM other%d", i, i))
		}
	}
	took := time.Since(began)
	grown := int64(liveHeap()) - int64(before)
	conn.Release()
	page := scrapeAll(t, s.exporter)
	operations := page.of("db_query_duration_seconds_count")
	if len(operations) != 2*limit+1 {
		t.Errorf("%d operations, want at most %d chosen names, as many summaries, and _OTHER", len(operations), limit)
	}
	testutil.Equal(t, "counted as beyond the limit", page.sum("db_pool_operations_capped_total"), float64(6000-2*limit+many))
	testutil.Equal(t, "operations counted", page.sum("db_query_duration_seconds_count"), float64(6000+many))
	if grown > 1<<20 {
		t.Errorf("the heap grew by %d KiB", grown>>10)
	}
	recordFigure(t, "%d distinct names and texts: %d series of operations, heap %+d KiB, %v each", many, len(operations), grown>>10, took/time.Duration(many))
}

func liveHeap() uint64 {
	var m runtime.MemStats
	for range 3 { // also frees what sync.Pools and cleanups held
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestMegabyteTextsAreCut uses a megabyte of text wherever a caller can pass text.
func TestMegabyteTextsAreCut(t *testing.T) {
	t.Parallel()
	var longest atomic.Int64
	t.Cleanup(func() {
		recordFigure(t, "a megabyte in names, comments and texts: labels of a series have %d bytes at most", longest.Load())
	})
	for name, long := range map[string]string{
		"letters": strings.Repeat("x", 1<<20), "no UTF-8": strings.Repeat("\xff", 1<<20), "newlines": strings.Repeat("\n", 1<<20), "quotes": strings.Repeat(`"`, 1<<20),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newService(t, onDatabase(t, 1), otelpool.WithPoolName("p"+long))
			ctx := deadline(t)
			for _, sql := range []string{"SELECT 1 --" + long, "/*" + long + "*/ SELECT 1", "-- name: " + long + " :one\nSELECT 1", "SELECT '" + long, long} {
				postgrestest.ExecContext(ctx, t, s.pool, sql, rewriteTo("SELECT 1"))
			}
			postgrestest.ExecContext(otelpool.WithOperation(ctx, long), t, s.pool, "SELECT 1")
			page := scrapeAll(t, s.exporter)
			for _, sample := range page {
				text := sample.labels.String()
				for old := longest.Load(); old < int64(len(text)) && !longest.CompareAndSwap(old, int64(len(text))); {
					old = longest.Load()
				}
				if len(text) > 2000 {
					t.Fatalf("a series has labels of %d bytes: %.200s", len(text), text)
				}
			}
			testutil.Equal(t, "operations", page.sum("db_query_duration_seconds_count"), 6)
		})
	}
}

// TestLongAttributeKeepsPageReadable adds an attribute of 48 kB.
func TestLongAttributeKeepsPageReadable(t *testing.T) {
	t.Parallel()
	exporter := newExporter(t)
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter))
	_, end := offlinePool(t, provider, otelpool.WithPoolName("p"), otelpool.WithAttributes(attribute.String("long", strings.Repeat("é\n", 16<<10))))
	defer end()
	testutil.Equal(t, "pools", len(scrape(t, exporter, formats[0]).of("db_pool_size")), 1)
}
