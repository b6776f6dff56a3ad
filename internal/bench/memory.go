package main

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelpool/otelpool-go/exporters/prometheus"
	"github.com/otelpool/otelpool-go/internal/bench/measure"
	"github.com/otelpool/otelpool-go/internal/bench/peers"
	"github.com/otelpool/otelpool-go/otelpool"
)

const memoryPools = 1000

// memoryCase is a set of pools whose heap is measured.
type memoryCase struct {
	name       string
	maker      peers.Maker
	operations int
	provide    func(sdkmetric.Reader) provider // nil for unlimited
	collect    bool                            // once before the heap is measured
}

// heap returns the bytes that each of n pools keeps, and those that it leaves after it is unregistered and closed.
func (c memoryCase) heap(n int) (kept, left float64, err error) {
	reader, err := prometheus.New()
	if err != nil {
		return 0, 0, err
	}
	if c.provide == nil {
		c.provide = unlimited
	}
	p := c.provide(reader)
	before := measure.Heap()
	f, err := newFleet(p, c.maker, n, c.operations)
	if err != nil {
		return 0, 0, err
	}
	if c.collect {
		err = reader.Collect(context.Background(), new(metricdata.ResourceMetrics))
	}
	after := measure.Heap()
	f.close()
	closed := measure.Heap()
	runtime.KeepAlive(f)
	return float64(after-before) / float64(n), float64(closed-before) / float64(n), err
}

func size(bytes float64) string { return fmt.Sprintf("%.2f kB", bytes/1e3) }

// measureMemory measures what a pool keeps on the heap, and how long Instrument and Register take.
func measureMemory(_ context.Context, r *report, _ time.Duration) error {
	ours := peers.Otelpool()
	cases := []memoryCase{
		{name: "gauges alone, by Register", maker: gaugesOnly},
		{name: "used: three histograms have a series", maker: ours, operations: 1},
		{
			name: "used, without exemplars by `sdkmetric.WithExemplarFilter`", maker: ours, operations: 1,
			provide: unlimitedPlain,
		},
		{name: "used, direct histograms", maker: ours, operations: 1, provide: unlimitedDirect},
		{name: "otelpgx, used likewise", maker: peers.Otelpgx(), operations: 1},
	}
	if r.full {
		cases = append(cases, memoryCase{name: "with hooks, never used", maker: ours},
			memoryCase{name: "with hooks, never used, after a collection", maker: ours, collect: true},
			memoryCase{name: "used by eleven operations", maker: ours, operations: 11})
	}
	if _, _, err := cases[1].heap(10); err != nil { // allocates what a process allocates once
		return err
	}
	bare, _, err := memoryCase{maker: peers.Bare}.heap(memoryPools)
	if err != nil {
		return err
	}
	var rows [][]string
	kept := make([]float64, len(cases))
	for i, c := range cases {
		all, left, err := c.heap(memoryPools)
		if err != nil {
			return err
		}
		kept[i] = all - bare
		rows = append(rows, []string{c.name, size(kept[i]), size(left)})
	}
	r.goal("a pool with gauges alone keeps", 1000, measure.Exactly(kept[0]), kilobytes)
	r.goal("a used pool keeps", 8000, measure.Exactly(kept[1]), kilobytes)
	r.goal("a used pool with direct histograms keeps", 8000, measure.Exactly(kept[3]), kilobytes)
	r.table("Memory of a pool, one of a thousand", []string{"", "keeps", "leaves after Unregister and Close"}, rows)
	return r.measureRegistration()
}

// gaugesOnly creates a pool and then registers it.
func gaugesOnly(connString, name string, provider metric.MeterProvider) (*pgxpool.Pool, func(), error) {
	pool, _, err := peers.Bare(connString, name, provider)
	if err != nil {
		return nil, nil, err
	}
	inst, err := otelpool.Register(pool, otelpool.WithPoolName(name), otelpool.WithMeterProvider(provider))
	if err != nil {
		pool.Close()
		return nil, nil, err
	}
	return pool, func() { _ = inst.Unregister() }, nil
}

// measureRegistration measures the duration of both steps for a thousand pools in sequence. The median excludes steps
// during which the garbage collector or another process ran.
func (r *report) measureRegistration() error {
	var instrument, register []float64
	maker := func(connString, name string, provider metric.MeterProvider) (*pgxpool.Pool, func(), error) {
		config, err := pgxpool.ParseConfig(connString)
		if err != nil {
			return nil, nil, fmt.Errorf("registration: %w", err)
		}
		start := time.Now()
		inst, err := otelpool.Instrument(config, otelpool.WithPoolName(name), otelpool.WithMeterProvider(provider))
		instrument = append(instrument, time.Since(start).Seconds())
		if err != nil {
			return nil, nil, err
		}
		pool, err := pgxpool.NewWithConfig(context.Background(), config)
		if err != nil {
			return nil, nil, fmt.Errorf("registration: %w", err)
		}
		start = time.Now()
		err = inst.Register(pool)
		register = append(register, time.Since(start).Seconds())
		return pool, func() { _ = inst.Unregister() }, err
	}
	f, err := newFleet(unlimited(sdkmetric.NewManualReader()), maker, memoryPools, 0)
	if err != nil {
		return err
	}
	f.close()
	r.goal("Instrument", 5e-6, measure.Of(instrument), microseconds)
	r.goal("Register", 5e-6, measure.Of(register), microseconds)
	return nil
}
