package otelpool_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/otelpool"
)

// hijackFacts are row 4: pgx tells nobody.
var hijackFacts = []pgxFact{
	{"4 hijack", nil, func(t *testing.T, f fixture) {
		hijack(t, acquire(t, f.pool))
		if held := heldBy(f); held != "" {
			t.Errorf("held before any collection by %s", held)
		}
	}, counts{ok: 1, opened: 1, hijacked: 1}},

	{"4 hijack of the oldest while others are held", nil, func(t *testing.T, f fixture) {
		first, second, third := named(t, f, "first"), named(t, f, "second"), named(t, f, "third")
		hijack(t, first)
		if got := heldBy(f); got != "second third" {
			t.Errorf("held by %q", got)
		}
		if m := f.collect(t); m.value(t, used) != 2 {
			t.Errorf("%d in use, want 2", m.value(t, used))
		}
		for i, conn := range []*pgxpool.Conn{second, third} {
			conn.Release()
			if got := heldBy(f); got != []string{"third", ""}[i] {
				t.Errorf("then held by %q", got)
			}
		}
	}, counts{ok: 3, uses: 2, opened: 3, hijacked: 1}},

	{"4 hijack of the newest while others are held", nil, func(t *testing.T, f fixture) {
		first, second, third := named(t, f, "first"), named(t, f, "second"), named(t, f, "third")
		hijack(t, third)
		if held := heldBy(f); strings.Count(held, " ") != 1 {
			t.Errorf("held by %q, want two", held)
		}
		first.Release()
		second.Release()
		fourth, fifth := named(t, f, "fourth"), named(t, f, "fifth")
		if got := heldBy(f); got != "fourth fifth" {
			t.Errorf("held by %q", got)
		}
		fourth.Release()
		fifth.Release()
	}, counts{ok: 5, uses: 4, opened: 3, hijacked: 1}},

	{"4 hijacked connection used on and closed later", nil, func(t *testing.T, f fixture) {
		conn := hijack(t, acquire(t, f.pool))
		for range 3 {
			if _, err := conn.Exec(t.Context(), "SELECT 1"); err != nil {
				t.Error(err)
			}
			if held := heldBy(f); held != "" {
				t.Errorf("held by %s", held)
			}
		}
		if m := f.collect(t); m.count(operationKey("SELECT", "")) != 3 {
			t.Errorf("%d operations, want 3", m.count(operationKey("SELECT", "")))
		}
		acquire(t, f.pool).Release()
		if err := conn.Close(t.Context()); err != nil {
			t.Error(err)
		}
		acquire(t, f.pool).Release()
	}, counts{ok: 3, uses: 2, opened: 2, hijacked: 1}},

	{"4 hijack while others dial", hooked, func(t *testing.T, f fixture) {
		first := acquire(t, f.pool)
		dialing, leave := make(chan struct{}), make(chan struct{})
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				conn, err := f.pool.Acquire(withHook(context.Background(), inBeforeConnect, func() error { dialing <- struct{}{}; <-leave; return nil }))
				if err != nil {
					t.Error(err)
					return
				}
				conn.Release()
			})
		}
		<-dialing
		<-dialing
		hijack(t, first)
		m := f.collect(t)
		if m.value(t, used) != 0 || m.value(t, "pgxpool.constructing") != 2 || heldBy(f) != "" {
			t.Errorf("used %d, constructing %d, held by %q", m.value(t, used), m.value(t, "pgxpool.constructing"), heldBy(f))
		}
		close(leave)
		for range 20 { // look while they come in
			f.collect(t)
		}
		wg.Wait()
	}, counts{ok: 3, uses: 2, opened: 3, hijacked: 1}},

	{"4 hijack of all, again and again", nil, func(t *testing.T, f fixture) {
		for range 3 {
			conns := []*pgxpool.Conn{acquire(t, f.pool), acquire(t, f.pool), acquire(t, f.pool)}
			for _, conn := range conns {
				hijack(t, conn)
			}
		}
		if held := heldBy(f); held != "" {
			t.Errorf("held by %s", held)
		}
	}, counts{ok: 9, opened: 9, hijacked: 9}},

	{"4 hijack in a scope", nil, func(t *testing.T, f fixture) {
		ctx := otelpool.WithScope(t.Context())
		hijack(t, acquireWith(t, f.pool, ctx))
		if held := heldBy(f); held != "" {
			t.Errorf("held by %s", held)
		}
		conn := acquireWith(t, f.pool, ctx) // the scope holds no other any more
		if held := f.inst.Held(); len(held) != 1 || held[0].Nested {
			t.Errorf("held %+v", held)
		}
		if got := f.collect(t).value(t, "pgxpool.nested_acquires"); got != 0 {
			t.Errorf("%d nested acquires", got)
		}
		conn.Release()
	}, counts{ok: 2, uses: 1, opened: 2, hijacked: 1}},

	{"4 hijack of what AcquireAllIdle took", nil, func(t *testing.T, f fixture) {
		acquire(t, f.pool).Release()
		for _, conn := range f.pool.AcquireAllIdle(t.Context()) {
			hijack(t, conn)
		}
	}, counts{ok: 1, uses: 1, opened: 1, hijacked: 1}},

	{"4 hijacked connection is not shown when others are taken by AcquireAllIdle", nil, func(t *testing.T, f fixture) {
		first, second := acquire(t, f.pool), acquire(t, f.pool)
		second.Release()
		hijack(t, first)
		if held := heldBy(f); held != "" {
			t.Errorf("held by %s", held)
		}
		taken := f.pool.AcquireAllIdle(t.Context())
		if held := heldBy(f); held != "" {
			t.Errorf("held by %s", held)
		}
		if m := f.collect(t); m.value(t, used) != 1 || m.seconds(t, "pgxpool.oldest_hold") != 0 {
			t.Errorf("used %d, oldest hold %v s", m.value(t, used), m.seconds(t, "pgxpool.oldest_hold"))
		}
		for _, conn := range taken {
			conn.Release()
		}
	}, counts{ok: 2, uses: 1, opened: 2, hijacked: 1}},
}
