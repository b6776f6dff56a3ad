// Package parity_test runs the scenarios of pgx's own tests of pgxpool on a bare pool and on pools with otelpool. It
// compares what the program sees: errors, results, the order of hooks and events, and Stat.
package parity_test

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelpool/otelpool-go/internal/integration/faults/rig"
	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

var figures = rig.NewTable("parity", "scenario", "events and results", "otelpool.New", "Instrument", "with Sizing", "Sizing alone", "WithLongHold")

func TestMain(m *testing.M) { postgrestest.Main(m) }

// scenarios are those of pgx v5.12.0's tests of pgxpool that concern a pool. They leave out the parsing of connection
// strings, which otelpool does not affect.
var scenarios = slices.Concat(acquireScenarios, hookScenarios, closingScenarios, callScenarios, batchScenarios, pingScenarios, offlineScenarios)

type scenario struct {
	name      string
	configure func(*pgxpool.Config, *fixture) // may be nil
	do        func(*fixture)
	unordered bool // its goroutines have no order
	plain     bool // without hooks of the test, which would change the scenario
	offline   bool // it dials no server, and uses a fake clock
	alone     bool // its runs would disturb each other, so they run in sequence
	leaks     bool // pgx leaks a slot of the pool in it, so Close would block forever
}

type fixture struct {
	*eventLog
	t      testing.TB
	ctx    context.Context
	config *pgxpool.Config // before any hooks were added
	build  func(*pgxpool.Config) *pgxpool.Pool
	pool   *pgxpool.Pool
	ends   []func()       // functions to call when the pools are closed
	keep   map[string]any // values that the scenario's parts share
}

// end ends the pools that were created after the first n functions in ends.
func (w *fixture) end(n int) {
	for _, end := range w.ends[n:] {
		end()
	}
	w.ends = w.ends[:n]
}

// variant is a way to create a pool. It also returns a function to call when the pool is closed.
type variant struct {
	name  string
	build func(testing.TB, *pgxpool.Config) (*pgxpool.Pool, func())
}

var bare = variant{"bare", func(t testing.TB, c *pgxpool.Config) (*pgxpool.Pool, func()) {
	pool, err := pgxpool.NewWithConfig(mark(context.Background(), "caller", "constructor"), c)
	testutil.NoError(t, err)
	return pool, func() {}
}}

// variants are the ways to create a pool with otelpool. Their Sizing keeps the pool's own settings.
var variants = []variant{
	{"New", func(t testing.TB, c *pgxpool.Config) (*pgxpool.Pool, func()) {
		pool, inst, err := otelpool.NewWithConfig(mark(context.Background(), "caller", "constructor"), c, measured()...)
		testutil.NoError(t, err)
		return pool, ends(t, inst)
	}},
	{"Instrument", func(t testing.TB, c *pgxpool.Config) (*pgxpool.Pool, func()) { return instrument(t, c) }},
	{"Sizing", func(t testing.TB, c *pgxpool.Config) (*pgxpool.Pool, func()) {
		size(t, c)
		return instrument(t, c)
	}},
	{"Sizing alone", func(t testing.TB, c *pgxpool.Config) (*pgxpool.Pool, func()) {
		size(t, c)
		return bare.build(t, c)
	}},
	{"WithLongHold", func(t testing.TB, c *pgxpool.Config) (*pgxpool.Pool, func()) {
		return instrument(t, c, otelpool.WithLongHold(time.Hour))
	}},
}

// measured returns options that enable all measurements, with a logger that discards.
func measured() []otelpool.Option {
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader()))
	return []otelpool.Option{otelpool.WithMeterProvider(provider), otelpool.WithLogger(slog.New(slog.DiscardHandler))}
}

func instrument(t testing.TB, c *pgxpool.Config, opts ...otelpool.Option) (*pgxpool.Pool, func()) {
	inst, err := otelpool.Instrument(c, append(measured(), opts...)...)
	testutil.NoError(t, err)
	pool, _ := bare.build(t, c)
	testutil.NoError(t, inst.Register(pool))
	return pool, ends(t, inst)
}

func size(t testing.TB, c *pgxpool.Config) {
	testutil.NoError(t, (otelpool.Sizing{PoolSize: int(c.MaxConns)}).Apply(c))
}

func ends(t testing.TB, inst *otelpool.Instrumentation) func() {
	return func() {
		if err := inst.Unregister(); err != nil {
			t.Error(err)
		}
	}
}

// setup is the part of a user's configuration that is not the scenario's own.
type setup struct {
	name   string
	tracer string
	hooks  hooks
}

var setups = []setup{
	{"all hooks and tracers", "all", allHooks},
	{"nothing", "", hooks{}},
}

func TestPoolsBehaveAsInPgxTests(t *testing.T) {
	figures.Publish(t)
	connString := postgrestest.Database(t)
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			if !s.leaks {
				rig.NoLeak(t)
			}
			cells := []string{s.name, ""}
			lines := 0
			same := make([]bool, len(variants))
			for i := range same {
				same[i] = true
			}
			for _, u := range setups {
				if s.plain && u.tracer != "" {
					u.hooks = hooks{}
				}
				got := runAll(t, connString, s, u, slices.Concat([]variant{bare, bare}, variants))
				want, again, got := got[0], got[1], got[2:]
				if !slices.Equal(want, again) {
					t.Fatalf("%s: the scenario itself differs between runs (-first +again):\n%s", u.name, cmp.Diff(want, again))
				}
				lines += len(want)
				for i, v := range variants {
					if !slices.Equal(want, got[i]) {
						same[i] = false
						t.Errorf("%s: with %s the program sees a difference (-without +with):\n%s", u.name, v.name, cmp.Diff(want, got[i]))
					}
				}
			}
			cells[1] = fmt.Sprint(lines)
			for _, ok := range same {
				cells = append(cells, map[bool]string{true: "the same", false: "**different**"}[ok])
			}
			figures.Add(cells...)
		})
	}
}

// runAll runs a scenario with each of the variants, in sequence if it must run alone, and returns their transcripts.
func runAll(t *testing.T, connString string, s scenario, u setup, variants []variant) [][]string {
	t.Helper()
	transcripts := make([][]string, len(variants))
	var running sync.WaitGroup
	for i, v := range variants {
		running.Go(func() {
			t.Run(v.name, func(t *testing.T) { transcripts[i] = run(t, connString, s, u, v) })
		})
		if s.alone || s.offline {
			running.Wait()
		}
	}
	running.Wait()
	return transcripts
}

func run(t testing.TB, connString string, s scenario, u setup, v variant) []string {
	t.Helper()
	if s.offline {
		connString = "host=127.0.0.1 sslmode=disable user=nobody database=nothing"
	}
	ctx, cancel := context.WithTimeout(mark(context.Background(), "caller", "test"), 2*rig.Wait)
	defer cancel()
	w := &fixture{eventLog: new(eventLog), t: t, ctx: ctx, keep: make(map[string]any)}
	var err error
	if w.config, err = pgxpool.ParseConfig(connString); err != nil {
		t.Fatal(err)
	}
	if s.configure != nil {
		s.configure(w.config, w)
	}
	w.build = func(c *pgxpool.Config) *pgxpool.Pool {
		c = c.Copy()
		w.hook(c, u.hooks)
		c.ConnConfig.Tracer = w.tracerOf(u.tracer)
		pool, end := v.build(t, c)
		w.ends = append(w.ends, end)
		return pool
	}
	w.pool = w.build(w.config)
	s.do(w)
	w.record("before the close")
	if s.leaks {
		w.recordStat()
	} else {
		w.until("nothing is acquired", func(s *pgxpool.Stat) bool { return s.AcquiredConns() == 0 && s.ConstructingConns() == 0 })
	}
	closed := make(chan struct{})
	go func() { w.pool.Close(); close(closed) }()
	if !s.leaks {
		select {
		case <-closed:
		case <-time.After(2 * rig.Wait):
			t.Fatalf("%s: the pool does not close: %s", v.name, w.stat())
		}
		w.record("after the close: %s", w.stat())
	}
	w.end(0)
	return w.transcript(s.unordered)
}

func (w *fixture) stat() string { return counts(w.pool.Stat()) }

func counts(s *pgxpool.Stat) string {
	return fmt.Sprintf("acquires %d, canceled %d, empty %d, acquired %d, constructing %d, idle %d, total %d, max %d, new %d, lifetime %d, idle time %d",
		s.AcquireCount(), s.CanceledAcquireCount(), s.EmptyAcquireCount(), s.AcquiredConns(), s.ConstructingConns(), s.IdleConns(), s.TotalConns(),
		s.MaxConns(), s.NewConnsCount(), s.MaxLifetimeDestroyCount(), s.MaxIdleDestroyCount())
}

func (w *fixture) recordStat() { w.record("%s", w.stat()) }

// settle waits until the pool has these numbers of acquired and of all connections, and dials none. pgx's tests sleep
// here.
func (w *fixture) settle(acquired, total int32) {
	w.t.Helper()
	w.until(fmt.Sprintf("%d acquired, %d in all", acquired, total), func(s *pgxpool.Stat) bool {
		return s.AcquiredConns() == acquired && s.TotalConns() == total && s.ConstructingConns() == 0
	})
}

// until waits for counts and records them immediately, because a health check, which acquires idle connections, may
// begin next.
func (w *fixture) until(what string, condition func(*pgxpool.Stat) bool) {
	w.t.Helper()
	var s *pgxpool.Stat
	rig.Eventually(w.t, what, func() bool { s = w.pool.Stat(); return condition(s) })
	w.record("%s", counts(s))
}

// acquire acquires a connection and fails the test if it cannot.
func (w *fixture) acquire() *pgxpool.Conn {
	w.t.Helper()
	c, err := w.pool.Acquire(w.ctx)
	w.record("Acquire %s", describe(err))
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

func (w *fixture) admin() *pgx.Conn {
	w.t.Helper()
	conn, err := pgx.Connect(w.ctx, w.config.ConnString())
	if err != nil {
		w.t.Fatal(err)
	}
	return conn
}
