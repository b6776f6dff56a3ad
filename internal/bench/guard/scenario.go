package main

import (
	"context"
	"math"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelpool/otelpool-go/exporters/prometheus"
	"github.com/otelpool/otelpool-go/internal/bench/drive"
	"github.com/otelpool/otelpool-go/internal/bench/measure"
	"github.com/otelpool/otelpool-go/internal/bench/peers"
	"github.com/otelpool/otelpool-go/otelpool"
)

const (
	warmUp         = 50  // runs before anything is measured
	allocationRuns = 200 // for the mean of the allocations

	instances   = 8 // of each scenario, because the cost of finding a series depends on the hash seed of its map
	timeSlice   = 250 * time.Microsecond
	timeBatch   = 16 // runs between two readings of the clock
	timesBudget = 6 * time.Second
)

const reference = "reference"

// timed scenarios prepare work that resembles the reference, and return a function that does it once.
var timed = map[string]func() func(){
	reference:                         floorWithRecords,
	"cycle, no-op provider":           func() func() { return ours(noop.NewMeterProvider(), context.Background(), nil) },
	"cycle, SDK":                      func() func() { return ours(provider(), context.Background(), nil) },
	"cycle, SDK, named by the caller": func() func() { return ours(provider(), otelpool.WithOperation(context.Background(), "get_user"), nil) },
	"cycle, SDK, failing query":       func() func() { return ours(provider(), context.Background(), drive.ErrDuplicate) },
}

// untimed are the other scenarios.
var untimed = map[string]func() func(){
	"collection of a pool":           collection,
	"scrape of a pool by the bridge": scrape,
}

// floorWithRecords returns the reference, which is the minimum of work for what a cycle measures: the floor, and three
// records of one attribute set by the same SDK. Multiples of its time depend little on the machine, its load, the
// release of Go and the SDK.
func floorWithRecords() func() {
	floor := cycle(peers.Tracer(drive.Floor{}), nil)
	var histograms [3]metric.Float64Histogram
	for i := range histograms {
		histograms[i] = must(provider().Meter(reference).Float64Histogram(reference))
	}
	set := []metric.RecordOption{metric.WithAttributeSet(attribute.NewSet(
		attribute.String("pool", "pool"), attribute.String("system", "postgresql"), attribute.String("operation", "SELECT users")))}
	return func() {
		floor.Run()
		for _, h := range histograms {
			h.Record(floor.Ctx, 1e-6, set...)
		}
	}
}

func collection() func() {
	reader := sdkmetric.NewManualReader()
	ours(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)), context.Background(), nil)()
	var rm metricdata.ResourceMetrics
	return func() { must(0, reader.Collect(context.Background(), &rm)) }
}

func scrape() func() {
	bridge := must(prometheus.New())
	ours(sdkmetric.NewMeterProvider(sdkmetric.WithReader(bridge)), context.Background(), nil)()
	return func() { must(bridge.Gather()) }
}

func provider() metric.MeterProvider {
	return sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader()))
}

// ours returns a cycle of a pool with otelpool, without findings: these are found at most once a second, so their
// number would depend on the speed of the machine.
func ours(provider metric.MeterProvider, ctx context.Context, queryErr error) func() {
	c := cycle(peers.Otelpool(otelpool.WithoutFindings()), provider)
	c.Ctx, c.Err = ctx, queryErr
	return c.Run
}

// cycle returns a cycle of a pool, which lives as long as the process.
func cycle(pool peers.Maker, p metric.MeterProvider) *drive.Cycle {
	made, _, err := pool(peers.Unused, "pool", p)
	return must(drive.New(must(made, err), must(drive.Conn(context.Background()))))
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func measureAll() map[string]cost {
	costs := map[string]cost{}
	for name, set := range untimed {
		costs[name], _ = allocations(set)
	}
	var contenders []measure.Contender
	for name, set := range timed {
		c, runs := allocations(set)
		costs[name] = c
		turn := 0
		contenders = append(contenders, measure.Contender{Name: name, Run: func(slice time.Duration) int {
			turn++
			return measure.Repeat(timeBatch, runs[turn%instances])(slice)
		}})
	}
	addTimes(costs, measure.Interleave(contenders, timeSlice, timesBudget))
	delete(costs, reference)
	return costs
}

// allocations returns the instances of a scenario and their least allocations, without the fractions that come from
// other goroutines.
func allocations(set func() func()) (least cost, runs [instances]func()) {
	least = cost{Allocations: math.Inf(1), Bytes: math.Inf(1)}
	for i := range runs {
		runs[i] = set()
		for range warmUp {
			runs[i]()
		}
		count, bytes := measure.Allocs(allocationRuns, runs[i])
		least = cost{Allocations: min(least.Allocations, math.Floor(count)), Bytes: min(least.Bytes, math.Floor(bytes))}
	}
	return least, runs
}

// addTimes adds the least time of each scenario as a multiple of the reference's. The least is that of an uninterrupted
// slice, so it depends less on the load than the median.
func addTimes(costs map[string]cost, r measure.Rounds) {
	least := map[string]float64{}
	for i, name := range r.Names {
		least[name] = slices.Min(r.Each(func(s []measure.Slice) float64 { return measure.TimePerOp(s[i]) }))
	}
	for name, time := range least {
		c := costs[name]
		c.Time = math.Round(1e4*time/least[reference]) / 1e4
		costs[name] = c
	}
}
