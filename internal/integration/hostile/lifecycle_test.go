package hostile

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelpool/otelpool-go/internal/catalogue"
	"github.com/otelpool/otelpool-go/internal/integration/faults/rig"
	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

// TestPoolsPassThousandLifecycles creates, registers, uses, unregisters and closes pools in random orders from
// many goroutines. Some MeterProviders are shut down in between. Three readers collect all the time.
func TestPoolsPassThousandLifecycles(t *testing.T) {
	database := onDatabase(t, 2)
	rig.NoLeak(t)
	runLifecycles(t, database, 1_000)
}

func TestPoolsUnderThreeReadersConcurrentSafe(t *testing.T) {
	t.Parallel()
	runLifecycles(t, onDatabase(t, 2), 100)
}

func runLifecycles(t *testing.T, database *pgxpool.Config, lives int) {
	t.Helper()
	m := measure(t)
	before := *database.Copy()
	var next, used atomic.Int64
	var living sync.WaitGroup
	for g := range 16 {
		living.Go(func() {
			random := rand.New(rand.NewPCG(uint64(lives), uint64(g)))
			for n := next.Add(1); n <= int64(lives) && !t.Failed(); n = next.Add(1) {
				l := &lifecycle{random: random, database: database, measured: m, asks: n%20 == 0, used: &used}
				testutil.Check(t, l.runSteps(t.Context()))
			}
		})
	}
	living.Wait()
	m.goesOn(t)
	m.end()
	checkNoGauges(t, m.readers[0])
	if database.ConnConfig.Tracer != before.ConnConfig.Tracer || database.BeforeConnect != nil || database.ShouldPing != nil || database.MaxConns != before.MaxConns {
		t.Error("the configuration of all pools was changed")
	}
	if used.Load() == 0 {
		t.Error("no pool was used")
	}
	recordFigure(t, "%d lives by 16 goroutines under three readers, of which %d asked the database; no gauge and no goroutine is left", lives, used.Load())
	testutil.Check(t, m.provider.Shutdown(context.Background()))
}

type lifecycle struct {
	random   *rand.Rand
	database *pgxpool.Config
	measured *measured
	asks     bool // uses the database
	used     *atomic.Int64

	own  *sdkmetric.MeterProvider // nil for the shared one
	pool *pgxpool.Pool
	inst *otelpool.Instrumentation
}

// runSteps calls all methods of a pool's life in random order. It returns an unexpected error.
func (l *lifecycle) runSteps(ctx context.Context) error {
	if err := l.begin(ctx); err != nil {
		return err
	}
	acts := []func(context.Context) error{l.use, l.acquireCancelled, l.register, l.unregister, l.unregister, l.unregisterAside, l.close, l.look, l.shutDown, l.holdAndHijack}
	l.random.Shuffle(len(acts), func(i, j int) { acts[i], acts[j] = acts[j], acts[i] })
	for _, act := range acts {
		if err := act(ctx); err != nil {
			return err
		}
	}
	return nil
}

// begin creates the pool in one of the three ways.
func (l *lifecycle) begin(ctx context.Context) (err error) {
	provider := l.measured.provider
	if l.random.IntN(5) == 0 {
		l.own = sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader()))
		provider = l.own
		if l.random.IntN(2) == 0 {
			_ = l.own.Shutdown(ctx)
		}
	}
	options := []otelpool.Option{otelpool.WithMeterProvider(provider), otelpool.WithPoolName(fmt.Sprint("pool ", l.random.IntN(8)))}
	switch l.random.IntN(3) {
	case 0:
		l.pool, l.inst, err = otelpool.NewWithConfig(ctx, l.database, append(options, otelpool.WithLongHold(time.Millisecond))...)
	case 1:
		config := l.database.Copy()
		if err := (otelpool.Sizing{PoolSize: 1, MaxOverflow: 1}).Apply(config); err != nil {
			return err
		}
		if l.inst, err = otelpool.Instrument(config, options...); err == nil {
			l.pool, err = pgxpool.NewWithConfig(ctx, config)
		}
	default:
		if l.pool, err = pgxpool.NewWithConfig(ctx, l.database.Copy()); err == nil {
			l.inst, err = otelpool.Register(l.pool, options...)
		}
	}
	return err
}

// use queries the database, which may fail only after the pool is closed. Most lives skip it, because connecting is
// slow.
func (l *lifecycle) use(ctx context.Context) error {
	if !l.asks {
		return nil
	}
	l.used.Add(1)
	_, err := l.pool.Exec(otelpool.WithOperation(otelpool.WithScope(ctx, ""), "live"), "SELECT 1")
	return ignoreClosed(err)
}

func ignoreClosed(err error) error {
	if err != nil && err.Error() == "closed pool" {
		return nil
	}
	return err
}

func (l *lifecycle) acquireCancelled(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	conn, err := l.pool.Acquire(ctx)
	if err == nil {
		conn.Release()
	}
	return nil
}

// register ignores the error: Register fails if Instrument did not create the pool, or if it was registered or
// unregistered before.
func (l *lifecycle) register(context.Context) error { _ = l.inst.Register(l.pool); return nil }

func (l *lifecycle) unregister(context.Context) error { return l.inst.Unregister() }

func (l *lifecycle) unregisterAside(context.Context) error {
	ended := make(chan error)
	go func() { ended <- l.inst.Unregister() }()
	l.inst.Held()
	return <-ended
}

func (l *lifecycle) close(context.Context) error { l.pool.Close(); return nil }

func (l *lifecycle) look(ctx context.Context) error {
	l.inst.Held()
	l.pool.Reset()
	var rm metricdata.ResourceMetrics
	return l.measured.readers[l.random.IntN(3)].Collect(ctx, &rm)
}

func (l *lifecycle) shutDown(ctx context.Context) error {
	if l.own != nil {
		_ = l.own.Shutdown(ctx) // the second call returns an error
	}
	return nil
}

func (l *lifecycle) holdAndHijack(ctx context.Context) error {
	if l.random.IntN(50) > 0 {
		return nil
	}
	conn, err := l.pool.Acquire(ctx)
	if err != nil {
		return ignoreClosed(err)
	}
	return errors.Join(conn.Hijack().Close(ctx))
}

// mostRetired is how many names of unregistered pools are still reported.
const mostRetired = 100

// checkNoGauges checks that unregistered pools have only histograms, and the latest also counters.
func checkNoGauges(t *testing.T, reader *sdkmetric.ManualReader) {
	t.Helper()
	var rm metricdata.ResourceMetrics
	testutil.NoError(t, reader.Collect(context.Background(), &rm))
	names := make(map[attribute.Value]bool)
	for _, scope := range rm.ScopeMetrics {
		for _, metrics := range scope.Metrics {
			switch data := metrics.Data.(type) {
			case metricdata.Histogram[float64], metricdata.Histogram[int64]:
			case metricdata.Sum[int64]:
				if !data.IsMonotonic {
					t.Errorf("%s is left", metrics.Name)
				}
				for _, p := range data.DataPoints {
					name, _ := p.Attributes.Value(catalogue.AttrPool)
					names[name] = true
				}
			case metricdata.Sum[float64]:
				if !data.IsMonotonic {
					t.Errorf("%s is left", metrics.Name)
				}
			default:
				t.Errorf("%s is left", metrics.Name)
			}
		}
	}
	if len(names) > mostRetired {
		t.Errorf("counters of %d names are left, want at most %d", len(names), mostRetired)
	}
}

// TestProviderShutdownUnderLoadIsHarmless shuts a MeterProvider down before, during and after the use of a pool.
func TestProviderShutdownUnderLoadIsHarmless(t *testing.T) {
	database := onDatabase(t, 4)
	rig.NoLeak(t)
	for _, when := range []string{"before", "while", "after"} {
		t.Run(when, func(t *testing.T) {
			s := newService(t, database.Copy())
			if when == "before" {
				_ = s.provider.Shutdown(context.Background())
			}
			var callers sync.WaitGroup
			for i := range 8 {
				callers.Go(func() {
					for j := range 50 {
						if i == 0 && j == 25 && when == "while" {
							_ = s.provider.Shutdown(context.Background())
						}
						if err := pgx.BeginFunc(t.Context(), s.pool, func(tx pgx.Tx) error { _, err := tx.Exec(t.Context(), "SELECT 1"); return err }); err != nil {
							t.Error(err)
						}
					}
				})
			}
			callers.Wait()
			_ = s.provider.Shutdown(context.Background())
			postgrestest.Exec(t, s.pool, "SELECT 1")
			recordFigure(t, "400 transactions by 8 callers, all well")
			s.provider = sdkmetric.NewMeterProvider() // newService shuts it down, and a second shutdown is an error
		})
	}
}
