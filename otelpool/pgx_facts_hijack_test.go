package otelpool_test

import (
	"context"
	"errors"
	"testing"

	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

// hijackFacts are row 4: no event reports a hijack.
var hijackFacts = []pgxFact{
	{4, "hijack of the oldest while others are held", nil, func(t *testing.T, f fixture) {
		first, second, third := named(t, f, "first"), named(t, f, "second"), named(t, f, "third")
		hijack(t, first)
		f.collect(t).check(t, map[string]int64{used: 2})
		checkEqual(t, "holders, by the assumption that it is the newest", heldBy(f), "first second")
		second.Release()
		third.Release()
		checkEqual(t, "holders", heldBy(f), "")
	}, counts{ok: 3, uses: 2, opened: 3, hijacked: 1}},

	{4, "hijack of the newest while others are held", nil, func(t *testing.T, f fixture) {
		first, second, third := named(t, f, "first"), named(t, f, "second"), named(t, f, "third")
		hijack(t, third)
		f.collect(t)
		checkEqual(t, "holders", heldBy(f), "first second")
		first.Release()
		second.Release()
		fourth, fifth := named(t, f, "fourth"), named(t, f, "fifth")
		checkEqual(t, "holders", heldBy(f), "fourth fifth")
		fourth.Release()
		fifth.Release()
	}, counts{ok: 5, uses: 4, opened: 3, hijacked: 1}},

	{4, "hijacked connection queried and closed", nil, func(t *testing.T, f fixture) {
		conn := hijack(t, acquire(t, f.pool))
		for range 3 {
			execute(t, conn, t.Context(), "SELECT 1")
			checkEqual(t, "holders", heldBy(f), "")
		}
		f.collect(t).checkCounts(t, map[string]uint64{operationKey("SELECT", ""): 3})
		acquire(t, f.pool).Release()
		testutil.NoError(t, conn.Close(t.Context()))
		acquire(t, f.pool).Release()
	}, counts{ok: 3, uses: 2, opened: 2, hijacked: 1}},

	{4, "hijack while others dial", hooked, func(t *testing.T, f fixture) {
		first := acquire(t, f.pool)
		dialing, leave := make(chan struct{}), make(chan struct{})
		ctx := withHook(context.Background(), inBeforeConnect, func() error { dialing <- struct{}{}; <-leave; return nil })
		second, third := acquireAside(f.pool, ctx), acquireAside(f.pool, ctx)
		<-dialing
		<-dialing
		hijack(t, first)
		f.collect(t).check(t, map[string]int64{used: 0, "pgxpool.constructing": 2})
		checkEqual(t, "holders", heldBy(f), "")
		close(leave)
		for range 20 { // while the others get their connections
			f.collect(t)
		}
		checkEqual(t, "errors", errors.Join(<-second, <-third), nil)
	}, counts{ok: 3, uses: 2, opened: 3, hijacked: 1}},

	{4, "hijack of all, three times", nil, func(t *testing.T, f fixture) {
		for range 3 {
			for _, conn := range acquireAll(t, f.pool) {
				hijack(t, conn)
			}
		}
		checkEqual(t, "holders", heldBy(f), "")
	}, counts{ok: 9, opened: 9, hijacked: 9}},

	{4, "a leak, and a listener that hijacks and connects again", nil, func(t *testing.T, f fixture) {
		leak := named(t, f, "leak")
		for range 3 {
			conn := named(t, f, "listener")
			listener := hijack(t, conn)
			execute(t, listener, t.Context(), "LISTEN jobs")
			checkEqual(t, "holders", heldBy(f), "leak")
			f.collect(t)
		}
		m := f.collect(t)
		m.check(t, map[string]int64{used: 1, "pgxpool.peak": 2, "pgxpool.pending.peak": 0, "pgxpool.overflow.opened": 0})
		leak.Release()
	}, counts{ok: 4, uses: 1, opened: 4, hijacked: 3}},

	{4, "Hijack of otelpool, of the oldest", nil, func(t *testing.T, f fixture) {
		first, second := named(t, f, "first"), named(t, f, "second")
		own := otelpool.Hijack(first)
		defer own.Close(t.Context())
		checkEqual(t, "holders", heldBy(f), "second")
		second.Release()
	}, counts{ok: 2, uses: 1, opened: 2, hijacked: 1}},

	{4, "hijack in a scope", nil, func(t *testing.T, f fixture) {
		ctx := otelpool.WithScope(t.Context(), "")
		hijack(t, acquireWith(t, f.pool, ctx))
		checkEqual(t, "holders", heldBy(f), "")
		conn := acquireWith(t, f.pool, ctx) // not nested: the scope holds no connection
		defer conn.Release()
		checkEqual(t, "nested", onlyHold(t, f.inst).Nested, false)
		f.collect(t).check(t, map[string]int64{"pgxpool.nested_acquires": 0})
	}, counts{ok: 2, uses: 1, opened: 2, hijacked: 1}},

	{4, "hijack of connections from AcquireAllIdle", nil, func(t *testing.T, f fixture) {
		acquire(t, f.pool).Release()
		for _, conn := range f.pool.AcquireAllIdle(t.Context()) {
			hijack(t, conn)
		}
	}, counts{ok: 1, uses: 1, opened: 1, hijacked: 1}},

	{4, "hijack while AcquireAllIdle has others", nil, func(t *testing.T, f fixture) {
		first, second := acquire(t, f.pool), acquire(t, f.pool)
		second.Release()
		hijack(t, first)
		f.collect(t)
		checkEqual(t, "holders", heldBy(f), "")
		taken := f.pool.AcquireAllIdle(t.Context())
		checkEqual(t, "holders", heldBy(f), "")
		m := f.collect(t)
		m.check(t, map[string]int64{used: 1})
		checkEqual(t, "oldest hold", m.seconds(t, "pgxpool.oldest_hold"), 0)
		postgrestest.Release(taken)
	}, counts{ok: 2, uses: 1, opened: 2, hijacked: 1}},
}
