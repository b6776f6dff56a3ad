package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelpool/otelpool-go/exporters/direct"
	"github.com/otelpool/otelpool-go/internal/bench/drive"
	"github.com/otelpool/otelpool-go/internal/bench/peers"
)

type provider interface {
	metric.MeterProvider
	Shutdown(context.Context) error
}

// fleet is a set of pools of one provider.
type fleet struct {
	provider provider
	pools    []*pgxpool.Pool
	ends     []func()
}

// unlimited returns a provider of the SDK without a cardinality limit.
func unlimited(reader sdkmetric.Reader) provider {
	return sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader), sdkmetric.WithCardinalityLimit(0))
}

// unlimitedPlain is unlimited without exemplars.
func unlimitedPlain(reader sdkmetric.Reader) provider {
	return sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader), sdkmetric.WithCardinalityLimit(0), noExemplars)
}

// unlimitedDirect is unlimited with direct histograms. The reader must be a direct.Reader.
func unlimitedDirect(reader sdkmetric.Reader) provider {
	return direct.NewMeterProvider(direct.WithReader(reader.(direct.Reader)), direct.WithCardinalityLimit(0))
}

// newFleet returns pools that each ran the given number of different operations. All use one connection, which is reset
// after each pool.
func newFleet(p provider, maker peers.Maker, pools, operations int) (*fleet, error) {
	f := &fleet{provider: p}
	conn, err := drive.Conn(context.Background())
	if err != nil {
		return nil, err
	}
	for i := range pools {
		pool, end, err := maker(peers.Unused, poolName(i), p)
		if err != nil {
			return nil, errors.Join(err, f.shutdown())
		}
		f.pools, f.ends = append(f.pools, pool), append(f.ends, end)
		if operations == 0 {
			continue
		}
		cycle, err := drive.New(pool, conn)
		if err != nil {
			return nil, errors.Join(err, f.shutdown())
		}
		for i := range operations {
			cycle.SQL = "SELECT * FROM table_" + strconv.Itoa(i)
			cycle.Run()
		}
		clear(conn.PgConn().CustomData())
	}
	return f, nil
}

func poolName(i int) string { return fmt.Sprintf("pool-%04d", i) }

// close unregisters and closes the pools, but not the provider.
func (f *fleet) close() {
	for i, pool := range f.pools {
		f.ends[i]()
		pool.Close()
	}
	f.pools, f.ends = nil, nil
}

func (f *fleet) shutdown() error {
	f.close()
	if err := f.provider.Shutdown(context.Background()); err != nil {
		return fmt.Errorf("shut down the provider: %w", err)
	}
	return nil
}
