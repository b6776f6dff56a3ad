package main

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/exemplar"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/otelpool/otelpool-go/internal/bench/measure"
	"github.com/otelpool/otelpool-go/internal/bench/peers"
	"github.com/otelpool/otelpool-go/otelpool"
)

var (
	exponential = sdkmetric.WithView(sdkmetric.NewView(sdkmetric.Instrument{Kind: sdkmetric.InstrumentKindHistogram},
		sdkmetric.Stream{Aggregation: sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: 160, MaxScale: 20}}))
	dropUseTime = sdkmetric.WithView(sdkmetric.NewView(sdkmetric.Instrument{Name: "db.client.connection.use_time"},
		sdkmetric.Stream{Aggregation: sdkmetric.AggregationDrop{}}))
	noExemplars = sdkmetric.WithExemplarFilter(exemplar.AlwaysOffFilter)
)

// defaultOptions names the base of the comparison: otelpool with an SDK, one reader, and default options.
const defaultOptions = "default options"

// featureCases returns cycles of a query with one row, with one feature each.
func featureCases() []hookCase {
	background, ours := context.Background(), peers.Otelpool()
	spans := sdktrace.NewTracerProvider() // without a span processor
	with := func(name string, opts ...otelpool.Option) hookCase {
		return hookCase{name: name, make: peers.Otelpool(opts...), provider: sdk}
	}
	in := func(name string, ctx context.Context) hookCase {
		return hookCase{name: name, make: ours, provider: sdk, ctx: ctx}
	}
	by := func(name string, opt sdkmetric.Option) hookCase {
		return hookCase{name: name, make: ours, provider: withOptions(opt)}
	}
	sized := func(name string, s otelpool.Sizing) hookCase {
		return hookCase{name: name, make: peers.Configured(s.Apply), provider: sdk}
	}
	return []hookCase{
		with(defaultOptions),
		in("`WithOperation`", otelpool.WithOperation(background, "get_user")),
		with("`WithOperationName`, a function that looks nothing up", otelpool.WithOperationName(named)),
		with("`WithAttributes`, one", otelpool.WithAttributes(attribute.String("team", "a"))),
		with("`WithAttributes`, four", otelpool.WithAttributes(attribute.String("team", "a"), attribute.String("zone", "b"),
			attribute.String("tier", "c"), attribute.Int("shard", 1))),
		with("`WithServerAttributes`", otelpool.WithServerAttributes()),
		with("`WithReturnedRows`", otelpool.WithReturnedRows()),
		with("`WithSQLComments`, without the statement itself", otelpool.WithSQLComments()),
		with("`WithLongHold`", otelpool.WithLongHold(time.Hour)),
		with("`WithLongHold` and `WithoutStacks`", otelpool.WithLongHold(time.Hour), otelpool.WithoutStacks()),
		in("`WithScope`", otelpool.WithScope(background, "")),
		sized("`Sizing` with `PrePing`, without the ping itself", otelpool.Sizing{PoolSize: 5, PrePing: true}),
		sized("`Sizing` with `Timeout`", otelpool.Sizing{PoolSize: 5, Timeout: time.Hour}),
		sized("`Sizing` with `MaxOverflow`", otelpool.Sizing{PoolSize: 5, MaxOverflow: 10}),
		{name: "a tracer of the program's that does nothing", make: peers.Configured(withIdle), provider: sdk},
		in("exemplars: the request is sampled", request(true)),
		with("`WithTracerProvider`, without a recording span around it", otelpool.WithTracerProvider(spans)),
		{
			name: "`WithTracerProvider`, a span of the query", make: peers.Otelpool(otelpool.WithTracerProvider(spans)),
			provider: sdk, ctx: request(true),
		},
		by("exemplars: off, by `sdkmetric.WithExemplarFilter`", noExemplars),
		by("native histograms, by a View", exponential),
		by("`use_time` dropped by a View", dropUseTime),
		{name: "a second reader", make: ours, provider: twoReaders},
		{name: "no reader, or a no-op provider", make: ours, provider: noopProvider},
	}
}

func named(context.Context, string) string { return "get_user" }

func withIdle(config *pgxpool.Config) error {
	config.ConnConfig.Tracer = idle{}
	return nil
}

type idle struct{}

func (idle) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return ctx
}
func (idle) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func measureFeatures(_ context.Context, r *report, budget time.Duration) error {
	cases := featureCases()
	for i := range cases {
		cases[i].tag = pgconn.NewCommandTag("SELECT 1")
	}
	c, err := measureCycles(cases, 1, measure.Interleave, hookSlice, budget)
	if err != nil {
		return err
	}
	var rows [][]string
	for _, name := range c.Names {
		rows = append(rows, []string{
			name, nanoseconds(c.Cost(name, measure.TimePerOp)),
			c.Ratio(name, defaultOptions, measure.TimePerOp).String(), c.allocs[name].String(),
		})
	}
	r.table("What each feature adds to a cycle", []string{"", "a cycle", "× default options", "allocations"}, rows)
	return nil
}
