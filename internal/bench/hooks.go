package main

import (
	"context"
	"fmt"
	"time"

	"github.com/exaring/otelpgx"
	"github.com/jackc/pgx/v5/pgconn"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/otelpool/otelpool-go/internal/bench/drive"
	"github.com/otelpool/otelpool-go/internal/bench/measure"
	"github.com/otelpool/otelpool-go/internal/bench/peers"
	"github.com/otelpool/otelpool-go/otelpool"
)

// hookSlice is long enough for a thousand cycles, and short enough that the machine's speed stays the same within a
// round.
const hookSlice = time.Millisecond

// collectingSlice is long enough for several collections of a contender's own garbage.
const collectingSlice = 100 * time.Millisecond

// hookBatch is how many cycles run between two readings of the clock.
const hookBatch = 32

// parallelCallers is how many goroutines share a pool in the parallel measurement.
const parallelCallers = 2

// The contenders of the hooks.
const (
	floor          = "floor"
	oursNone       = "otelpool, no provider"
	oursNoop       = "otelpool, no-op provider"
	oursDiscard    = "otelpool, histograms that keep nothing"
	oursOne        = "otelpool, SDK, one reader"
	oursTwo        = "otelpool, SDK, two readers"
	oursNamed      = "otelpool, SDK, named by WithOperation"
	oursDeep       = "otelpool, SDK, context of a request"
	oursFailing    = "otelpool, SDK, failing query"
	oursSampled    = "otelpool, SDK, spans, sampled parent"
	oursText       = "otelpool, SDK, spans with the text, sampled parent"
	oursUnsampled  = "otelpool, SDK, spans, parent not sampled"
	otelpgxNone    = "otelpgx, no provider"
	otelpgxNoop    = "otelpgx, no-op provider"
	otelpgxDiscard = "otelpgx, histograms that keep nothing"
	otelpgxOne     = "otelpgx, SDK, one reader"
	otelpgxTwo     = "otelpgx, SDK, two readers"
	otelpgxDeep    = "otelpgx, SDK, context of a request"
	otelpgxFailing = "otelpgx, SDK, failing query"
	otelpgxSampled = "otelpgx, SDK, spans, sampled parent"
	otelpgxDropped = "otelpgx, SDK, spans, parent not sampled"
	namesOne       = "otelpgx with names, SDK, one reader"
	namesTwo       = "otelpgx with names, SDK, two readers"
	namesFailing   = "otelpgx with names, SDK, failing query"
)

// hookCase is a contender and the parameters of its cycles.
type hookCase struct {
	name     string
	make     peers.Maker
	provider func() metric.MeterProvider // nil for none
	ctx      context.Context             // nil for context.Background
	err      error                       // result of the query
	tag      pgconn.CommandTag           // result of the query
}

func noopProvider() metric.MeterProvider { return noop.NewMeterProvider() }

// sdk returns a function that creates providers with that many readers.
func sdk(readers int) func() metric.MeterProvider {
	return func() metric.MeterProvider {
		opts := make([]sdkmetric.Option, readers)
		for i := range opts {
			opts[i] = sdkmetric.WithReader(sdkmetric.NewManualReader())
		}
		return sdkmetric.NewMeterProvider(opts...)
	}
}

// requestContext returns a context as deep as that of a request behind some middleware.
func requestContext() (ctx context.Context, cancel func()) {
	ctx = context.Background()
	for i := range 6 {
		ctx = context.WithValue(ctx, contextKey(i), i)
	}
	return context.WithCancel(ctx)
}

type contextKey int

// hookCases returns the contenders of the hooks.
func hookCases(named, request context.Context) []hookCase {
	ours, plain, names := peers.Otelpool(), peers.Otelpgx(), peers.OtelpgxNames()
	tracing := sdktrace.NewTracerProvider() // whose spans nothing processes
	sampled, _ := tracing.Tracer("bench").Start(context.Background(), "request")
	dropped, _ := sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample())).Tracer("bench").Start(context.Background(), "request")
	oursTraced, plainTraced := peers.Otelpool(otelpool.WithTracerProvider(tracing)), peers.Otelpgx(otelpgx.WithTracerProvider(tracing))
	oursShown := peers.Otelpool(otelpool.WithTracerProvider(tracing), otelpool.WithQueryText(otelpool.QueryTextRaw))
	return []hookCase{
		{name: floor, make: peers.Tracer(drive.Floor{})},
		{name: oursNone, make: ours},
		{name: oursNoop, make: ours, provider: noopProvider},
		{name: oursDiscard, make: ours, provider: discardProvider},
		{name: oursOne, make: ours, provider: sdk(1)},
		{name: oursTwo, make: ours, provider: sdk(2)},
		{name: oursNamed, make: ours, provider: sdk(1), ctx: named},
		{name: oursDeep, make: ours, provider: sdk(1), ctx: request},
		{name: oursFailing, make: ours, provider: sdk(1), err: drive.ErrDuplicate},
		{name: oursSampled, make: oursTraced, provider: sdk(1), ctx: sampled},
		{name: oursText, make: oursShown, provider: sdk(1), ctx: sampled},
		{name: oursUnsampled, make: oursTraced, provider: sdk(1), ctx: dropped},
		{name: otelpgxNone, make: plain},
		{name: otelpgxNoop, make: plain, provider: noopProvider},
		{name: otelpgxDiscard, make: plain, provider: discardProvider},
		{name: otelpgxOne, make: plain, provider: sdk(1)},
		{name: otelpgxTwo, make: plain, provider: sdk(2)},
		{name: otelpgxDeep, make: plain, provider: sdk(1), ctx: request},
		{name: otelpgxFailing, make: plain, provider: sdk(1), err: drive.ErrDuplicate},
		{name: otelpgxSampled, make: plainTraced, provider: sdk(1), ctx: sampled},
		{name: otelpgxDropped, make: plainTraced, provider: sdk(1), ctx: dropped},
		{name: namesOne, make: names, provider: sdk(1)},
		{name: namesTwo, make: names, provider: sdk(2)},
		{name: namesFailing, make: names, provider: sdk(1), err: drive.ErrDuplicate},
	}
}

// cycles returns cycles of one pool for that many callers.
func (c hookCase) cycles(callers int) (cycles []func(), end func(), err error) {
	var provider metric.MeterProvider
	if c.provider != nil {
		provider = c.provider()
	}
	pool, stop, err := c.make(peers.Unused, "bench", provider)
	if err != nil {
		return nil, nil, err
	}
	end = func() { stop(); pool.Close() }
	for range callers {
		conn, err := drive.Conn(context.Background())
		if err != nil {
			end()
			return nil, nil, err
		}
		cycle, err := drive.New(pool, conn)
		if err != nil {
			end()
			return nil, nil, err
		}
		if c.ctx != nil {
			cycle.Ctx = c.ctx
		}
		cycle.Err, cycle.Tag = c.err, c.tag
		cycles = append(cycles, cycle.Run)
	}
	return cycles, end, nil
}

// hookCosts are the results of the hooks.
type hookCosts struct {
	serial, parallel measure.Rounds
	collecting       measure.Rounds // on one goroutine, with the garbage collector at work
	allocs           map[string]allocation
}

type allocation struct{ count, bytes float64 }

func (a allocation) String() string { return fmt.Sprintf("%.0f, %.0f B", a.count, a.bytes) }

// measureHooks runs the cycles of all contenders on one goroutine, on two, and on one with garbage collection.
func measureHooks(budget time.Duration) (hookCosts, error) {
	named := otelpoolNamed(context.Background())
	request, cancel := requestContext()
	defer cancel()
	costs := hookCosts{allocs: map[string]allocation{}}
	var serial, parallel []measure.Contender
	for _, c := range hookCases(named, request) {
		cycles, end, err := c.cycles(parallelCallers)
		if err != nil {
			return hookCosts{}, err
		}
		defer end()
		count, bytes := measure.Allocs(2000, cycles[0])
		costs.allocs[c.name] = allocation{count, bytes}
		serial = append(serial, measure.Contender{Name: c.name, Run: measure.Repeat(hookBatch, cycles[0])})
		parallel = append(parallel, measure.Contender{Name: c.name, Run: measure.RepeatParallel(hookBatch, cycles)})
	}
	costs.serial = measure.Interleave(serial, hookSlice, budget/3)
	costs.parallel = measure.Interleave(parallel, hookSlice, budget/3)
	costs.collecting = measure.InterleaveCollecting(serial, collectingSlice, budget/3)
	return costs, nil
}
