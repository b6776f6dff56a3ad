package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/exemplar"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/otelpool/otelpool-go/internal/bench/measure"
	"github.com/otelpool/otelpool-go/internal/bench/peers"
	"github.com/otelpool/otelpool-go/otelpool"
)

// defaultOptions names the base of the comparison: otelpool with an SDK, one reader, and default options.
const defaultOptions = "default options"

// featureCosts are the results of a cycle with each feature.
type featureCosts struct {
	rounds measure.Rounds
	allocs map[string]allocation
}

// featureCases returns cycles of a query with one row, with one feature each.
func featureCases() []hookCase {
	background := context.Background()
	span := trace.ContextWithSpanContext(background, trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{1}, SpanID: trace.SpanID{1}, TraceFlags: trace.FlagsSampled,
	}))
	spans := sdktrace.NewTracerProvider(sdktrace.WithSyncer(discardSpans{}))
	request, _ := spans.Tracer("bench").Start(background, "request")
	with := func(name string, opts ...otelpool.Option) hookCase {
		return hookCase{name: name, make: peers.Otelpool(opts...), provider: sdk(1)}
	}
	in := func(name string, ctx context.Context) hookCase {
		return hookCase{name: name, make: peers.Otelpool(), provider: sdk(1), ctx: ctx}
	}
	by := func(name string, opts ...sdkmetric.Option) hookCase {
		return hookCase{name: name, make: peers.Otelpool(), provider: func() metric.MeterProvider {
			return sdkmetric.NewMeterProvider(append(opts, sdkmetric.WithReader(sdkmetric.NewManualReader()))...)
		}}
	}
	native := sdkmetric.NewView(sdkmetric.Instrument{Kind: sdkmetric.InstrumentKindHistogram},
		sdkmetric.Stream{Aggregation: sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: 160, MaxScale: 20}})
	drop := sdkmetric.NewView(sdkmetric.Instrument{Name: "db.client.connection.use_time"}, sdkmetric.Stream{Aggregation: sdkmetric.AggregationDrop{}})
	return []hookCase{
		with(defaultOptions),
		in("`WithOperation`", otelpool.WithOperation(background, "get_user")),
		with("`WithOperationName`, a function that looks nothing up", otelpool.WithOperationName(func(context.Context, string) string { return "get_user" })),
		with("`WithAttributes`, one", otelpool.WithAttributes(attribute.String("team", "a"))),
		with("`WithAttributes`, four", otelpool.WithAttributes(
			attribute.String("team", "a"), attribute.String("zone", "b"), attribute.String("tier", "c"), attribute.Int("shard", 1))),
		with("`WithServerAttributes`", otelpool.WithServerAttributes()),
		with("`WithReturnedRows`", otelpool.WithReturnedRows()),
		with("`WithSQLComments`, without the statement itself", otelpool.WithSQLComments()),
		with("`WithLongHold`", otelpool.WithLongHold(time.Hour)),
		with("`WithLongHold` and `WithoutStacks`", otelpool.WithLongHold(time.Hour), otelpool.WithoutStacks()),
		in("`WithScope`", otelpool.WithScope(background, "")),
		{name: "`Sizing` with `PrePing`, without the ping itself", make: sized(otelpool.Sizing{PoolSize: 5, PrePing: true}), provider: sdk(1)},
		{name: "`Sizing` with `Timeout`", make: sized(otelpool.Sizing{PoolSize: 5, Timeout: time.Hour}), provider: sdk(1)},
		{name: "`Sizing` with `MaxOverflow`", make: sized(otelpool.Sizing{PoolSize: 5, MaxOverflow: 10}), provider: sdk(1)},
		{name: "a tracer of the program's that does nothing", make: traced, provider: sdk(1)},
		in("exemplars: the request is sampled", span),
		with("`WithTracerProvider`, without a recording span around it", otelpool.WithTracerProvider(spans)),
		{name: "`WithTracerProvider`, a span of the query", make: peers.Otelpool(otelpool.WithTracerProvider(spans)), provider: sdk(1), ctx: request},
		by("exemplars: off, by `sdkmetric.WithExemplarFilter`", sdkmetric.WithExemplarFilter(exemplar.AlwaysOffFilter)),
		by("native histograms, by a View", sdkmetric.WithView(native)),
		by("`use_time` dropped by a View", sdkmetric.WithView(drop)),
		{name: "a second reader", make: peers.Otelpool(), provider: sdk(2)},
		{name: "no reader, or a no-op provider", make: peers.Otelpool(), provider: noopProvider},
	}
}

// sized makes pools with a Sizing.
func sized(s otelpool.Sizing) peers.Maker {
	return configured(func(config *pgxpool.Config) error { return s.Apply(config) })
}

// traced makes pools whose configuration has another tracer.
var traced = configured(func(config *pgxpool.Config) error {
	config.ConnConfig.Tracer = idle{}
	return nil
})

func configured(configure func(*pgxpool.Config) error) peers.Maker {
	return func(connString, name string, provider metric.MeterProvider) (*pgxpool.Pool, func(), error) {
		config, err := pgxpool.ParseConfig(connString)
		if err != nil {
			return nil, nil, fmt.Errorf("features: %w", err)
		}
		if err := configure(config); err != nil {
			return nil, nil, err
		}
		pool, inst, err := otelpool.NewWithConfig(context.Background(), config, otelpool.WithPoolName(name), otelpool.WithMeterProvider(provider))
		if err != nil {
			return nil, nil, err
		}
		return pool, func() { _ = inst.Unregister() }, nil
	}
}

// discardSpans is an exporter that costs nothing.
type discardSpans struct{}

func (discardSpans) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error { return nil }
func (discardSpans) Shutdown(context.Context) error                             { return nil }

// idle is a tracer that does nothing.
type idle struct{}

func (idle) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return ctx
}
func (idle) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// measureFeatures runs the cycles of all features in turns.
func measureFeatures(budget time.Duration) (featureCosts, error) {
	costs := featureCosts{allocs: map[string]allocation{}}
	var contenders []measure.Contender
	for _, c := range featureCases() {
		c.tag = pgconn.NewCommandTag("SELECT 1")
		cycles, end, err := c.cycles(1)
		if err != nil {
			return featureCosts{}, err
		}
		defer end()
		count, bytes := measure.Allocs(2000, cycles[0])
		costs.allocs[c.name] = allocation{count, bytes}
		contenders = append(contenders, measure.Contender{Name: c.name, Run: measure.Repeat(hookBatch, cycles[0])})
	}
	costs.rounds = measure.Interleave(contenders, hookSlice, budget)
	return costs, nil
}

// report prints the table of features.
func (c featureCosts) report(to io.Writer) error {
	if len(c.rounds.Slices) == 0 {
		return nil
	}
	var rows [][]string
	for _, name := range c.rounds.Names {
		rows = append(rows, []string{
			name,
			nanoseconds(c.rounds.Cost(name, measure.TimePerOp)),
			c.rounds.Ratio(name, defaultOptions, measure.TimePerOp).String(),
			c.allocs[name].String(),
		})
	}
	return table(to, "Features: an acquire, a query and a release, without a database", []string{"", "a cycle", "× default options", "allocations"}, rows)
}
