package main

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/exemplar"

	"github.com/otelpool/otelpool-go/internal/bench/drive"
	"github.com/otelpool/otelpool-go/internal/bench/measure"
	"github.com/otelpool/otelpool-go/internal/bench/peers"
	"github.com/otelpool/otelpool-go/otelpool"
)

const (
	memoryPools       = 1000
	memoryConnections = 200
	memoryOperations  = 200
)

// memoryCosts are the bytes that stay in the heap.
type memoryCosts struct {
	gauges     float64       // a pool registered after its creation, without hooks
	registered float64       // a pool with hooks, never used
	collected  float64       // the same after its first collection
	used       float64       // a pool whose histograms have one series each, without a collection
	usedPlain  float64       // the same without exemplars
	otelpgx    float64       // a pool with otelpgx, used likewise
	connection float64       // a connection that was used
	operation  float64       // one more operation name
	left       float64       // after closing and unregistering a pool that was never used
	leftUsed   float64       // after closing and unregistering a pool that was used
	instrument time.Duration // of Instrument, the median of a thousand
	register   time.Duration // of Register, the median of a thousand
	last       time.Duration // of Register, the median of the last hundred of the thousand
}

// perPool returns the bytes that each of n pools retains after fill.
func perPool(n int, maker peers.Maker, fill func(*fleet) error, opts ...sdkmetric.Option) (kept, left float64, err error) {
	f := newFleet(opts...)
	defer f.close()
	before := measure.Heap()
	if err := f.add(n, maker); err != nil {
		return 0, 0, err
	}
	if fill != nil {
		if err := fill(f); err != nil {
			return 0, 0, err
		}
	}
	after := measure.Heap()
	f.close()
	closed := measure.Heap()
	runtime.KeepAlive(f)
	return float64(after-before) / float64(n), float64(closed-before) / float64(n), nil
}

// measureMemory measures the heap before and after.
func measureMemory() (m memoryCosts, err error) {
	use := func(f *fleet) error { return f.use(drive.SQL) }
	collect := func(f *fleet) error { return f.collect() }
	if _, _, err := perPool(10, peers.Otelpool(), use); err != nil { // makes what a process makes once
		return m, err
	}
	bare, _, err := perPool(memoryPools, peers.Bare, nil)
	if err != nil {
		return m, err
	}
	for _, c := range []struct {
		kept, left *float64
		maker      peers.Maker
		fill       func(*fleet) error
		opts       []sdkmetric.Option
	}{
		{&m.gauges, nil, gaugesOnly, nil, nil},
		{&m.registered, &m.left, peers.Otelpool(), nil, nil},
		{&m.collected, nil, peers.Otelpool(), collect, nil},
		{&m.used, &m.leftUsed, peers.Otelpool(), use, nil},
		{&m.usedPlain, nil, peers.Otelpool(), use, []sdkmetric.Option{sdkmetric.WithExemplarFilter(exemplar.AlwaysOffFilter)}},
		{&m.otelpgx, nil, peers.Otelpgx(), use, nil},
	} {
		kept, left, err := perPool(memoryPools, c.maker, c.fill, c.opts...)
		if err != nil {
			return m, err
		}
		*c.kept = kept - bare
		if c.left != nil {
			*c.left = left
		}
	}
	if err := m.measureUse(); err != nil {
		return m, err
	}
	return m, m.measureRegistration()
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

// measureUse measures what one more connection and one more operation of a pool retain.
func (m *memoryCosts) measureUse() error {
	f := newFleet()
	defer f.close()
	if err := f.add(1, peers.Otelpool()); err != nil {
		return err
	}
	conns := make([]*pgx.Conn, memoryConnections)
	for i := range conns {
		var err error
		if conns[i], err = drive.Conn(context.Background()); err != nil {
			return err
		}
	}
	cycle, err := drive.New(f.pools[0], conns[0])
	if err != nil {
		return err
	}
	cycle.Run()
	before := measure.Heap()
	for _, conn := range conns[1:] {
		cycle, err := drive.New(f.pools[0], conn)
		if err != nil {
			return err
		}
		cycle.Run()
	}
	m.connection = float64(measure.Heap()-before) / (memoryConnections - 1)

	before = measure.Heap()
	for i := range memoryOperations - 1 {
		cycle.SQL = fmt.Sprintf("SELECT * FROM table_%03d WHERE id = $1", i)
		cycle.Run()
	}
	m.operation = float64(measure.Heap()-before) / (memoryOperations - 1)
	runtime.KeepAlive(conns)
	return nil
}

// measureRegistration measures the duration of both steps for a thousand pools in sequence. The median excludes steps
// during which the garbage collector or another process ran.
func (m *memoryCosts) measureRegistration() error {
	f := newFleet()
	defer f.close()
	var instrument, register []time.Duration
	for i := range memoryPools {
		config, err := pgxpool.ParseConfig(peers.Unused)
		if err != nil {
			return fmt.Errorf("registration: %w", err)
		}
		start := time.Now()
		inst, err := otelpool.Instrument(config, otelpool.WithPoolName(poolName(i)), otelpool.WithMeterProvider(f.provider))
		instrument = append(instrument, time.Since(start))
		if err != nil {
			return err
		}
		pool, err := pgxpool.NewWithConfig(context.Background(), config)
		if err != nil {
			return fmt.Errorf("registration: %w", err)
		}
		f.pools, f.ends = append(f.pools, pool), append(f.ends, func() { _ = inst.Unregister() })
		start = time.Now()
		err = inst.Register(pool)
		register = append(register, time.Since(start))
		if err != nil {
			return err
		}
	}
	m.instrument, m.register, m.last = median(instrument), median(register), median(register[memoryPools-100:])
	return nil
}

func median(d []time.Duration) time.Duration {
	d = slices.Clone(d)
	slices.Sort(d)
	return d[len(d)/2]
}
