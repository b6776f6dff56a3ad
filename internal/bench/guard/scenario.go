package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelpool/otelpool-go/exporters/prometheus"
	"github.com/otelpool/otelpool-go/internal/bench/drive"
	"github.com/otelpool/otelpool-go/otelpool"
)

// scenario is a piece of work whose cost is guarded.
type scenario struct {
	name string

	// set prepares the work and returns a function that runs it once.
	set func() (run func(), end func(), err error)

	// seeds is the number of processes it runs in. Each has other hash seeds, and so another place for each entry of
	// a map. The least of their costs is compared, because it hardly depends on the seeds.
	seeds int

	// runs is how often it runs in each process for its instructions. It is 0 for a scenario that uses more than one
	// thread, or has so many instructions that an idle machine takes minutes to step through them.
	runs int
}

// collectedPools is the number of pools in a collection.
const collectedPools = 1

// cycleSeeds is enough to include the best place of each entry. A third of the seeds have it.
const cycleSeeds = 12

var scenarios = []scenario{
	{name: "cycle, no-op provider", set: func() (func(), func(), error) { return cycle(noop.NewMeterProvider(), nil, nil) }, seeds: cycleSeeds, runs: 2},
	{name: "cycle, SDK", set: func() (func(), func(), error) { return cycle(provider(), nil, nil) }, seeds: cycleSeeds, runs: 2},
	{name: "cycle, SDK, named by the caller", set: func() (func(), func(), error) {
		return cycle(provider(), otelpool.WithOperation(context.Background(), "get_user"), nil)
	}, seeds: cycleSeeds, runs: 2},
	{name: "cycle, SDK, failing query", set: func() (func(), func(), error) { return cycle(provider(), nil, drive.ErrDuplicate) }, seeds: cycleSeeds, runs: 2},
	{name: "collection of a pool", set: collection, seeds: 5},
	{name: "scrape of a pool by the bridge", set: scrape, seeds: 5},
}

func find(name string) (scenario, bool) {
	i := slices.IndexFunc(scenarios, func(s scenario) bool { return s.name == name })
	if i < 0 {
		return scenario{}, false
	}
	return scenarios[i], true
}

func provider() metric.MeterProvider {
	return sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader()))
}

// cycle returns the calls of an acquire, a query and a release.
func cycle(provider metric.MeterProvider, ctx context.Context, queryErr error) (run, end func(), err error) {
	cycles, end, err := cycles(1, provider, false)
	if err != nil {
		return nil, nil, err
	}
	if ctx != nil {
		cycles[0].Ctx = ctx
	}
	cycles[0].Err = queryErr
	return cycles[0].Run, end, nil
}

// collection collects the metrics of used pools.
func collection() (run, end func(), err error) {
	reader := sdkmetric.NewManualReader()
	end, err = used(reader)
	if err != nil {
		return nil, nil, err
	}
	var rm metricdata.ResourceMetrics
	return func() {
		if err := reader.Collect(context.Background(), &rm); err != nil {
			panic(err)
		}
	}, end, nil
}

// scrape gathers the metrics of used pools.
func scrape() (run, end func(), err error) {
	bridge, err := prometheus.New()
	if err != nil {
		return nil, nil, err
	}
	end, err = used(bridge)
	if err != nil {
		return nil, nil, err
	}
	return func() {
		if _, err := bridge.Gather(); err != nil {
			panic(err)
		}
	}, end, nil
}

func used(reader sdkmetric.Reader) (end func(), err error) {
	cycles, end, err := cycles(collectedPools, sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)), true)
	for _, c := range cycles {
		c.Run()
	}
	return end, err
}

// cycles returns a cycle for each of the pools, which are registered on demand. The connection of a cycle is not the
// pool's, so the statistics of a registered one say that nothing is in use, and each acquire would look there for the
// hijack that must have been.
//
// The pools have no findings. These are found at most once a second, so that it would depend on the speed of the machine
// how many collections find them.
func cycles(pools int, provider metric.MeterProvider, register bool) (cycles []*drive.Cycle, end func(), err error) {
	var ends []func()
	end = func() {
		for _, end := range ends {
			end()
		}
	}
	defer func() {
		if err != nil {
			end()
		}
	}()
	for i := range pools {
		config, err := pgxpool.ParseConfig("host=localhost user=postgres sslmode=disable")
		if err != nil {
			return nil, nil, fmt.Errorf("make a pool: %w", err)
		}
		inst, err := otelpool.Instrument(config, otelpool.WithPoolName(fmt.Sprintf("pool-%02d", i)), otelpool.WithMeterProvider(provider), otelpool.WithoutFindings())
		if err != nil {
			return nil, nil, err
		}
		pool, err := pgxpool.NewWithConfig(context.Background(), config)
		if err != nil {
			return nil, nil, err
		}
		if register {
			if err := inst.Register(pool); err != nil {
				return nil, nil, err
			}
		}
		ends = append(ends, func() { _ = inst.Unregister(); pool.Close() })
		conn, err := drive.Conn(context.Background())
		if err != nil {
			return nil, nil, err
		}
		c, err := drive.New(pool, conn)
		if err != nil {
			return nil, nil, err
		}
		cycles = append(cycles, c)
	}
	return cycles, end, nil
}
