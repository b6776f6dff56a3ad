package hostile

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelpool/otelpool-go/internal/integration/faults/rig"
	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

var steps = []func(context.Context, *pgxpool.Pool) error{
	func(ctx context.Context, pool *pgxpool.Pool) error { _, err := pool.Exec(ctx, "SELECT 1"); return err },
	func(ctx context.Context, pool *pgxpool.Pool) error {
		conn, err := pool.Acquire(ctx)
		if err == nil {
			conn.Release()
		}
		return err
	},
	func(ctx context.Context, pool *pgxpool.Pool) error {
		var batch pgx.Batch
		batch.Queue("SELECT 1")
		batch.Queue("SELECT 2")
		return pool.SendBatch(ctx, &batch).Close()
	},
	func(ctx context.Context, pool *pgxpool.Pool) error {
		_, err := pool.CopyFrom(ctx, pgx.Identifier{"things"}, []string{"a"}, pgx.CopyFromRows([][]any{{1}}))
		return err
	},
	func(ctx context.Context, pool *pgxpool.Pool) error {
		_, err := pool.CopyFrom(ctx, pgx.Identifier{"nowhere"}, []string{"a"}, pgx.CopyFromRows(nil))
		return err
	},
	func(ctx context.Context, pool *pgxpool.Pool) error {
		return pool.AcquireFunc(ctx, func(conn *pgxpool.Conn) error {
			_, err := conn.Conn().Prepare(ctx, "p", "SELECT 2")
			return err
		})
	},
	func(ctx context.Context, pool *pgxpool.Pool) error {
		return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, "SELECT nonsense")
			return err
		})
	},
	func(ctx context.Context, pool *pgxpool.Pool) error {
		for _, conn := range pool.AcquireAllIdle(ctx) {
			conn.Release()
		}
		return nil
	},
}

// outcome returns the result of a step. It runs the step on a goroutine of its own, because the step may end it.
func outcome(ctx context.Context, pool *pgxpool.Pool, step func(context.Context, *pgxpool.Pool) error) string {
	came := make(chan string, 1)
	go func() {
		result := "goroutine ended"
		defer func() { came <- result }()
		defer func() {
			if p := recover(); p != nil {
				result = fmt.Sprint("panic: ", p)
			}
		}()
		result = fmt.Sprint("error: ", step(ctx, pool))
	}()
	return <-came
}

// withThings returns the configuration of a pool on a database with the tables of the steps.
func withThings(t testing.TB) *pgxpool.Config {
	t.Helper()
	config := onDatabase(t, enough)
	conn, err := pgx.ConnectConfig(context.Background(), config.ConnConfig)
	testutil.NoError(t, err)
	defer conn.Close(context.Background())
	postgrestest.Exec(t, conn, "CREATE TABLE things (a int)")
	return config
}

// cutOff closes all connections of a pool after the test. Otherwise lost ones would use up the server's connections.
func cutOff(t testing.TB, config *pgxpool.Config) {
	t.Helper()
	var mu sync.Mutex
	var conns []net.Conn
	dial := config.ConnConfig.DialFunc
	config.ConnConfig.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err == nil {
			mu.Lock()
			conns = append(conns, conn)
			mu.Unlock()
		}
		return conn, err
	}
	t.Cleanup(func() {
		mu.Lock()
		defer mu.Unlock()
		for _, conn := range conns {
			_ = conn.Close()
		}
	})
}

// measured is a provider with three readers that collect all the time.
type measured struct {
	readers  []*sdkmetric.ManualReader
	provider *sdkmetric.MeterProvider
	stop     chan struct{}
	ended    sync.WaitGroup
	rounds   chan struct{}
}

func measure(t testing.TB) *measured {
	t.Helper()
	m := &measured{stop: make(chan struct{}), rounds: make(chan struct{})}
	var options []sdkmetric.Option
	for range 3 {
		reader := sdkmetric.NewManualReader()
		m.readers = append(m.readers, reader)
		options = append(options, sdkmetric.WithReader(reader))
	}
	m.provider = sdkmetric.NewMeterProvider(options...)
	for _, reader := range m.readers {
		m.ended.Go(func() { m.collect(t, reader) })
	}
	return m
}

func (m *measured) collect(t testing.TB, reader *sdkmetric.ManualReader) {
	for {
		var rm metricdata.ResourceMetrics
		if err := reader.Collect(context.Background(), &rm); err != nil && !errors.Is(err, sdkmetric.ErrReaderShutdown) {
			t.Error(err)
		}
		select {
		case <-m.stop:
			return
		case m.rounds <- struct{}{}: // a caller of goesOn waits for it
		case <-time.After(time.Millisecond):
		}
	}
}

// goesOn checks that collection is not blocked: each of the readers completes more than one round.
func (m *measured) goesOn(t testing.TB) {
	t.Helper()
	for range 2 * len(m.readers) {
		select {
		case <-m.rounds:
		case <-time.After(waitLimit):
			t.Fatal("collection hangs")
		}
	}
}

func (m *measured) end() {
	close(m.stop)
	m.ended.Wait()
}

func (m *measured) value(t testing.TB, name string) float64 {
	t.Helper()
	return rig.Collect(t, m.readers[0]).Total(name)
}

// enough is the number of connections that all steps can lose.
const enough = 24

// makePool creates a pool, bare if m is nil, else with all features.
func makePool(t testing.TB, config *pgxpool.Config, m *measured) (*pgxpool.Pool, *otelpool.Instrumentation) {
	t.Helper()
	config.MaxConns = enough
	var pool *pgxpool.Pool
	var inst *otelpool.Instrumentation
	var err error
	if m == nil {
		pool, err = pgxpool.NewWithConfig(context.Background(), config)
	} else {
		pool, inst, err = otelpool.NewWithConfig(context.Background(), config, otelpool.WithMeterProvider(m.provider), otelpool.WithPoolName("ill"),
			otelpool.WithLongHold(5*time.Millisecond), otelpool.WithLogger(slog.New(slog.DiscardHandler)), otelpool.WithReturnedRows(), otelpool.WithServerAttributes())
	}
	testutil.NoError(t, err)
	return pool, inst
}

// numbers returns four counts from the Stat of a pool.
func numbers(pool *pgxpool.Pool) [4]int32 {
	s := pool.Stat()
	return [4]int32{s.AcquiredConns(), s.IdleConns(), s.ConstructingConns(), s.TotalConns()}
}

var behaviours = []struct {
	name string
	of   []hook
	do   func(ctx context.Context, pool *pgxpool.Pool)
}{
	{"panics", callerHooks, func(context.Context, *pgxpool.Pool) { panic("mine") }},
	{"ends its goroutine", callerHooks, func(context.Context, *pgxpool.Pool) { runtime.Goexit() }},
	{"uses the pool", callerHooks, func(ctx context.Context, pool *pgxpool.Pool) {
		if conn, err := pool.Acquire(ctx); err == nil {
			defer conn.Release()
			_, _ = conn.Exec(ctx, "SELECT pg_sleep(0.002)")
		}
	}},
	// Opening new connections is slow, so only some hooks do this.
	{"resets the pool", []hook{"TraceAcquireStart", "TraceRelease", "TraceQueryStart"}, func(_ context.Context, pool *pgxpool.Pool) { pool.Reset() }},
}

// inside marks the context of a hook's own calls.
type inside struct{}

// TestBadHookBehavesAsWithoutOtelpool compares each hook of the caller in each bad behaviour with and without
// instrumentation. It compares the results of all steps, the number of calls of the hook, and the pool's Stat.
func TestBadHookBehavesAsWithoutOtelpool(t *testing.T) {
	t.Parallel()
	compared := 0
	database := withThings(t)
	for _, b := range behaviours {
		for _, hook := range b.of {
			compared++
			t.Run(fmt.Sprintf("%s %s", hook, b.name), func(t *testing.T) {
				t.Parallel()
				bare, bareOutcomes, bareCalls := useWithBadHook(t, database.Copy(), hook, b.do, nil)
				m := measure(t)
				defer m.end()
				ours, outcomes, calls := useWithBadHook(t, database.Copy(), hook, b.do, m)
				if !slices.Equal(outcomes, bareOutcomes) || calls != bareCalls {
					t.Errorf("with otelpool %d calls and\n%q\nwithout %d calls and\n%q", calls, outcomes, bareCalls, bareOutcomes)
				}
				testutil.Eventually(t, "both pools agree", func() bool { return numbers(bare) == numbers(ours) })
				m.goesOn(t)
				testutil.Equal(t, "pending", m.value(t, "db.client.connection.pending_requests"), 0)
			})
		}
	}
	t.Cleanup(func() { recordFigure(t, "%d pairs of a hook and a misbehaviour: each as on a bare pool", compared) })
}

func useWithBadHook(t *testing.T, config *pgxpool.Config, name hook, behave func(context.Context, *pgxpool.Pool), m *measured) (*pgxpool.Pool, []string, int) {
	t.Helper()
	var mu sync.Mutex
	var pool *pgxpool.Pool
	calls, busy := 0, false
	cutOff(t, config)
	misbehave(config, name, func(ctx context.Context) {
		mu.Lock()
		again := busy || ctx.Value(inside{}) != nil // called from the hook itself, which TraceRelease cannot see from the context
		if !again {
			calls++
			busy = true
		}
		mu.Unlock()
		if again {
			return
		}
		defer func() { mu.Lock(); busy = false; mu.Unlock() }()
		behave(context.WithValue(ctx, inside{}, true), pool)
	})
	pool, inst := makePool(t, config, m)
	t.Cleanup(func() {
		go pool.Close() // blocks forever if a connection was lost
		testutil.Check(t, inst.Unregister())
	})
	ctx := otelpool.WithScope(deadline(t), "")
	var outcomes []string
	for _, step := range steps {
		outcomes = append(outcomes, outcome(ctx, pool, step))
	}
	inst.Held()
	return pool, outcomes, calls
}

// TestBlockingHookBlocksOnlyItsCaller blocks each hook, collects in the meantime, and then lets the hook continue.
func TestBlockingHookBlocksOnlyItsCaller(t *testing.T) {
	t.Parallel()
	t.Cleanup(func() {
		recordFigure(t, "%d hooks blocked: collections and Unregister went on", len(callerHooks)+len(poolHooks))
	})
	database := withThings(t)
	for _, hook := range slices.Concat(callerHooks, poolHooks) {
		t.Run(string(hook), func(t *testing.T) {
			t.Parallel()
			m := measure(t)
			defer m.end()
			entered, release := make(chan struct{}, 100), make(chan struct{})
			config := database.Copy()
			misbehave(config, hook, func(context.Context) {
				entered <- struct{}{}
				<-release
			})
			pool, inst := makePool(t, config, m)
			var using sync.WaitGroup
			using.Go(func() {
				for _, step := range steps {
					_ = step(deadline(t), pool)
				}
				pool.Reset() // closes connections
			})
			select {
			case <-entered:
			case <-time.After(waitLimit):
				t.Fatal("the hook was not called")
			}
			m.goesOn(t)
			inst.Held()
			testutil.Check(t, inst.Unregister())
			m.goesOn(t)
			close(release)
			using.Wait()
			postgrestest.ClosePool(t, pool)
		})
	}
}
