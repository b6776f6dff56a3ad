package otelpool_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/otelpool/otelpool-go/otelpool"
)

// by returns the key of a unit of work.
func by(name, unit string) string {
	if unit == "" {
		return name
	}
	return name + "{db.query.summary=" + unit + "}"
}

func TestWorkIsCountedByUnitOfWork(t *testing.T) {
	t.Parallel()
	f := setup(t, 2, nil)
	run := func(ctx context.Context, sqls ...string) {
		conn := acquireWith(t, f.pool, ctx)
		defer conn.Release()
		for _, sql := range sqls {
			execute(t, conn, t.Context(), sql)
		}
	}
	list, get := "SELECT 1 FROM pg_class LIMIT 1", "SELECT 1 FROM pg_type LIMIT 1"
	route := otelpool.WithScope(t.Context(), "GET /orders")
	run(route, list)
	for range 32 {
		run(route, get)
	}
	run(otelpool.WithOperation(route, "audit"), get, get)
	run(otelpool.WithScope(t.Context(), "GET /orders"), list)
	run(t.Context(), "begin", get, get, "commit")
	run(t.Context(), get)
	run(t.Context())
	run(t.Context(), "begin", "rollback")

	m := f.collect(t)
	want := map[string]int64{}
	for unit, n := range map[string]struct{ operations, units int64 }{
		"GET /orders": {34, 2}, "audit": {2, 1}, "SELECT pg_type": {5, 2}, "": {2, 2},
	} {
		want[by("pgxpool.hold.operations", unit)], want[by("pgxpool.units_of_work", unit)] = n.operations, n.units
		if busy, held := m.seconds(t, by(busyTime, unit)), m.sum(by(useTime, unit)); busy <= 0 || busy > held {
			t.Errorf("%q: busy for %v s, held for %v s", unit, busy, held)
		}
	}
	m.check(t, want)
	for _, name := range []string{"pgxpool.hold.operations", "pgxpool.units_of_work", busyTime} {
		if keys := m.keys(name); len(keys) != 4 {
			t.Errorf("%q, want four series", keys)
		}
	}
}

// TestHeldIsCountedByUnitOfWork holds connections in a bubble, whose clock the test moves.
func TestHeldIsCountedByUnitOfWork(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := setup(t, 4, nil)
		check := func(when string, held map[string]int64, oldest map[string]float64) {
			t.Helper()
			m := f.collect(t)
			for unit, n := range held {
				checkEqual(t, when+": held by "+unit, m.value(t, by("pgxpool.held", unit)), n)
				checkEqual(t, when+": oldest of "+unit, m.seconds(t, by("pgxpool.held.oldest", unit)), oldest[unit])
			}
			if keys := m.keys("pgxpool.held"); len(keys) != 2*len(held) {
				t.Errorf("%s: %q, want those of %v", when, keys, held)
			}
		}
		check("at rest", nil, nil)
		first := acquireWith(t, f.pool, otelpool.WithOperation(t.Context(), "export"))
		time.Sleep(10 * time.Second) // of the bubble
		second := acquireWith(t, f.pool, otelpool.WithOperation(t.Context(), "export"))
		unnamed := acquire(t, f.pool)
		time.Sleep(5 * time.Second)
		check("three holds", map[string]int64{"export": 2, "": 1}, map[string]float64{"export": 15, "": 5})
		first.Release()
		unnamed.Release()
		synctest.Wait()
		check("one hold", map[string]int64{"export": 1, "": 0}, map[string]float64{"export": 5, "": 0})
		time.Sleep(5*time.Minute + time.Second)
		check("long after the unnamed hold", map[string]int64{"export": 1}, map[string]float64{"export": 306})
		second.Release()
		synctest.Wait()
		check("no hold", map[string]int64{"export": 0}, map[string]float64{"export": 0})
		unregister(t, f.inst)
		check("after Unregister", nil, nil)
	})
}
