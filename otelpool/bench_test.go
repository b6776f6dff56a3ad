package otelpool_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelpool/otelpool-go/otelpool"
)

// allTracers are the interfaces of an instrumented pool's tracer that the benchmarks call.
type allTracers interface {
	pgx.QueryTracer
	pgxpool.AcquireTracer
	pgxpool.ReleaseTracer
}

// BenchmarkHooks calls the hooks of an acquire, a query and a release, without a server: the cost that otelpool adds.
func BenchmarkHooks(b *testing.B) {
	selectSQL := "SELECT id, name, email FROM users WHERE id = $1 AND deleted_at IS NULL ORDER BY created_at LIMIT 1"
	failure := &pgconn.PgError{Code: "23505"}
	for _, bb := range []struct {
		name     string
		provider metric.MeterProvider
		ctx      context.Context
		err      error
	}{
		{"no-op", noop.NewMeterProvider(), context.Background(), nil},
		{"SDK, by text", sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader())), context.Background(), nil},
		{"SDK, by name", sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader())), otelpool.WithOperation(context.Background(), "get_user"), nil},
		{"SDK, failing", sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader())), context.Background(), failure},
	} {
		b.Run(bb.name, func(b *testing.B) {
			config := parse(b, database(b))
			pool, inst, err := otelpool.NewWithConfig(context.Background(), config, otelpool.WithMeterProvider(bb.provider))
			if err != nil {
				b.Fatal(err)
			}
			defer pool.Close()
			defer inst.Unregister()
			held, err := pool.Acquire(context.Background())
			if err != nil {
				b.Fatal(err)
			}
			defer held.Release()
			conn, tracer := held.Conn(), held.Conn().Config().Tracer.(allTracers)
			b.ReportAllocs()
			for b.Loop() {
				ctx := tracer.TraceAcquireStart(bb.ctx, pool, pgxpool.TraceAcquireStartData{})
				tracer.TraceAcquireEnd(ctx, pool, pgxpool.TraceAcquireEndData{Conn: conn})
				ctx = tracer.TraceQueryStart(bb.ctx, conn, pgx.TraceQueryStartData{SQL: selectSQL})
				tracer.TraceQueryEnd(ctx, conn, pgx.TraceQueryEndData{Err: bb.err})
				tracer.TraceRelease(pool, pgxpool.TraceReleaseData{Conn: conn})
			}
		})
	}
}

// BenchmarkCollect collects the metrics of a hundred pools.
func BenchmarkCollect(b *testing.B) {
	tel := newTelemetry(b)
	for i := range 100 {
		config := parse(b, "host=localhost")
		pool, inst, err := otelpool.NewWithConfig(context.Background(), config, otelpool.WithMeterProvider(tel.provider),
			otelpool.WithPoolName(fmt.Sprint("pool", i)))
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { pool.Close(); _ = inst.Unregister() })
	}
	b.ReportAllocs()
	for b.Loop() {
		var rm metricdata.ResourceMetrics
		if err := tel.reader.Collect(context.Background(), &rm); err != nil {
			b.Fatal(err)
		}
	}
}

// longHoldStates are the settings of the search for long holds.
var longHoldStates = []struct {
	name string
	opts []otelpool.Option
}{
	{"off", nil},
	{"on", []otelpool.Option{otelpool.WithLongHold(time.Minute)}},
	{"on, without stacks", []otelpool.Option{otelpool.WithLongHold(time.Minute), otelpool.WithoutStacks()}},
}

// pair calls the hooks of an acquire and its release, with a connection that is held all the time.
type pair struct {
	pool   *pgxpool.Pool
	conn   *pgx.Conn
	tracer allTracers
}

func (p pair) run() {
	ctx := p.tracer.TraceAcquireStart(context.Background(), p.pool, pgxpool.TraceAcquireStartData{})
	p.tracer.TraceAcquireEnd(ctx, p.pool, pgxpool.TraceAcquireEndData{Conn: p.conn})
	p.tracer.TraceRelease(p.pool, pgxpool.TraceReleaseData{Conn: p.conn})
}

func newPair(b *testing.B, opts ...otelpool.Option) pair {
	b.Helper()
	f := setup(b, 1, nil, opts...)
	held, err := f.pool.Acquire(context.Background())
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(held.Release)
	return pair{f.pool, held.Conn(), held.Conn().Config().Tracer.(allTracers)}
}

// deep calls f through that many callers, as a handler behind middleware is called.
//
//go:noinline
func deep(callers int, f func()) {
	if callers == 0 {
		f()
		return
	}
	deep(callers-1, f)
}

// handlerDepth is more than the number of callers that a stack keeps.
const handlerDepth = 40

// BenchmarkLongHold calls the hooks of an acquire and its release: the cost of the search for long holds.
func BenchmarkLongHold(b *testing.B) {
	for _, bb := range longHoldStates {
		b.Run(bb.name, func(b *testing.B) {
			p := newPair(b, bb.opts...)
			b.ReportAllocs()
			for b.Loop() {
				p.run()
			}
		})
	}
}

// BenchmarkLongHoldSideBySide runs the settings by turns, in slices of about 100 µs. It keeps the shortest slice of each,
// which nothing else on the machine disturbed, and reports the difference to off, with few callers and with many.
func BenchmarkLongHoldSideBySide(b *testing.B) {
	const slice = 100
	for _, depth := range []struct {
		name    string
		callers int
	}{{"few callers", 0}, {"many callers", handlerDepth}} {
		b.Run(depth.name, func(b *testing.B) {
			pairs := make([]pair, len(longHoldStates))
			for i, s := range longHoldStates {
				pairs[i] = newPair(b, s.opts...)
			}
			least := make([]time.Duration, len(pairs))
			for turn := 0; b.Loop(); turn++ {
				for i := range pairs {
					at := (turn + i) % len(pairs)
					deep(depth.callers, func() {
						start := time.Now()
						for range slice {
							pairs[at].run()
						}
						if spent := time.Since(start); least[at] == 0 || spent < least[at] {
							least[at] = spent
						}
					})
				}
			}
			ns := func(i int) float64 { return float64(least[i].Nanoseconds()) / slice }
			b.ReportMetric(0, "ns/op") // the time of all settings together is of no use
			b.ReportMetric(ns(0), "off-ns")
			b.ReportMetric(ns(1)-ns(0), "stacks-more-ns")
			b.ReportMetric(ns(2)-ns(0), "without-stacks-more-ns")
		})
	}
}
