package otelpool_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelpool/otelpool-go/otelpool"
)

// TestLeavingPoolKeepsAllCounters makes each counter of two pools of one name grow, and has the pools leave, one after
// the other.
func TestLeavingPoolKeepsAllCounters(t *testing.T) {
	t.Parallel()
	const name = "shared"
	tel, connString := newTelemetry(t), database(t)
	sharedPool(t, tel, connString, "other") // keeps the MeterProvider in use when the last pool of the name leaves
	first, firstInst := sharedPool(t, tel, connString, name)
	second, secondInst := sharedPool(t, tel, connString, name)
	growAll(t, tel, first, name)
	growAll(t, tel, second, name)
	before, instruments := tel.countersOf(t, name)

	t.Run("every counter is in the table", func(t *testing.T) {
		var names, keys []string
		for _, c := range sharedCounters {
			names, keys = append(names, c.name), append(keys, c.key())
		}
		slices.Sort(names)
		if names = slices.Compact(names); !slices.Equal(instruments, names) {
			t.Errorf("the SDK reports %q, the table has %q", instruments, names)
		}
		slices.Sort(keys)
		if reported := slices.Sorted(maps.Keys(before)); !slices.Equal(reported, keys) {
			t.Errorf("the SDK reports\n%q\nthe table has\n%q", reported, keys)
		}
		for key, value := range before {
			if value <= 0 {
				t.Errorf("%s is %v: that it is kept would prove nothing", key, value)
			}
		}
	})
	unregister := func(t *testing.T, inst *otelpool.Instrumentation) {
		t.Helper()
		if err := inst.Unregister(); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("one of two leaves", func(t *testing.T) {
		unregister(t, firstInst)
		checkKept(t, tel, name, before)
	})
	t.Run("the last one leaves", func(t *testing.T) {
		unregister(t, secondInst)
		if left, _ := tel.countersOf(t, name); len(left) > 0 {
			t.Errorf("still reported: %v", left)
		}
	})
	t.Run("another one comes", func(t *testing.T) {
		_, inst := sharedPool(t, tel, connString, name)
		checkKept(t, tel, name, before)
		unregister(t, inst)
	})
	t.Run("one without hooks comes", func(t *testing.T) {
		pool, err := pgxpool.New(t.Context(), connString)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(pool.Close)
		inst, err := otelpool.Register(pool, otelpool.WithMeterProvider(tel.provider), otelpool.WithPoolName(name),
			otelpool.WithAttributes(attribute.String("team", "a")))
		if err != nil {
			t.Fatal(err)
		}
		checkKept(t, tel, name, before)
		unregister(t, inst)
	})
}

// sharedCounters are all series of counters that a pool reports.
var sharedCounters = []sharedCounter{
	{"db.client.connection.timeouts", "", deadlinePasses},
	{"pgxpool.acquires", "result=ok", query},
	{"pgxpool.acquires", "result=timeout", deadlinePasses},
	{"pgxpool.acquires", "result=canceled", acquireCanceled},
	{"pgxpool.acquires", "result=error", acquireFails},
	{"pgxpool.acquire.phase_time", "phase=queue", deadlinePasses},
	{"pgxpool.acquire.phase_time", "phase=connect", query},
	{"pgxpool.acquire.phase_time", "phase=ping", query},
	{"pgxpool.acquire.phase_time", "phase=prepare", query},
	{"pgxpool.busy_time", "", query},
	{"pgxpool.long_holds", "", holdForLong},
	{"pgxpool.nested_acquires", "", acquireNested},
	{"pgxpool.overflow.opened", "", useOverflow},
	{"pgxpool.operations.capped", "", exceedOperationLimit},
	{"pgxpool.connections.opened", "", query},
	{"pgxpool.connections.closed", "reason=in_transaction", releaseInTransaction},
	{"pgxpool.connections.closed", "reason=busy", releaseBusy},
	{"pgxpool.connections.closed", "reason=broken", releaseBroken},
	{"pgxpool.connections.closed", "reason=overflow", useOverflow},
	{"pgxpool.connections.closed", "reason=lifetime", holdForLifetime},
	{"pgxpool.connections.closed", "reason=idle", leaveIdle},
	{"pgxpool.connections.closed", "reason=other", resetWhileHeld},
	{"pgxpool.connections.errors", "error.type=_OTHER", dialFails(errNotToday)},
	{"pgxpool.connections.errors", "error.type=timeout", dialFails(context.DeadlineExceeded)},
}

// sharedCounter is a series of a counter, and a step that makes it grow.
type sharedCounter struct {
	name string // of the instrument
	attr string // what tells the series from the others of the instrument, "" if there is one
	grow func(t *testing.T, pool *pgxpool.Pool)
}

// key is the key of the series among the metrics.
func (c sharedCounter) key() string {
	if c.attr == "" {
		return c.name
	}
	return c.name + "{" + c.attr + "}"
}

const (
	sharedLongHold = time.Millisecond
	sharedIdleTime = 50 * time.Millisecond
	sharedLifetime = 500 * time.Millisecond
)

// sharedPool makes a pool on which each step of sharedCounters works.
func sharedPool(t *testing.T, tel telemetry, connString, name string) (*pgxpool.Pool, *otelpool.Instrumentation) {
	t.Helper()
	config := parse(t, connString)
	hooked(config)
	config.ShouldPing = func(context.Context, pgxpool.ShouldPingParams) bool { return true }
	config.MaxConnLifetime, config.MaxConnIdleTime = sharedLifetime, sharedIdleTime
	config.HealthCheckPeriod = 20 * time.Millisecond
	if err := (otelpool.Sizing{PoolSize: 1, MaxOverflow: 2}).Apply(config); err != nil {
		t.Fatal(err)
	}
	var log logBuffer
	pool, inst, err := otelpool.NewWithConfig(t.Context(), config, otelpool.WithMeterProvider(tel.provider),
		otelpool.WithPoolName(name), otelpool.WithAttributes(attribute.String("team", "a")),
		otelpool.WithOperationLimit(1), otelpool.WithLongHold(sharedLongHold), log.option())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		closePool(t, pool)
		if err := inst.Unregister(); err != nil {
			t.Error(err)
		}
	})
	return pool, inst
}

func query(t *testing.T, pool *pgxpool.Pool) {
	if _, err := pool.Exec(t.Context(), "SELECT 1"); err != nil {
		t.Error(err)
	}
}

func exceedOperationLimit(t *testing.T, pool *pgxpool.Pool) {
	for _, name := range []string{"first", "second"} {
		if _, err := pool.Exec(otelpool.WithOperation(t.Context(), name), "SELECT 1"); err != nil {
			t.Error(err)
		}
	}
}

func useOverflow(t *testing.T, pool *pgxpool.Pool) { releaseAll(acquireAll(t, pool)) }

func deadlinePasses(t *testing.T, pool *pgxpool.Pool) {
	defer releaseAll(acquireAll(t, pool))
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := pool.Acquire(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("acquire from a full pool: %v", err)
	}
}

func acquireCanceled(t *testing.T, pool *pgxpool.Pool) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := pool.Acquire(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("acquire with a canceled context: %v", err)
	}
}

func acquireFails(t *testing.T, pool *pgxpool.Pool) {
	if _, err := pool.Acquire(withHook(t.Context(), inPrepareConn, fails)); !errors.Is(err, errNotToday) {
		t.Errorf("acquire whose PrepareConn fails: %v", err)
	}
}

func acquireNested(t *testing.T, pool *pgxpool.Pool) {
	ctx := otelpool.WithScope(t.Context())
	defer acquireWith(t, pool, ctx).Release()
	defer acquireWith(t, pool, ctx).Release()
}

func holdForLong(t *testing.T, pool *pgxpool.Pool) {
	defer acquire(t, pool).Release()
	wait(2 * sharedLongHold)
}

func holdForLifetime(t *testing.T, pool *pgxpool.Pool) {
	defer acquire(t, pool).Release()
	wait(sharedLifetime)
}

func releaseInTransaction(t *testing.T, pool *pgxpool.Pool) {
	conn := acquire(t, pool)
	defer conn.Release()
	if _, err := conn.Begin(t.Context()); err != nil {
		t.Error(err)
	}
}

func releaseBusy(t *testing.T, pool *pgxpool.Pool) {
	conn := acquire(t, pool)
	defer conn.Release()
	if _, err := conn.Query(t.Context(), "SELECT 1"); err != nil {
		t.Error(err)
	}
}

func releaseBroken(t *testing.T, pool *pgxpool.Pool) {
	conn := acquire(t, pool)
	defer conn.Release()
	_ = conn.Conn().Close(t.Context())
}

// leaveIdle waits until the health check has closed the connection.
func leaveIdle(t *testing.T, pool *pgxpool.Pool) {
	acquire(t, pool).Release()
	eventually(t, "no connection is left", func() bool { return pool.Stat().TotalConns() == 0 })
}

func resetWhileHeld(t *testing.T, pool *pgxpool.Pool) {
	defer acquire(t, pool).Release()
	pool.Reset()
}

// dialFails has the dial of an acquire fail. If another connection has just become idle, the acquire does not dial.
func dialFails(failure error) func(t *testing.T, pool *pgxpool.Pool) {
	return func(t *testing.T, pool *pgxpool.Pool) {
		defer releaseAll([]*pgxpool.Conn{acquire(t, pool), acquire(t, pool)})
		conn, err := pool.Acquire(withHook(t.Context(), inBeforeConnect, func() error { return failure }))
		switch {
		case err == nil:
			conn.Release()
		case !errors.Is(err, failure):
			t.Errorf("acquire whose dial fails: %v", err)
		}
	}
}

// countersOf returns the counters of the pools of that name, and the names of their instruments.
func (tel telemetry) countersOf(t *testing.T, name string) (counters map[string]float64, instruments []string) {
	t.Helper()
	counters = make(map[string]float64)
	eachCounter(tel.read(t), func(instrument string, set attribute.Set, value float64) {
		if pool, _ := set.Value("db.client.connection.pool.name"); pool.AsString() != name {
			return
		}
		own, _ := attribute.NewSetWithFiltered(set.ToSlice(), attribute.NewDenyKeysFilter("team"))
		counters[seriesKey(instrument, own)] = value
		instruments = append(instruments, instrument)
	})
	slices.Sort(instruments)
	return counters, slices.Compact(instruments)
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

// growAll makes every counter of a pool grow, and leaves the pool without connections, so that nothing grows any more.
func growAll(t *testing.T, tel telemetry, pool *pgxpool.Pool, name string) {
	t.Helper()
	before, _ := tel.countersOf(t, name)
	for _, c := range sharedCounters {
		eventually(t, c.key()+" grows", func() bool {
			if now, _ := tel.countersOf(t, name); now[c.key()] > before[c.key()] {
				return true
			}
			c.grow(t, pool)
			return false
		})
	}
	eventually(t, "the pool is at rest", func() bool {
		now, _ := tel.countersOf(t, name)
		return pool.Stat().TotalConns() == 0 && now["pgxpool.connections.opened"] == sumOf(now, "pgxpool.connections.closed")
	})
}

// checkKept has a subtest for each counter, which must be what it was.
func checkKept(t *testing.T, tel telemetry, name string, want map[string]float64) {
	t.Helper()
	got, _ := tel.countersOf(t, name)
	for _, key := range slices.Sorted(maps.Keys(want)) {
		t.Run(key, func(t *testing.T) {
			if value, ok := got[key]; !ok || value != want[key] {
				t.Errorf("was %v, is %v (reported: %t)", want[key], value, ok)
			}
		})
	}
	for key := range got {
		if _, ok := want[key]; !ok {
			t.Errorf("%s was not reported before", key)
		}
	}
}

func TestPoolsOfOneNameAreAddedUp(t *testing.T) {
	t.Parallel()
	tel := newTelemetry(t)
	connString := database(t)
	var insts []*otelpool.Instrumentation
	for range 2 {
		config := parse(t, connString)
		config.MaxConns = 1
		pool, inst, err := otelpool.NewWithConfig(t.Context(), config, otelpool.WithMeterProvider(tel.provider), otelpool.WithPoolName("same"))
		if err != nil {
			t.Fatal(err)
		}
		defer pool.Close()
		insts = append(insts, inst)
		held := acquire(t, pool)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		if _, err := pool.Acquire(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		cancel()
		held.Release()
	}
	before := tel.collect(t)
	if err := insts[0].Unregister(); err != nil {
		t.Fatal(err)
	}
	after := tel.collect(t)
	for _, key := range []string{"db.client.connection.timeouts", "pgxpool.acquires{result=ok}", "pgxpool.connections.opened"} {
		if before.value(t, key) != 2 || after.value(t, key) != 2 {
			t.Errorf("%s went from %d to %d", key, before.value(t, key), after.value(t, key))
		}
	}
	if after.value(t, "db.client.connection.max") != 1 {
		t.Error("the gauges of the pool that left are still there")
	}
	if err := insts[1].Unregister(); err != nil {
		t.Fatal(err)
	}
	if keys := gaugeKeys(tel.collect(t)); len(keys) > 0 {
		t.Errorf("left: %v", keys)
	}
}

// TestCountersGoOnInNextPool ends a pool and makes another of its name, while a third goes on.
func TestCountersGoOnInNextPool(t *testing.T) {
	t.Parallel()
	delta := sdkmetric.NewManualReader(sdkmetric.WithTemporalitySelector(func(sdkmetric.InstrumentKind) metricdata.Temporality {
		return metricdata.DeltaTemporality
	}))
	cumulative := sdkmetric.NewManualReader()
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(delta), sdkmetric.WithReader(cumulative))
	begin := func(name string) (*pgxpool.Pool, *otelpool.Instrumentation) {
		pool, inst, err := otelpool.New(t.Context(), database(t), otelpool.WithMeterProvider(provider), otelpool.WithPoolName(name))
		if err != nil {
			t.Fatal(err)
		}
		return pool, inst
	}
	other, otherInst := begin("other")
	defer other.Close()
	defer func() { _ = otherInst.Unregister() }()
	acquires := func(reader *sdkmetric.ManualReader) (n int64) {
		var rm metricdata.ResourceMetrics
		if err := reader.Collect(t.Context(), &rm); err != nil {
			t.Fatal(err)
		}
		for _, scope := range rm.ScopeMetrics {
			for _, m := range scope.Metrics {
				if data, ok := m.Data.(metricdata.Sum[int64]); ok && m.Name == "pgxpool.acquires" {
					for _, p := range data.DataPoints {
						name, _ := p.Attributes.Value("db.client.connection.pool.name")
						if p.Value < 0 {
							t.Errorf("%s: %d of %s", m.Name, p.Value, p.Attributes.Encoded(attribute.DefaultEncoder()))
						}
						if name.AsString() == "main" {
							n += p.Value
						}
					}
				}
			}
		}
		return n
	}
	for i, want := range []struct{ delta, cumulative int64 }{{10, 10}, {2, 12}} {
		pool, inst := begin("main")
		for range want.delta {
			if _, err := pool.Exec(t.Context(), "SELECT 1"); err != nil {
				t.Fatal(err)
			}
		}
		if got := acquires(delta); got != want.delta {
			t.Errorf("life %d: a delta of %d, want %d", i, got, want.delta)
		}
		if got := acquires(cumulative); got != want.cumulative {
			t.Errorf("life %d: %d in all, want %d", i, got, want.cumulative)
		}
		pool.Close()
		if err := inst.Unregister(); err != nil {
			t.Error(err)
		}
	}
}
