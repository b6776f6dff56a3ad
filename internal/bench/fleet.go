package main

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelpool/otelpool-go/internal/bench/drive"
	"github.com/otelpool/otelpool-go/internal/bench/peers"
)

// fleet is a set of pools of one provider.
type fleet struct {
	provider *sdkmetric.MeterProvider
	reader   *sdkmetric.ManualReader
	pools    []*pgxpool.Pool
	ends     []func()
}

func newFleet(opts ...sdkmetric.Option) *fleet {
	reader := sdkmetric.NewManualReader()
	provider := sdkmetric.NewMeterProvider(append(opts, sdkmetric.WithReader(reader), sdkmetric.WithCardinalityLimit(0))...)
	return &fleet{provider: provider, reader: reader}
}

// add creates pools.
func (f *fleet) add(n int, maker peers.Maker) error {
	for i := range n {
		pool, end, err := maker(peers.Unused, poolName(i), f.provider)
		if err != nil {
			return err
		}
		f.pools, f.ends = append(f.pools, pool), append(f.ends, end)
	}
	return nil
}

func poolName(i int) string { return fmt.Sprintf("pool-%04d", i) }

// use runs each operation once on each pool. It uses one connection, and resets its state after each pool.
func (f *fleet) use(operations ...string) error {
	conn, err := drive.Conn(context.Background())
	if err != nil {
		return err
	}
	for _, pool := range f.pools {
		cycle, err := drive.New(pool, conn)
		if err != nil {
			return err
		}
		for _, operation := range operations {
			cycle.SQL = operation
			cycle.Run()
		}
		clear(conn.PgConn().CustomData())
	}
	return nil
}

func (f *fleet) collect() error {
	var rm metricdata.ResourceMetrics
	if err := f.reader.Collect(context.Background(), &rm); err != nil {
		return fmt.Errorf("collect: %w", err)
	}
	return nil
}

// close unregisters and closes the pools, but not the provider.
func (f *fleet) close() {
	for i, pool := range f.pools {
		f.ends[i]()
		pool.Close()
	}
	f.pools, f.ends = nil, nil
}
