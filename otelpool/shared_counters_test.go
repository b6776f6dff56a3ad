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

	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

// sharedCounters are all series of counters that a pool reports.
var sharedCounters = slices.Concat(poolCounters, unitCounters("", releaseInTransaction), unitCounters("db.query.summary=SELECT", query),
	unitCounters("db.query.summary=first", exceedOperationLimit), unitCounters("db.query.summary=second", exceedOperationLimit),
	unitCounters("db.query.summary=_OTHER", exceedOperationLimit))

var poolCounters = []sharedCounter{
	{"db.client.connection.timeouts", "", deadlinePasses},
	{"pgxpool.acquires", "result=ok", query},
	{"pgxpool.acquires", "result=timeout", deadlinePasses},
	{"pgxpool.acquires", "result=canceled", acquireCanceled},
	{"pgxpool.acquires", "result=error", acquireFails},
	{"pgxpool.acquire.phase_time", "phase=queue", deadlinePasses},
	{"pgxpool.acquire.phase_time", "phase=connect", query},
	{"pgxpool.acquire.phase_time", "phase=ping", query},
	{"pgxpool.acquire.phase_time", "phase=prepare", query},
	{"pgxpool.long_holds", "", holdForLong},
	{"pgxpool.nested_acquires", "", acquireNested},
	{"pgxpool.overflow.opened", "", useOverflow},
	{"pgxpool.operations.capped", "", exceedOperationLimit},
	{"pgxpool.connections.opened", "", query},
	{"pgxpool.connections.closed", "reason=in_transaction", releaseInTransaction},
	{"pgxpool.connections.closed", "reason=busy", releaseBusy},
	{"pgxpool.connections.closed", "reason=broken", releaseBroken},
	{"pgxpool.connections.closed", "reason=canceled", releaseCanceled},
	{"pgxpool.connections.closed", "reason=ping", pingFails},
	{"pgxpool.connections.closed", "reason=hijacked", hijackOne},
	{"pgxpool.connections.closed", "reason=overflow", useOverflow},
	{"pgxpool.connections.closed", "reason=lifetime", holdForLifetime},
	{"pgxpool.connections.closed", "reason=idle", leaveIdle},
	{"pgxpool.connections.closed", "reason=other", resetWhileHeld},
	{"pgxpool.connections.errors", "error.type=_OTHER", dialFails(errNotToday)},
	{"pgxpool.connections.errors", "error.type=timeout", dialFails(context.DeadlineExceeded)},
}

// unitCounters are the series of a unit of work.
func unitCounters(attr string, grow func(t *testing.T, pool *pgxpool.Pool)) []sharedCounter {
	return []sharedCounter{{"pgxpool.busy_time", attr, grow}, {"pgxpool.hold.operations", attr, grow}, {"pgxpool.units_of_work", attr, grow}}
}

// sharedCounter is a series of a counter, and a step that makes it grow.
type sharedCounter struct {
	name string // of the instrument
	attr string // the series' own attribute, "" if the instrument has one series
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
func sharedPool(t *testing.T, tel telemetry, name string) (*pgxpool.Pool, *otelpool.Instrumentation) {
	t.Helper()
	config := parse(t, database(t))
	hooked(config)
	config.ShouldPing = func(context.Context, pgxpool.ShouldPingParams) bool { return true }
	config.MaxConnLifetime, config.MaxConnIdleTime = sharedLifetime, sharedIdleTime
	config.HealthCheckPeriod = 20 * time.Millisecond
	apply(t, otelpool.Sizing{PoolSize: 1, MaxOverflow: 2}, config)
	var log logBuffer
	pool, inst := newInstrumented(t, config, otelpool.WithMeterProvider(tel.provider),
		otelpool.WithPoolName(name), otelpool.WithAttributes(attribute.String("team", "a")),
		otelpool.WithOperationLimit(2), otelpool.WithLongHold(sharedLongHold), log.option())
	return pool, inst
}

func query(t *testing.T, pool *pgxpool.Pool) {
	execute(t, pool, t.Context(), "SELECT 1")
}

func exceedOperationLimit(t *testing.T, pool *pgxpool.Pool) {
	for _, name := range []string{"first", "second", "third"} {
		execute(t, pool, otelpool.WithOperation(t.Context(), name), "SELECT 1")
	}
}

func useOverflow(t *testing.T, pool *pgxpool.Pool) { releaseAll(acquireAll(t, pool)) }

func deadlinePasses(t *testing.T, pool *pgxpool.Pool) {
	defer releaseAll(acquireAll(t, pool))
	timeOut(t, pool, t.Context(), time.Millisecond)
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
	ctx := otelpool.WithScope(t.Context(), "")
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
	begin(t, conn, t.Context())
}

func releaseBusy(t *testing.T, pool *pgxpool.Pool) {
	conn := acquire(t, pool)
	defer conn.Release()
	openRows(t, conn, t.Context(), "SELECT 1")
}

func releaseBroken(t *testing.T, pool *pgxpool.Pool) {
	conn := acquire(t, pool)
	defer conn.Release()
	_ = conn.Conn().Close(t.Context())
}

func releaseCanceled(t *testing.T, pool *pgxpool.Pool) {
	conn := acquire(t, pool)
	defer conn.Release()
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := conn.Exec(ctx, "SELECT 1 WHERE pg_sleep(2) IS NULL"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("query past its deadline: %v", err)
	}
}

// pingFails cuts an idle connection. It does so again and again, because the health check may be faster than the ping.
func pingFails(t *testing.T, pool *pgxpool.Pool) {
	for range 5 {
		conn := acquire(t, pool)
		cut := conn.Conn().PgConn().Conn()
		conn.Release()
		_ = cut.Close()
		acquire(t, pool).Release()
	}
}

func hijackOne(t *testing.T, pool *pgxpool.Pool) {
	if err := otelpool.Hijack(acquire(t, pool)).Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// leaveIdle waits until the health check has closed the connection.
func leaveIdle(t *testing.T, pool *pgxpool.Pool) {
	acquire(t, pool).Release()
	testutil.Eventually(t, "no connection is left", func() bool { return pool.Stat().TotalConns() == 0 })
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
		testutil.Eventually(t, c.key()+" grows", func() bool {
			if now, _ := tel.countersOf(t, name); now[c.key()] > before[c.key()] {
				return true
			}
			c.grow(t, pool)
			return false
		})
	}
	testutil.Eventually(t, "the pool is at rest", func() bool {
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
