package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/exaring/otelpgx"
	"github.com/jackc/pgx/v5/pgconn"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/otelpool/otelpool-go/exporters/direct"
	"github.com/otelpool/otelpool-go/exporters/prometheus"
	"github.com/otelpool/otelpool-go/internal/bench/drive"
	"github.com/otelpool/otelpool-go/internal/bench/measure"
	"github.com/otelpool/otelpool-go/internal/bench/peers"
	"github.com/otelpool/otelpool-go/otelpool"
)

const (
	// hookSlice is long enough for a thousand cycles, and short enough that the machine's speed stays the same within
	// a round.
	hookSlice = time.Millisecond

	// loadedSlice is long enough for many goroutines to run a batch each.
	loadedSlice = 4 * time.Millisecond

	// collectingSlice is long enough for several collections of a contender's own garbage.
	collectingSlice = 100 * time.Millisecond

	// hookBatch is how many cycles run between two readings of the clock.
	hookBatch = 32

	manyCallers = 64
)

// Contenders that goals compare.
const (
	floor          = "floor"
	oursNoop       = "otelpool, no-op provider"
	oursOne        = "otelpool, SDK"
	oursDirect     = "otelpool, direct histograms"
	oursFailing    = "otelpool, SDK, failing query"
	oursLongHold   = "otelpool, SDK, `WithLongHold`"
	oursSampled    = "otelpool, SDK, spans, sampled parent"
	oursText       = "otelpool, SDK, spans with the text, sampled parent"
	oursUnsampled  = "otelpool, SDK, spans, parent not sampled"
	otelpgxOne     = "otelpgx, SDK"
	otelpgxFailing = "otelpgx, SDK, failing query"
	otelpgxSampled = "otelpgx, SDK, spans, sampled parent"
	namesOne       = "otelpgx with names, SDK"
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

func sdk() metric.MeterProvider { return withOptions()() }

// withOptions returns a function that creates providers with a reader and options.
func withOptions(opts ...sdkmetric.Option) func() metric.MeterProvider {
	return func() metric.MeterProvider {
		reader := sdkmetric.WithReader(sdkmetric.NewManualReader())
		return sdkmetric.NewMeterProvider(append(slices.Clone(opts), reader)...)
	}
}

func twoReaders() metric.MeterProvider {
	return withOptions(sdkmetric.WithReader(sdkmetric.NewManualReader()))()
}

// directly returns a provider that records histograms without the SDK.
func directly() metric.MeterProvider {
	bridge, err := prometheus.New()
	if err != nil {
		panic(err) // only options can make it fail
	}
	return direct.NewMeterProvider(direct.WithReader(bridge))
}

// request returns the context of a traced request, sampled or not.
func request(sampled bool) context.Context {
	sampler := sdktrace.NeverSample()
	if sampled {
		sampler = sdktrace.AlwaysSample()
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithSampler(sampler))
	ctx, _ := provider.Tracer("bench").Start(context.Background(), "request")
	return ctx
}

// mainCases returns the contenders that are also compared under load.
func mainCases() []hookCase {
	return []hookCase{
		{name: floor, make: peers.Tracer(drive.Floor{})},
		{name: oursOne, make: peers.Otelpool(), provider: sdk},
		{name: oursDirect, make: peers.Otelpool(), provider: directly},
		{name: otelpgxOne, make: peers.Otelpgx(), provider: sdk},
		{name: namesOne, make: peers.OtelpgxNames(), provider: sdk},
	}
}

func hookCases() []hookCase {
	tracing := sdktrace.NewTracerProvider() // without a span processor
	traced := otelpool.WithTracerProvider(tracing)
	ours, plain, names := peers.Otelpool(), peers.Otelpgx(), peers.OtelpgxNames()
	shown := peers.Otelpool(traced, otelpool.WithQueryText(otelpool.QueryTextRaw))
	plainTraced := peers.Otelpgx(otelpgx.WithTracerProvider(tracing))
	return append(mainCases(), []hookCase{
		{name: oursNoop, make: ours, provider: noopProvider},
		{name: oursFailing, make: ours, provider: sdk, err: drive.ErrDuplicate},
		{name: oursLongHold, make: peers.Otelpool(otelpool.WithLongHold(time.Hour)), provider: sdk},
		{name: "otelpool, SDK, exponential histograms by a View", make: ours, provider: withOptions(exponential)},
		{name: oursSampled, make: peers.Otelpool(traced), provider: sdk, ctx: request(true)},
		{name: oursText, make: shown, provider: sdk, ctx: request(true)},
		{name: oursUnsampled, make: peers.Otelpool(traced), provider: sdk, ctx: request(false)},
		{name: otelpgxFailing, make: plain, provider: sdk, err: drive.ErrDuplicate},
		{name: otelpgxSampled, make: plainTraced, provider: sdk, ctx: request(true)},
		{name: namesFailing, make: names, provider: sdk, err: drive.ErrDuplicate},
	}...)
}

// cycles returns a cycle for each of the callers, all on one pool.
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
			return nil, end, err
		}
		cycle, err := drive.New(pool, conn)
		if err != nil {
			return nil, end, err
		}
		if c.ctx != nil {
			cycle.Ctx = c.ctx
		}
		cycle.Err, cycle.Tag = c.err, c.tag
		cycles = append(cycles, cycle.Run)
	}
	return cycles, end, nil
}

type cycleCosts struct {
	measure.Rounds
	allocs map[string]allocation // of a cycle of one goroutine
}

type allocation struct{ count, bytes float64 }

func (a allocation) String() string { return fmt.Sprintf("%.0f, %.0f B", a.count, a.bytes) }

// interleave is measure.Interleave or measure.InterleaveCollecting.
type interleave func(contenders []measure.Contender, slice, budget time.Duration) measure.Rounds

// measureCycles runs the cycles of all contenders, each on the given number of goroutines.
func measureCycles(cases []hookCase, callers int, run interleave, slice, budget time.Duration) (cycleCosts, error) {
	costs := cycleCosts{allocs: map[string]allocation{}}
	var contenders []measure.Contender
	for _, c := range cases {
		cycles, end, err := c.cycles(callers)
		if end != nil {
			defer end()
		}
		if err != nil {
			return costs, err
		}
		contender := measure.Contender{Name: c.name, Run: measure.RepeatParallel(hookBatch, cycles)}
		if callers == 1 {
			count, bytes := measure.Allocs(2000, cycles[0])
			costs.allocs[c.name] = allocation{count, bytes}
			contender.Run = measure.Repeat(hookBatch, cycles[0])
		}
		contenders = append(contenders, contender)
	}
	costs.Rounds = run(contenders, slice, budget)
	return costs, nil
}

func measureHooks(_ context.Context, r *report, budget time.Duration) error {
	c, err := measureCycles(hookCases(), 1, measure.Interleave, hookSlice, budget)
	if err != nil {
		return err
	}
	of := func(name, to string) measure.Interval { return c.Ratio(name, to, measure.TimePerOp) }
	r.goal("a cycle, to otelpgx with operation names", 0.50, of(oursOne, namesOne), ratio)
	r.goal("a cycle, direct histograms, to otelpgx with operation names", 0.40, of(oursDirect, namesOne), ratio)
	r.goal("a cycle, to otelpgx plain", 0.90, of(oursOne, otelpgxOne), ratio)
	r.allocations("a cycle", 1, 64, c.allocs[oursOne])
	r.allocations("a cycle, direct histograms", 1, 64, c.allocs[oursDirect])
	added := c.Difference(oursLongHold, oursOne, measure.TimePerOp)
	r.goal("what `WithLongHold` adds to a cycle", 0.4e-6, added, unit{1e-6, 2, " µs"})
	r.goal("a cycle with a no-op provider, to the floor", 0.15, of(oursNoop, floor), ratio)
	r.allocations("a cycle with a no-op provider", 0, 0, c.allocs[oursNoop])
	r.goal("a cycle whose query fails, to otelpgx with operation names", 0.60, of(oursFailing, namesFailing), ratio)
	r.goal("a cycle whose query fails, to otelpgx plain", 0.60, of(oursFailing, otelpgxFailing), ratio)
	r.allocations("a cycle whose query fails", 2, 128, c.allocs[oursFailing])
	r.goal("a cycle with spans, sampled parent, to otelpgx", 0.80, of(oursSampled, otelpgxSampled), ratio)
	r.goal("a cycle with spans and texts, sampled parent, to otelpgx", 0.80, of(oursText, otelpgxSampled), ratio)
	r.allocations("a cycle with spans whose parent is not sampled", 1, 64, c.allocs[oursUnsampled])

	var rows [][]string
	for _, name := range c.Names {
		rows = append(rows, []string{
			name, nanoseconds(c.Cost(name, measure.TimePerOp)), of(name, floor).String(), of(name, otelpgxOne).String(),
			of(name, namesOne).String(), c.allocs[name].String(),
		})
	}
	r.table("A cycle: an acquire, a query and a release, without a database", []string{
		"", "a cycle", "× floor", "× otelpgx, SDK", "× otelpgx with names, SDK", "allocations",
	}, rows)
	return nil
}

// measureLoaded runs the cycles of the main contenders on several goroutines, and with the garbage collector at work.
func measureLoaded(_ context.Context, r *report, budget time.Duration) error {
	two, err := measureCycles(mainCases(), 2, measure.Interleave, hookSlice, budget/4)
	if err != nil {
		return err
	}
	sampled := mainCases()
	for i := range sampled {
		sampled[i].ctx = request(true)
	}
	many, err := measureCycles(sampled, manyCallers, measure.Interleave, loadedSlice, budget/4)
	if err != nil {
		return err
	}
	collecting, err := measureCycles(mainCases(), 1, measure.InterleaveCollecting, collectingSlice, budget/2)
	if err != nil {
		return err
	}
	r.goal("a cycle on two goroutines, to otelpgx plain", 1.00, two.Ratio(oursOne, otelpgxOne, measure.TimePerOp), ratio)
	r.goal("a cycle on two goroutines, direct histograms, to otelpgx plain", 0.70,
		two.Ratio(oursDirect, otelpgxOne, measure.TimePerOp), ratio)
	r.goal("processor time of a cycle with the garbage collected, to otelpgx with operation names", 0.50,
		collecting.Ratio(oursOne, namesOne, measure.CPUPerOp), ratio)
	r.goal("processor time of a cycle with the garbage collected, to otelpgx plain", 0.90,
		collecting.Ratio(oursOne, otelpgxOne, measure.CPUPerOp), ratio)

	var rows [][]string
	for _, name := range two.Names {
		rows = append(rows, []string{
			name,
			nanoseconds(two.Cost(name, measure.TimePerOp)), two.Ratio(name, otelpgxOne, measure.TimePerOp).String(),
			nanoseconds(many.Cost(name, measure.TimePerOp)), many.Ratio(name, otelpgxOne, measure.TimePerOp).String(),
			nanoseconds(collecting.Cost(name, measure.CPUPerOp)), collecting.Ratio(name, otelpgxOne, measure.CPUPerOp).String(),
			collecting.Ratio(name, namesOne, measure.CPUPerOp).String(),
		})
	}
	r.table("A cycle under load", []string{
		"", "on two goroutines", "× otelpgx, SDK", "on 64 with sampled spans", "× otelpgx, SDK",
		"processor time with the garbage collected", "× otelpgx, SDK", "× otelpgx with names, SDK",
	}, rows)
	return nil
}
