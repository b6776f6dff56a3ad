package otelpool_test

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

// TestLeavingPoolKeepsAllCounters increases the counters of two pools with one name, and unregisters one after the other,
// while other pools with that name come and go.
func TestLeavingPoolKeepsAllCounters(t *testing.T) {
	t.Parallel()
	const name = "shared"
	tel := newTelemetry(t)
	sharedPool(t, tel, "other") // keeps the MeterProvider in use when the last pool of the name leaves
	first, firstInst := sharedPool(t, tel, name)
	second, secondInst := sharedPool(t, tel, name)
	growCounters(t, tel, first, name)
	growCounters(t, tel, second, name)
	before := tel.countersOf(t, name)
	unregister(t, firstInst)
	checkKept(t, "one of two left", tel, name, before)
	unregister(t, secondInst)
	checkKept(t, "the last one left", tel, name, before)
	_, inst := sharedPool(t, tel, name)
	checkKept(t, "another one came", tel, name, before)
	unregister(t, inst)
	registerBare(t, newPool(t, parse(t, database(t))), otelpool.WithMeterProvider(tel.provider), otelpool.WithPoolName(name),
		otelpool.WithAttributes(attribute.String("team", "a")))
	checkKept(t, "one without hooks came", tel, name, before)
}

// sharedPool makes a pool on which each step of growCounters works.
func sharedPool(t *testing.T, tel telemetry, name string) (*pgxpool.Pool, *otelpool.Instrumentation) {
	t.Helper()
	config := parse(t, database(t))
	hooked(config)
	config.MaxConnIdleTime, config.HealthCheckPeriod = 50*time.Millisecond, 20*time.Millisecond
	apply(t, otelpool.Sizing{PoolSize: 1, MaxOverflow: 2, PrePing: true}, config)
	return newInstrumented(t, config, otelpool.WithMeterProvider(tel.provider), otelpool.WithPoolName(name),
		otelpool.WithAttributes(attribute.String("team", "a")), otelpool.WithOperationLimit(2), otelpool.WithLogger(slog.New(slog.DiscardHandler)))
}

func query(t *testing.T, pool *pgxpool.Pool) {
	execute(t, pool, t.Context(), "SELECT 1")
}

func exceedOperationLimit(t *testing.T, pool *pgxpool.Pool) {
	for _, name := range []string{"first", "second", "third"} {
		execute(t, pool, otelpool.WithOperation(t.Context(), name), "SELECT 1")
	}
}

func useOverflow(t *testing.T, pool *pgxpool.Pool) { postgrestest.Release(acquireAll(t, pool)) }

func acquireNested(t *testing.T, pool *pgxpool.Pool) {
	ctx := otelpool.WithScope(t.Context(), "")
	defer acquireWith(t, pool, ctx).Release()
	defer acquireWith(t, pool, ctx).Release()
}

func releaseInTransaction(t *testing.T, pool *pgxpool.Pool) {
	conn := acquire(t, pool)
	defer conn.Release()
	begin(t, conn, t.Context())
}

// dialFails has the dials of three acquires fail. An acquire that gets a connection that has just become idle does not dial.
func dialFails(t *testing.T, pool *pgxpool.Pool) {
	for _, failure := range []error{errNotToday, context.DeadlineExceeded, errNotToday} {
		if conn, err := pool.Acquire(withHook(t.Context(), inBeforeConnect, func() error { return failure })); err == nil {
			defer conn.Release()
		}
	}
}

// growCounters makes counters of each kind grow: those that hooks count, those that pgxpool's statistics have, times, those
// by unit of work and by type of error. It leaves the pool without connections, so that nothing grows any more.
func growCounters(t *testing.T, tel telemetry, pool *pgxpool.Pool, name string) {
	t.Helper()
	before := tel.countersOf(t, name)
	for _, step := range []func(*testing.T, *pgxpool.Pool){dialFails, query, exceedOperationLimit, useOverflow, acquireNested, releaseInTransaction} {
		step(t, pool)
	}
	timeOut(t, pool, withHook(t.Context(), inPrepareConn, func() error { wait(5 * time.Millisecond); return context.DeadlineExceeded }), time.Millisecond)
	testutil.NoError(t, otelpool.Hijack(acquire(t, pool)).Close(t.Context()))
	acquire(t, pool).Release()
	testutil.Eventually(t, "the pool is at rest", func() bool {
		now := tel.countersOf(t, name)
		return pool.Stat().TotalConns() == 0 && now["pgxpool.connections.opened"] == sumOf(now, "pgxpool.connections.closed")
	})
	now := tel.countersOf(t, name)
	for _, key := range []string{
		"db.client.connection.timeouts", "pgxpool.acquires{result=ok}", phaseTime("connect"), phaseTime("ping"), "pgxpool.nested_acquires",
		"pgxpool.operations.capped", "pgxpool.overflow.opened", "pgxpool.connections.opened", "pgxpool.connections.closed{reason=in_transaction}",
		"pgxpool.connections.closed{reason=idle}", "pgxpool.connections.closed{reason=hijacked}", "pgxpool.connections.errors{error.type=_OTHER}",
		"pgxpool.busy_time{db.query.summary=SELECT}", "pgxpool.hold.operations{db.query.summary=_OTHER}", "pgxpool.units_of_work{db.query.summary=first}",
	} {
		if now[key] <= before[key] {
			t.Errorf("%s was %v, is %v: no step made it grow", key, before[key], now[key])
		}
	}
}

// countersOf returns the counters of the pools of that name.
func (tel telemetry) countersOf(t *testing.T, name string) map[string]float64 {
	t.Helper()
	counters := make(map[string]float64)
	eachCounter(tel.read(t), func(instrument string, set attribute.Set, value float64) {
		if value < 0 {
			t.Errorf("%s: %v of %s", instrument, value, set.Encoded(attribute.DefaultEncoder()))
		}
		if pool, _ := set.Value("db.client.connection.pool.name"); pool.AsString() == name {
			own, _ := attribute.NewSetWithFiltered(set.ToSlice(), attribute.NewDenyKeysFilter("team"))
			counters[seriesKey(instrument, own)] = value
		}
	})
	return counters
}

// sumOf adds up the series of an instrument.
func sumOf(counters map[string]float64, name string) (sum float64) {
	for key, value := range counters {
		if strings.HasPrefix(key, name+"{") {
			sum += value
		}
	}
	return sum
}

// checkKept checks that the counters are what they were.
func checkKept(t *testing.T, when string, tel telemetry, name string, want map[string]float64) {
	t.Helper()
	if got := tel.countersOf(t, name); !maps.Equal(got, want) {
		t.Errorf("%s: the counters are\n%v\nwant\n%v", when, got, want)
	}
}

// twoReaders are a MeterProvider with a reader of each temporality.
type twoReaders struct {
	provider          *sdkmetric.MeterProvider
	delta, cumulative *sdkmetric.ManualReader
	deltas            map[string]float64 // sums: of acquires by pool name
}

func newTwoReaders() *twoReaders {
	r := &twoReaders{
		delta: sdkmetric.NewManualReader(sdkmetric.WithTemporalitySelector(func(sdkmetric.InstrumentKind) metricdata.Temporality {
			return metricdata.DeltaTemporality
		})),
		cumulative: sdkmetric.NewManualReader(),
		deltas:     make(map[string]float64),
	}
	r.provider = sdkmetric.NewMeterProvider(sdkmetric.WithReader(r.delta), sdkmetric.WithReader(r.cumulative))
	return r
}

// acquires collects by both readers. It returns the acquires of a name: the sum of all deltas, and the cumulative value.
func (r *twoReaders) acquires(t *testing.T, name string) (deltas, cumulative float64) {
	t.Helper()
	r.deltas[name] += sumOf((telemetry{r.delta, r.provider}).countersOf(t, name), "pgxpool.acquires")
	return r.deltas[name], sumOf((telemetry{r.cumulative, r.provider}).countersOf(t, name), "pgxpool.acquires")
}

// use makes a pool of that name, acquires from it n times, and ends it.
func (r *twoReaders) use(t *testing.T, name string, n int) {
	t.Helper()
	pool, inst := newInstrumented(t, parse(t, database(t)), otelpool.WithMeterProvider(r.provider), otelpool.WithPoolName(name))
	defer pool.Close()
	for range n {
		execute(t, pool, t.Context(), "SELECT 1")
	}
	unregister(t, inst)
}

// TestCountersGoOnInNextPool creates four pools with one name, one after the other: alone in their MeterProvider and beside
// another pool, collected in between or not.
func TestCountersGoOnInNextPool(t *testing.T) {
	t.Parallel()
	for _, beside := range []bool{false, true} {
		for _, collected := range []bool{false, true} {
			t.Run(fmt.Sprintf("beside another %t, collected meanwhile %t", beside, collected), func(t *testing.T) {
				t.Parallel()
				r := newTwoReaders()
				if beside {
					newInstrumented(t, parse(t, database(t)), otelpool.WithMeterProvider(r.provider), otelpool.WithPoolName("other"))
				}
				for i := range 4 {
					r.use(t, "main", 10)
					if collected || i == 3 {
						deltas, cumulative := r.acquires(t, "main")
						checkEqual(t, fmt.Sprintf("pool %d: sum of deltas", i), deltas, float64(10*(i+1)))
						checkEqual(t, fmt.Sprintf("pool %d: cumulative", i), cumulative, float64(10*(i+1)))
					}
				}
			})
		}
	}
}

func TestLatestRetiredNameIsRemembered(t *testing.T) {
	t.Parallel()
	r := newTwoReaders()
	for i := range 105 {
		r.use(t, fmt.Sprint("tenant ", i), 0)
	}
	r.use(t, "main", 3)
	r.use(t, "main", 4)
	_, main := r.acquires(t, "main")
	checkEqual(t, "acquires of the latest name", main, 7)
	series := make(map[string]bool)
	eachCounter((telemetry{r.cumulative, r.provider}).read(t), func(_ string, set attribute.Set, _ float64) {
		name, _ := set.Value("db.client.connection.pool.name")
		series[name.AsString()] = true
	})
	checkEqual(t, "names that are reported", len(series), 100)
}

func TestCountersNeverFallWhilePoolsLeave(t *testing.T) {
	t.Parallel()
	r := newTwoReaders()
	use := func() {
		for range 15 {
			r.use(t, "same", 20)
		}
	}
	var last float64
	testutil.During(use, func() {
		deltas, cumulative := r.acquires(t, "same")
		if cumulative < last || deltas > 300 {
			t.Fatalf("cumulative %v after %v, sum of deltas %v", cumulative, last, deltas)
		}
		last = cumulative
	})
	deltas, cumulative := r.acquires(t, "same")
	checkEqual(t, "sum of deltas", deltas, 300)
	checkEqual(t, "cumulative", cumulative, 300)
}

// TestCountersAboveLimitNeverFall has more units of work than the SDK keeps apart.
func TestCountersAboveLimitNeverFall(t *testing.T) {
	t.Parallel()
	tel := newTelemetry(t, sdkmetric.WithCardinalityLimit(5))
	var last map[string]float64
	for range 3 {
		pool, inst := newInstrumented(t, parse(t, database(t)), otelpool.WithMeterProvider(tel.provider), otelpool.WithPoolName("main"))
		for i := range 20 {
			execute(t, pool, otelpool.WithOperation(t.Context(), fmt.Sprint("unit ", 20-i)), "SELECT 1")
			_, now := tel.collectCounters(t)
			for key, value := range last {
				if now[key] < value {
					t.Fatalf("%s: %v after %v", key, now[key], value)
				}
			}
			last = now
		}
		unregister(t, inst)
	}
}

func TestProviderIsNotKeptAlive(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*otelpool.Instrumentation) error{
		"unregistered":         (*otelpool.Instrumentation).Unregister,
		"closed and forgotten": func(*otelpool.Instrumentation) error { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			collected := make(chan struct{})
			func() {
				tel := newTelemetry(t)
				runtime.AddCleanup(tel.provider, func(struct{}) { close(collected) }, struct{}{})
				pool, inst, err := otelpool.New(t.Context(), database(t), otelpool.WithMeterProvider(tel.provider))
				testutil.NoError(t, err)
				acquire(t, pool).Release()
				pool.Close()
				testutil.NoError(t, end(inst))
			}()
			testutil.AwaitGarbage(t, "the provider", collected)
		})
	}
}
