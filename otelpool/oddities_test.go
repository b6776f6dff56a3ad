package otelpool_test

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/otelpool"
)

// aftermath is what a pool's numbers must be when an oddity is over and everything was given back.
type aftermath struct {
	ok, timeout, canceled, failed int64 // acquires by result
	uses                          uint64
	opened, hijacked              int64
	closed                        map[string]int64 // by reason
	leaked                        int64            // places of the pool that pgx never gives back
	unfit                         bool             // the pool is closed, or its use would show nothing
}

// oddConns is the size of the pools here.
const oddConns = 3

// whileKey carries functions of a test to the pool's hooks, so that one acquire has them and others do not.
type whileKey string

const (
	whileConnecting whileKey = "BeforeConnect"
	whileConnected  whileKey = "AfterConnect"
	whilePinging    whileKey = "ShouldPing"
	whilePreparing  whileKey = "PrepareConn"
)

// during gives a context whose acquire runs f in a hook. PrepareConn refuses the connection if it fails with errRefused.
func during(ctx context.Context, hook whileKey, f func() error) context.Context {
	return context.WithValue(ctx, hook, f)
}

var errRefused = errors.New("refused")

func runHook(ctx context.Context, hook whileKey) error {
	if f, ok := ctx.Value(hook).(func() error); ok {
		return f()
	}
	return nil
}

// hooked has the hooks run what the context says.
func hooked(c *pgxpool.Config) {
	c.BeforeConnect = func(ctx context.Context, _ *pgx.ConnConfig) error { return runHook(ctx, whileConnecting) }
	c.AfterConnect = func(ctx context.Context, _ *pgx.Conn) error { return runHook(ctx, whileConnected) }
	c.PrepareConn = func(ctx context.Context, _ *pgx.Conn) (bool, error) {
		if err := runHook(ctx, whilePreparing); !errors.Is(err, errRefused) {
			return true, err
		}
		return false, nil
	}
}

// pinging has a context decide about the ping, too. It is not in hooked since it changes how every acquire is measured.
func pinging(c *pgxpool.Config) {
	hooked(c)
	c.ShouldPing = func(ctx context.Context, _ pgxpool.ShouldPingParams) bool {
		_, ping := ctx.Value(whilePinging).(func() error)
		return ping && runHook(ctx, whilePinging) == nil
	}
}

// oddity is a test of one row of what pgx's tracers see and do not see.
type oddity struct {
	name   string
	change func(*pgxpool.Config)
	do     func(t *testing.T, f fixture)
	want   aftermath
}

func TestNothingDriftsAfterOddities(t *testing.T) {
	t.Parallel()
	for _, tt := range [][]oddity{acquireOddities, hijackOddities, allIdleOddities, dialOddities, closeOddities, queryOddities} {
		for _, o := range tt {
			t.Run(o.name, func(t *testing.T) {
				t.Parallel()
				f := oddPool(t, o)
				o.do(t, f)
				o.want.check(t, f)
			})
		}
	}
}

// oddPool makes the pool of an oddity.
func oddPool(t *testing.T, o oddity) fixture {
	t.Helper()
	f := fixture{telemetry: newTelemetry(t)}
	config := parse(t, database(t))
	config.MaxConns = oddConns
	if o.change != nil {
		o.change(config)
	}
	var log logbook
	var err error
	f.pool, f.inst, err = otelpool.NewWithConfig(t.Context(), config, otelpool.WithMeterProvider(f.provider), otelpool.WithPoolName("test"),
		otelpool.WithPeakWindow(time.Second), otelpool.WithLongHold(time.Hour), log.option())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if o.want.leaked > 0 {
			go f.pool.Close() // it would wait for ever
		} else {
			closePool(t, f.pool)
		}
		if err := f.inst.Unregister(); err != nil {
			t.Error(err)
		}
	})
	return f
}

// check compares a pool at rest with what must be, and then lets it show that it still counts right.
func (want aftermath) check(t *testing.T, f fixture) {
	t.Helper()
	want.rest(t, f)
	atRest(t, f, want.leaked)
	if !want.unfit {
		stillCounts(t, f, oddConns-want.leaked, want.leaked)
	}
}

// rest compares the counters.
func (want aftermath) rest(t *testing.T, f fixture) {
	t.Helper()
	var m metrics
	rests := func() bool {
		m = f.collect(t)
		stat := f.pool.Stat()
		return int64(stat.AcquiredConns()) == want.leaked && stat.ConstructingConns() == 0 &&
			m.value(t, "pgxpool.connections.opened") == want.opened && maps.Equal(closings(m), want.closed)
	}
	for deadline := time.Now().Add(time.Minute); !rests() && time.Now().Before(deadline); {
		wait(time.Millisecond)
	}
	if opened := m.value(t, "pgxpool.connections.opened"); !rests() {
		t.Errorf("%d acquired, %d opened, closed %v, want %d, %d, %v", f.pool.Stat().AcquiredConns(), opened, closings(m), want.leaked, want.opened, want.closed)
	}
	for key, want := range map[string]int64{
		"pgxpool.acquires{result=ok}":       want.ok,
		"pgxpool.acquires{result=timeout}":  want.timeout,
		"pgxpool.acquires{result=canceled}": want.canceled,
		"pgxpool.acquires{result=error}":    want.failed,
		"db.client.connection.timeouts":     want.timeout,
	} {
		if got := m.value(t, key); got != want {
			t.Errorf("%s is %d, want %d", key, got, want)
		}
	}
	if got := m.count("db.client.connection.wait_time"); got != uint64(want.ok) {
		t.Errorf("%d waits, want %d", got, want.ok)
	}
	var uses uint64
	for _, key := range m.keys("db.client.connection.use_time") {
		uses += m.count(key)
	}
	if uses != want.uses {
		t.Errorf("%d uses, want %d", uses, want.uses)
	}
	total := want.opened - want.hijacked
	for _, n := range want.closed {
		total -= n
	}
	if got := int64(f.pool.Stat().TotalConns()); got != total {
		t.Errorf("the pool has %d connections, the counters say %d", got, total)
	}
}

// closings gives the counts of closed connections by reason, without those that are 0.
func closings(m metrics) map[string]int64 {
	var closed map[string]int64
	for _, key := range m.keys("pgxpool.connections.closed") {
		if n, _ := m[key].(int64); n != 0 {
			if closed == nil {
				closed = make(map[string]int64)
			}
			_, reason, _ := strings.Cut(key, "reason=")
			closed[strings.TrimSuffix(reason, "}")] = n
		}
	}
	return closed
}

// atRest checks the gauges of a pool that nobody uses.
func atRest(t testing.TB, f fixture, leaked int64) {
	t.Helper()
	m := f.collect(t)
	for key, want := range map[string]int64{
		"db.client.connection.pending_requests": 0,
		used:                                    leaked,
		"pgxpool.constructing":                  0,
		idle:                                    int64(f.pool.Stat().IdleConns()),
	} {
		if got := m.value(t, key); got != want {
			t.Errorf("at rest %s is %d, want %d", key, got, want)
		}
	}
	for _, key := range []string{"pgxpool.oldest_wait", "pgxpool.oldest_hold"} {
		if got := m.seconds(t, key); got != 0 {
			t.Errorf("at rest %s is %v s", key, got)
		}
	}
	if held := heldBy(f); held != "" {
		t.Errorf("at rest held by %s", held)
	}
	awaitCalm(t, f, leaked)
}

// awaitCalm waits until what was has left the window of the peaks.
func awaitCalm(t testing.TB, f fixture, leaked int64) {
	t.Helper()
	eventually(t, "peaks of a pool at rest", func() bool {
		m := f.collect(t)
		return m.value(t, "pgxpool.peak") == leaked && m.value(t, "pgxpool.pending.peak") == 0
	})
}

// stillCounts uses all free connections of a pool at rest, in ways whose numbers are known. What drifted before, unseen
// at rest, shows here.
func stillCounts(t testing.TB, f fixture, free, leaked int64) {
	t.Helper()
	all := func() (conns []*pgxpool.Conn) {
		for range free {
			conn, err := f.pool.Acquire(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			conns = append(conns, conn)
		}
		return conns
	}
	give := func(conns []*pgxpool.Conn) (m metrics) {
		for _, conn := range conns {
			conn.Release()
		}
		// One that the pool is closing counts as acquired, so that these are the metrics to look at.
		eventually(t, "all are back", func() bool { m = f.collect(t); return m.value(t, used) == leaked })
		return m
	}
	check := func(when string, m metrics, want map[string]int64) {
		t.Helper()
		for key, n := range want {
			if got := m.value(t, key); got != n {
				t.Errorf("%s %s is %d, want %d", when, key, got, n)
			}
		}
	}
	var m metrics
	inWindow(func() (spike time.Time) {
		conns := all()
		spike = time.Now()
		m = give(conns)
		return spike
	})
	check("after a spike", m, map[string]int64{"pgxpool.peak": free + leaked, "pgxpool.pending.peak": 0})

	conns := all()
	defer func() { give(conns) }()
	check("when full", f.collect(t), map[string]int64{"pgxpool.peak": free + leaked, "pgxpool.pending.peak": 0, used: free + leaked})
	if held := f.inst.Held(); int64(len(held)) != free {
		t.Errorf("%d held, want %d: %s", len(held), free, heldBy(f))
	}
	inWindow(func() (spike time.Time) {
		spike = time.Now()
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
		defer cancel()
		if _, err := f.pool.Acquire(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("acquire from a full pool: %v", err)
		}
		m = f.collect(t)
		return spike
	})
	check("after a wait", m, map[string]int64{"pgxpool.peak": free + leaked, "pgxpool.pending.peak": 1, "db.client.connection.pending_requests": 0})
}

// named acquires with the name of an operation.
func named(t *testing.T, f fixture, name string) *pgxpool.Conn {
	t.Helper()
	return acquireWith(t, f.pool, otelpool.WithOperation(context.Background(), name))
}

// heldBy gives the names of the operations that hold a connection, "?" for one without, oldest first.
func heldBy(f fixture) string {
	var names []string
	for _, h := range f.inst.Held() {
		names = append(names, cmp.Or(h.Operation, "?"))
	}
	return strings.Join(names, " ")
}

// recovering runs f and gives what it panics with.
func recovering(f func()) (panicked any) {
	defer func() { panicked = recover() }()
	f()
	return nil
}

func panics() error { panic("mine") }

func fails() error { return errNotToday }

func refuses() error { return errRefused }

var errNotToday = errors.New("not today")

// refuseAcquire acquires what must fail.
func refuseAcquire(t *testing.T, f fixture, ctx context.Context, want error) {
	t.Helper()
	if conn, err := f.pool.Acquire(ctx); !errors.Is(err, want) {
		t.Errorf("acquire: %v, want %v", err, want)
		if err == nil {
			conn.Release()
		}
	}
}

// acquireOddities are rows 1 to 3.
var acquireOddities = []oddity{
	{"1 acquires end well, by error, deadline and cancel", hooked, func(t *testing.T, f fixture) {
		ctx := context.Background()
		conns := []*pgxpool.Conn{acquire(t, f.pool), acquire(t, f.pool), acquire(t, f.pool)}
		late, cancel := context.WithTimeout(ctx, time.Millisecond)
		defer cancel()
		refuseAcquire(t, f, late, context.DeadlineExceeded)
		refuseAcquire(t, f, late, context.DeadlineExceeded) // past before it began
		canceled, cancel := context.WithCancel(ctx)
		time.AfterFunc(time.Millisecond, cancel)
		refuseAcquire(t, f, canceled, context.Canceled)
		refuseAcquire(t, f, canceled, context.Canceled)
		for _, conn := range conns {
			conn.Release()
		}
		refuseAcquire(t, f, during(ctx, whilePreparing, fails), errNotToday)
	}, aftermath{ok: 3, timeout: 2, canceled: 2, failed: 1, uses: 3, opened: 3}},

	{"1 PrepareConn refuses one connection after the other", hooked, func(t *testing.T, f fixture) {
		var calls int
		ctx := during(context.Background(), whilePreparing, func() error {
			if calls++; calls <= 2 {
				return errRefused
			}
			return nil
		})
		conn := acquireWith(t, f.pool, ctx)
		if m := f.collect(t); m.value(t, used) < 1 || m.value(t, "db.client.connection.pending_requests") != 0 {
			t.Errorf("%d in use, %d pending", m.value(t, used), m.value(t, "db.client.connection.pending_requests"))
		}
		conn.Release()
		refuseAcquire(t, f, during(ctx, whilePreparing, func() error { calls++; return errNotToday }), errNotToday)
	}, aftermath{ok: 1, failed: 1, uses: 1, opened: 3, closed: map[string]int64{"other": 2}}},

	{"1 a caller whose connection is refused waits again", hooked, func(t *testing.T, f fixture) {
		held := []*pgxpool.Conn{acquire(t, f.pool), acquire(t, f.pool)}
		pending := func() int64 { return f.collect(t).value(t, "db.client.connection.pending_requests") }
		other, again, refused := make(chan *pgxpool.Conn), make(chan *pgxpool.Conn), false
		get := func(ctx context.Context, to chan<- *pgxpool.Conn) {
			conn, err := f.pool.Acquire(ctx)
			if err != nil {
				t.Error(err)
			}
			to <- conn
		}
		ctx := during(context.Background(), whilePreparing, func() error {
			if refused {
				return nil
			}
			refused = true
			go get(context.Background(), other)
			for range 10_000 { // until it waits for this place; the test fails below if it never does
				if pending() == 1 {
					break
				}
				wait(time.Millisecond)
			}
			return errRefused
		})
		go get(ctx, again)
		held = append(held, <-other)
		eventually(t, "the one refused waits", func() bool { return pending() == 1 })
		for _, conn := range held {
			conn.Release()
		}
		(<-again).Release()
	}, aftermath{ok: 4, uses: 4, opened: 4, closed: map[string]int64{"other": 1}}},

	{"2 PrepareConn panics", hooked, func(t *testing.T, f fixture) {
		other := acquire(t, f.pool)
		got := recovering(func() { _, _ = f.pool.Acquire(during(context.Background(), whilePreparing, panics)) })
		if got != "mine" {
			t.Errorf("recovered %v", got)
		}
		m := f.collect(t)
		if m.value(t, used) != 2 || m.value(t, "pgxpool.peak") != 2 || m.value(t, "db.client.connection.pending_requests") != 0 {
			t.Errorf("used %d, peak %d, pending %d", m.value(t, used), m.value(t, "pgxpool.peak"), m.value(t, "db.client.connection.pending_requests"))
		}
		if held := heldBy(f); held != "?" {
			t.Errorf("held by %s, want the one that somebody has", held)
		}
		other.Release()
	}, aftermath{ok: 1, failed: 1, uses: 1, opened: 2, leaked: 1}},

	{"2 BeforeAcquire panics", func(c *pgxpool.Config) {
		//lint:ignore SA1019 the deprecated hook is tested on purpose
		c.BeforeAcquire = func(ctx context.Context, _ *pgx.Conn) bool { return runHook(ctx, whilePreparing) == nil }
	}, func(t *testing.T, f fixture) {
		recovering(func() { _, _ = f.pool.Acquire(during(context.Background(), whilePreparing, panics)) })
	}, aftermath{failed: 1, opened: 1, leaked: 1}},

	{"2 ShouldPing panics", pinging, func(t *testing.T, f fixture) {
		recovering(func() { _, _ = f.pool.Acquire(during(context.Background(), whilePinging, panics)) })
	}, aftermath{failed: 1, opened: 1, leaked: 1}},

	{"3 second release", nil, func(t *testing.T, f fixture) {
		conn := acquire(t, f.pool)
		conn.Release()
		other := acquire(t, f.pool) // the same connection
		conn.Release()
		if held := heldBy(f); held != "?" {
			t.Errorf("held by %s", held)
		}
		other.Release()
	}, aftermath{ok: 2, uses: 2, opened: 1}},

	{"3 AfterRelease goes on when the hold is over", func(c *pgxpool.Config) {
		c.AfterRelease = func(conn *pgx.Conn) bool { afterRelease(conn); return false }
	}, func(t *testing.T, f fixture) {
		conn := acquire(t, f.pool)
		running, leave := make(chan struct{}), make(chan struct{})
		conn.Conn().PgConn().CustomData()["test"] = func() { close(running); <-leave }
		conn.Release()
		<-running
		m := f.collect(t)
		if m.value(t, used) != 1 || m.value(t, "pgxpool.peak") != 1 || m.seconds(t, "pgxpool.oldest_hold") != 0 || heldBy(f) != "" {
			t.Errorf("used %d, peak %d, held by %q", m.value(t, used), m.value(t, "pgxpool.peak"), heldBy(f))
		}
		close(leave)
	}, aftermath{ok: 1, uses: 1, opened: 1, closed: map[string]int64{"other": 1}}},
}

// afterRelease runs what a test has left on a connection.
func afterRelease(conn *pgx.Conn) {
	if f, ok := conn.PgConn().CustomData()["test"].(func()); ok {
		f()
	}
}

// hijack takes a connection out of the pool, to be closed when the test is over.
func hijack(t *testing.T, conn *pgxpool.Conn) *pgx.Conn {
	t.Helper()
	own := conn.Hijack()
	t.Cleanup(func() { _ = own.Close(context.Background()) })
	return own
}

// hijackOddities are row 4: pgx tells nobody.
var hijackOddities = []oddity{
	{"4 hijack", nil, func(t *testing.T, f fixture) {
		hijack(t, acquire(t, f.pool))
		if held := heldBy(f); held != "" {
			t.Errorf("held before any collection by %s", held)
		}
	}, aftermath{ok: 1, opened: 1, hijacked: 1}},

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
	}, aftermath{ok: 3, uses: 2, opened: 3, hijacked: 1}},

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
	}, aftermath{ok: 5, uses: 4, opened: 3, hijacked: 1}},

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
	}, aftermath{ok: 3, uses: 2, opened: 2, hijacked: 1}},

	{"4 hijack while others dial", hooked, func(t *testing.T, f fixture) {
		first := acquire(t, f.pool)
		dialing, leave := make(chan struct{}), make(chan struct{})
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				conn, err := f.pool.Acquire(during(context.Background(), whileConnecting, func() error { dialing <- struct{}{}; <-leave; return nil }))
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
	}, aftermath{ok: 3, uses: 2, opened: 3, hijacked: 1}},

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
	}, aftermath{ok: 9, opened: 9, hijacked: 9}},

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
	}, aftermath{ok: 2, uses: 1, opened: 2, hijacked: 1}},

	{"4 hijack of what AcquireAllIdle took", nil, func(t *testing.T, f fixture) {
		acquire(t, f.pool).Release()
		for _, conn := range f.pool.AcquireAllIdle(t.Context()) {
			hijack(t, conn)
		}
	}, aftermath{ok: 1, uses: 1, opened: 1, hijacked: 1}},

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
	}, aftermath{ok: 2, uses: 1, opened: 2, hijacked: 1}},
}

// warm leaves the pool with n idle connections.
func warm(t *testing.T, f fixture, n int) {
	t.Helper()
	var conns []*pgxpool.Conn
	for range n {
		conns = append(conns, acquire(t, f.pool))
	}
	for _, conn := range conns {
		conn.Release()
	}
}

// allIdleOddities are row 5: connections come back that nobody acquired.
var allIdleOddities = []oddity{
	{"5 AcquireAllIdle", nil, func(t *testing.T, f fixture) {
		warm(t, f, 2)
		awaitCalm(t, f, 0)
		conns := f.pool.AcquireAllIdle(t.Context())
		m := f.collect(t)
		if m.value(t, used) != 2 || m.value(t, "pgxpool.peak") != 2 || heldBy(f) != "" {
			t.Errorf("used %d, peak %d, held by %q", m.value(t, used), m.value(t, "pgxpool.peak"), heldBy(f))
		}
		for _, conn := range conns {
			if _, err := conn.Exec(t.Context(), "SELECT 1"); err != nil {
				t.Error(err)
			}
			conn.Release()
		}
	}, aftermath{ok: 2, uses: 2, opened: 2}},

	{"5 AcquireAllIdle while others hold and wait", nil, func(t *testing.T, f fixture) {
		warm(t, f, oddConns)
		awaitCalm(t, f, 0)
		conn := acquire(t, f.pool)
		taken := f.pool.AcquireAllIdle(t.Context())
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() { f.exec(t, context.Background(), "SELECT 1") })
		}
		eventually(t, "two wait", func() bool { return f.collect(t).value(t, "db.client.connection.pending_requests") == 2 })
		m := f.collect(t)
		if m.value(t, used) != oddConns || m.value(t, "pgxpool.peak") != oddConns || heldBy(f) != "?" {
			t.Errorf("used %d, peak %d, held by %q", m.value(t, used), m.value(t, "pgxpool.peak"), heldBy(f))
		}
		eventually(t, "the peak knows of them", func() bool { return f.collect(t).value(t, "pgxpool.pending.peak") == 2 })
		for _, conn := range append(taken, conn) {
			conn.Release()
		}
		wg.Wait()
	}, aftermath{ok: 6, uses: 6, opened: 3}},

	{"5 AcquireAllIdle whose connections are refused", hooked, func(t *testing.T, f fixture) {
		warm(t, f, 3)
		if conns := f.pool.AcquireAllIdle(during(t.Context(), whilePreparing, refuses)); len(conns) != 0 {
			t.Errorf("%d acquired", len(conns))
		}
	}, aftermath{ok: 3, uses: 3, opened: 3, closed: map[string]int64{"other": 3}}},

	{"5 AcquireAllIdle in which PrepareConn panics", hooked, func(t *testing.T, f fixture) {
		warm(t, f, 2)
		recovering(func() { f.pool.AcquireAllIdle(during(t.Context(), whilePreparing, panics)) })
	}, aftermath{ok: 2, uses: 2, opened: 2, leaked: 2, unfit: true}}, // nobody can know how many are lost

	{"5 AcquireAllIdle, released in a transaction", nil, func(t *testing.T, f fixture) {
		warm(t, f, 1)
		for _, conn := range f.pool.AcquireAllIdle(t.Context()) {
			if _, err := conn.Begin(t.Context()); err != nil {
				t.Error(err)
			}
			conn.Release()
		}
	}, aftermath{ok: 1, uses: 1, opened: 1, closed: map[string]int64{"in_transaction": 1}}},
}

// dialOddities are rows 7 to 9.
var dialOddities = []oddity{
	{"7 MinConns dials", func(c *pgxpool.Config) { c.MinConns, c.MinIdleConns = 2, 1 }, func(t *testing.T, f fixture) {
		eventually(t, "two are dialed", func() bool { return f.pool.Stat().IdleConns() == 2 })
		m := f.collect(t)
		if m.value(t, "pgxpool.peak") != 0 || m.count("db.client.connection.create_time") != 2 || m.seconds(t, "pgxpool.acquire.phase_time{phase=connect}") != 0 {
			t.Errorf("peak %d, %d dials, %v s of acquires", m.value(t, "pgxpool.peak"), m.count("db.client.connection.create_time"), m.seconds(t, "pgxpool.acquire.phase_time{phase=connect}"))
		}
	}, aftermath{opened: 2}},

	{"7 health check fills up what was hijacked", func(c *pgxpool.Config) { c.MinConns = 1; c.HealthCheckPeriod = 20 * time.Millisecond }, func(t *testing.T, f fixture) {
		eventually(t, "one is dialed", func() bool { return f.pool.Stat().IdleConns() == 1 })
		hijack(t, acquire(t, f.pool))
		eventually(t, "another is dialed", func() bool { f.collect(t); return f.pool.Stat().IdleConns() == 1 })
	}, aftermath{ok: 1, opened: 2, hijacked: 1}},

	{"8 canceled while dialing", hooked, canceledWhileDialing(nil), aftermath{canceled: 1, opened: 1}},

	{"8 canceled while dialing what fails", hooked, canceledWhileDialing(errNotToday), aftermath{canceled: 1}},

	{"8 deadline while dialing", hooked, func(t *testing.T, f fixture) {
		leave := make(chan struct{})
		defer close(leave)
		ctx := pastContext{context.Background(), make(chan struct{})}
		refuseAcquire(t, f, during(ctx, whileConnected, func() error { close(ctx.past); <-leave; return nil }), context.DeadlineExceeded)
	}, aftermath{timeout: 1, opened: 1}},

	{"8 canceled while pinging", pinging, func(t *testing.T, f fixture) {
		warm(t, f, 1)
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		refuseAcquire(t, f, during(ctx, whilePinging, func() error { cancel(); return nil }), context.Canceled)
	}, aftermath{ok: 1, canceled: 1, uses: 1, opened: 1}},

	{"8 reset while dialing what nobody waits for any more", hooked, func(t *testing.T, f fixture) {
		dialing, leave := make(chan struct{}), make(chan struct{})
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		context.AfterFunc(ctx, func() { f.pool.Reset(); close(leave) })
		go func() { <-dialing; cancel() }()
		refuseAcquire(t, f, during(ctx, whileConnecting, func() error { close(dialing); <-leave; return nil }), context.Canceled)
	}, aftermath{canceled: 1, opened: 1, closed: map[string]int64{"other": 1}}},

	{"9 BeforeConnect fails", hooked, func(t *testing.T, f fixture) {
		refuseAcquire(t, f, during(t.Context(), whileConnecting, fails), errNotToday)
		connectErrors(t, f, 1)
	}, aftermath{failed: 1}},

	{"9 AfterConnect fails", hooked, func(t *testing.T, f fixture) {
		refuseAcquire(t, f, during(t.Context(), whileConnected, fails), errNotToday)
		connectErrors(t, f, 1)
	}, aftermath{failed: 1}},

	{"9 dials of MinConns fail", func(c *pgxpool.Config) {
		hooked(c)
		c.MinConns = 2
		var dials atomic.Int64
		c.BeforeConnect = func(context.Context, *pgx.ConnConfig) error { dials.Add(1); return nil }
		c.AfterConnect = func(context.Context, *pgx.Conn) error {
			if dials.Load() <= 2 {
				return errNotToday
			}
			return nil
		}
	}, func(t *testing.T, f fixture) {
		eventually(t, "they fail", func() bool { return f.pool.Stat().NewConnsCount() == 2 && f.pool.Stat().TotalConns() == 0 })
		connectErrors(t, f, 2)
	}, aftermath{}},
}

// pastContext is one whose deadline is past when a test says so.
type pastContext struct {
	context.Context
	past chan struct{}
}

func (c pastContext) Done() <-chan struct{} { return c.past }

func (c pastContext) Err() error {
	select {
	case <-c.past:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

// canceledWhileDialing cancels an acquire before its connect events begin, which they do only when it is over.
func canceledWhileDialing(failure error) func(t *testing.T, f fixture) {
	return func(t *testing.T, f fixture) {
		dialing, leave := make(chan struct{}), make(chan struct{})
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		go func() { <-dialing; cancel() }()
		refuseAcquire(t, f, during(ctx, whileConnecting, func() error { close(dialing); <-leave; return failure }), context.Canceled)
		before := f.collect(t)
		if before.value(t, "db.client.connection.pending_requests") != 0 || before.value(t, used) != 0 || before.value(t, "pgxpool.constructing") != 1 {
			t.Errorf("while it dials on: pending %d, used %d, constructing %d", before.value(t, "db.client.connection.pending_requests"),
				before.value(t, used), before.value(t, "pgxpool.constructing"))
		}
		close(leave)
		eventually(t, "dialed", func() bool { return f.pool.Stat().ConstructingConns() == 0 && f.pool.Stat().AcquiredConns() == 0 })
		after := f.collect(t)
		for _, phase := range []string{"queue", "connect", "ping", "prepare"} {
			key := "pgxpool.acquire.phase_time{phase=" + phase + "}"
			if got, want := after.seconds(t, key), before.seconds(t, key); got != want {
				t.Errorf("%s went from %v to %v s when the acquire was over", key, want, got)
			}
		}
	}
}

func connectErrors(t *testing.T, f fixture, want int64) {
	t.Helper()
	m := f.collect(t)
	var got int64
	for _, key := range m.keys("pgxpool.connections.errors") { // the first to fail cancels the other dials of MinConns
		got += m.value(t, key)
	}
	if got != want {
		t.Errorf("%d connect errors, want %d: %v", got, want, m.keys("pgxpool.connections.errors"))
	}
}

// closeOddities are rows 6 and 10: the pool closes connections of its own accord.
var closeOddities = []oddity{
	{"6 idle connections are closed", func(c *pgxpool.Config) {
		c.MaxConnIdleTime, c.HealthCheckPeriod = time.Millisecond, 10*time.Millisecond
	}, func(t *testing.T, f fixture) {
		for range 4 {
			warm(t, f, 3)
			for deadline := time.Now().Add(time.Minute); f.pool.Stat().TotalConns() > 0 && time.Now().Before(deadline); {
				f.collect(t) // as often as it can be, to see the counts between one part and the other
			}
		}
	}, aftermath{ok: 12, uses: 12, opened: 12, closed: map[string]int64{"idle": 12}}},

	{"6 lifetime ends while idle, acquired and released", func(c *pgxpool.Config) {
		c.MaxConnLifetime = time.Nanosecond
	}, func(t *testing.T, f fixture) {
		for range 3 { // a new one is as expired
			if conn, err := f.pool.Acquire(t.Context()); err == nil {
				conn.Release()
				t.Error("acquired")
			}
		}
		if m := f.collect(t); m.value(t, "pgxpool.acquires{result=error}") != 3 || m.value(t, "pgxpool.connections.opened") != 12 {
			t.Errorf("%d failed, %d opened", m.value(t, "pgxpool.acquires{result=error}"), m.value(t, "pgxpool.connections.opened"))
		}
	}, aftermath{failed: 3, opened: 12, closed: map[string]int64{"lifetime": 12}, unfit: true}},

	{"10 reset of idle connections", nil, func(t *testing.T, f fixture) {
		var wg sync.WaitGroup
		done := make(chan struct{})
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					f.collect(t)
				}
			}
		})
		for range 40 {
			warm(t, f, 3)
			f.pool.Reset()
			f.collect(t)
		}
		close(done)
		wg.Wait()
	}, aftermath{ok: 120, uses: 120, opened: 120, closed: map[string]int64{"other": 120}}},

	{"10 reset while held", nil, func(t *testing.T, f fixture) {
		conns := []*pgxpool.Conn{acquire(t, f.pool), acquire(t, f.pool)}
		f.pool.Reset()
		if m := f.collect(t); m.value(t, used) != 2 || heldBy(f) != "? ?" {
			t.Errorf("used %d, held by %q", m.value(t, used), heldBy(f))
		}
		for _, conn := range conns {
			conn.Release()
		}
	}, aftermath{ok: 2, uses: 2, opened: 2, closed: map[string]int64{"other": 2}}},

	{"10 close while some hold, wait and dial", func(c *pgxpool.Config) {
		hooked(c)
		c.BeforeConnect = func(ctx context.Context, _ *pgx.ConnConfig) error {
			if f, ok := ctx.Value(whileConnecting).(func(context.Context)); ok {
				f(ctx)
				return errNotToday
			}
			return nil
		}
	}, func(t *testing.T, f fixture) {
		conns := []*pgxpool.Conn{acquire(t, f.pool), acquire(t, f.pool)}
		dialing, closing, leave := make(chan struct{}), make(chan struct{}), make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			ctx := context.WithValue(context.Background(), whileConnecting, func(ctx context.Context) {
				close(dialing)
				<-ctx.Done() // by Close, when it takes no more acquires
				close(closing)
				<-leave
			})
			if _, err := f.pool.Acquire(ctx); err == nil {
				t.Error("acquired")
			}
		})
		<-dialing
		wg.Go(func() {
			if _, err := f.pool.Acquire(context.Background()); err == nil {
				t.Error("acquired from a closed pool")
			}
		})
		eventually(t, "one waits", func() bool { return f.collect(t).value(t, "db.client.connection.pending_requests") == 1 })
		wg.Go(func() { f.pool.Close() })
		<-closing
		refuseAcquire(t, f, canceledAt(context.Background(), time.Millisecond), context.Canceled)
		if held := heldBy(f); held != "? ?" {
			t.Errorf("held by %q", held)
		}
		close(leave)
		for _, conn := range conns {
			conn.Release()
		}
		wg.Wait()
		f.collect(t)
	}, aftermath{ok: 2, canceled: 1, failed: 2, uses: 2, opened: 2, closed: map[string]int64{"other": 2}, unfit: true}},

	{"10 acquire after close", nil, func(t *testing.T, f fixture) {
		warm(t, f, 3)
		f.pool.Close()
		for range 2 {
			if _, err := f.pool.Acquire(context.Background()); err == nil {
				t.Error("acquired from a closed pool")
			}
		}
	}, aftermath{ok: 3, failed: 2, uses: 3, opened: 3, closed: map[string]int64{"other": 3}, unfit: true}},
}

// canceledAt gives a context that is canceled after a while.
func canceledAt(ctx context.Context, d time.Duration) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	time.AfterFunc(d, cancel)
	return ctx
}

// operations checks how many there were of each name, and that there are no others.
func operations(t *testing.T, f fixture, want map[string]uint64) {
	t.Helper()
	m := f.collect(t)
	for key, n := range want {
		if got := m.count(key); got != n {
			t.Errorf("%s: %d, want %d", key, got, n)
		}
	}
	if keys := m.keys("db.client.operation.duration"); len(keys) != len(want) {
		t.Errorf("operations %q, want %d", keys, len(want))
	}
	if busy, total := m.seconds(t, "pgxpool.busy_time"), m.sum("db.client.connection.use_time"); busy > total {
		t.Errorf("busy for %v s of holds of %v s", busy, total)
	}
}

// queryOddities are rows 11 to 17.
var queryOddities = []oddity{
	{"11 pings are no operations", pinging, func(t *testing.T, f fixture) {
		ctx := during(context.Background(), whilePinging, func() error { return nil })
		for range 2 {
			if err := f.pool.Ping(ctx); err != nil {
				t.Error(err)
			}
		}
		conn := acquireWith(t, f.pool, ctx)
		if err := conn.Ping(ctx); err != nil {
			t.Error(err)
		}
		conn.Release()
		if f.collect(t).seconds(t, "pgxpool.acquire.phase_time{phase=ping}") <= 0 {
			t.Error("pings took no time")
		}
		operations(t, f, nil)
	}, aftermath{ok: 3, uses: 3, opened: 1}},

	{"11 ping of a dead connection", pinging, func(t *testing.T, f fixture) {
		warm(t, f, 1)
		for _, conn := range f.pool.AcquireAllIdle(t.Context()) {
			_ = conn.Conn().PgConn().Conn().Close() // the server is gone, nobody has noticed
			conn.Release()
		}
		acquireWith(t, f.pool, during(context.Background(), whilePinging, func() error { return nil })).Release()
	}, aftermath{ok: 2, uses: 2, opened: 2, closed: map[string]int64{"other": 1}}},

	{"12 batch that fails early ends twice", nil, func(t *testing.T, f fixture) {
		conn := acquire(t, f.pool)
		for range 3 {
			b := new(pgx.Batch)
			b.Queue("SELECT 1 FROM nothing")
			b.Queue("SELECT 2 FROM nothing")
			if err := conn.SendBatch(t.Context(), b).Close(); err == nil {
				t.Error("sent")
			}
			if held := f.inst.Held(); len(held) != 1 || held[0].Running {
				t.Errorf("held %+v", held)
			}
			if _, err := conn.Exec(t.Context(), "SELECT 1"); err != nil {
				t.Error(err)
			}
		}
		conn.Release()
		operations(t, f, map[string]uint64{operationKey("BATCH SELECT nothing", "42P01"): 3, operationKey("SELECT", ""): 3})
	}, aftermath{ok: 1, uses: 1, opened: 1}},

	{"12 empty batch", nil, func(t *testing.T, f fixture) {
		if err := f.pool.SendBatch(t.Context(), new(pgx.Batch)).Close(); err != nil {
			t.Error(err)
		}
		operations(t, f, nil)
	}, aftermath{ok: 1, uses: 1, opened: 1}},

	{"13 begin, commit and rollback are operations", nil, func(t *testing.T, f fixture) {
		for _, end := range []func(pgx.Tx) error{
			func(tx pgx.Tx) error { return tx.Commit(t.Context()) },
			func(tx pgx.Tx) error { return tx.Rollback(t.Context()) },
		} {
			tx, err := f.pool.Begin(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if held := f.inst.Held(); len(held) != 1 || held[0].Query != "BEGIN" || held[0].Running {
				t.Errorf("held %+v", held)
			}
			if err := end(tx); err != nil {
				t.Error(err)
			}
			if err := tx.Rollback(t.Context()); !errors.Is(err, pgx.ErrTxClosed) {
				t.Errorf("second end: %v", err)
			}
		}
		operations(t, f, map[string]uint64{operationKey("BEGIN", ""): 2, operationKey("COMMIT", ""): 1, operationKey("ROLLBACK", ""): 1})
	}, aftermath{ok: 2, uses: 2, opened: 1}},

	{"14 first run of a statement is one operation", nil, func(t *testing.T, f fixture) {
		for range 2 { // prepared in the first
			f.exec(t, t.Context(), "SELECT $1::int", 1)
		}
		operations(t, f, map[string]uint64{operationKey("SELECT", ""): 2})
	}, aftermath{ok: 2, uses: 2, opened: 1}},

	{"15 rows never closed", nil, func(t *testing.T, f fixture) {
		for range 2 {
			conn := named(t, f, "forgetful")
			rows, err := conn.Query(t.Context(), "SELECT generate_series(1, 10)")
			if err != nil {
				t.Fatal(err)
			}
			rows.Next()
			if held := f.inst.Held(); len(held) != 1 || !held[0].Running {
				t.Errorf("held %+v", held)
			}
			conn.Release()
		}
		f.exec(t, t.Context(), "SELECT 1 FROM pg_class LIMIT 1") // what never ended is not this one's
		operations(t, f, map[string]uint64{operationKey("SELECT pg_class", ""): 1})
	}, aftermath{ok: 3, uses: 3, opened: 3, closed: map[string]int64{"busy": 2}}},

	{"15 rows of the pool closed late", nil, func(t *testing.T, f fixture) {
		rows, err := f.pool.Query(t.Context(), "SELECT generate_series(1, 10)")
		if err != nil {
			t.Fatal(err)
		}
		m := f.collect(t)
		if m.value(t, used) != 1 || m.count(operationKey("SELECT", "")) != 0 {
			t.Errorf("used %d, %d operations over", m.value(t, used), m.count(operationKey("SELECT", "")))
		}
		for range 2 { // the second does nothing
			rows.Close()
		}
		operations(t, f, map[string]uint64{operationKey("SELECT", ""): 1})
	}, aftermath{ok: 1, uses: 1, opened: 1}},

	{"15 query canceled while it runs", nil, func(t *testing.T, f fixture) {
		conn := acquire(t, f.pool)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { _, err := conn.Exec(ctx, "SELECT pg_sleep(300)"); ended <- err }()
		pid := conn.Conn().PgConn().PID()
		eventuallySays(t, f, "it sleeps", "SELECT count(*) > 0 FROM pg_stat_activity WHERE pid = $1 AND wait_event = 'PgSleep'", pid)
		cancel()
		if err := <-ended; err == nil {
			t.Error("slept")
		}
		conn.Release()
	}, aftermath{ok: 1, uses: 1, opened: 1, closed: map[string]int64{"broken": 1}}},

	{"16 ends without a start", nil, func(t *testing.T, f fixture) {
		conn := acquire(t, f.pool)
		tracer := conn.Conn().Config().Tracer
		for range 3 {
			tracer.TraceQueryEnd(t.Context(), conn.Conn(), pgx.TraceQueryEndData{})
			tracer.(pgx.BatchTracer).TraceBatchEnd(t.Context(), conn.Conn(), pgx.TraceBatchEndData{})
			tracer.(pgx.CopyFromTracer).TraceCopyFromEnd(t.Context(), conn.Conn(), pgx.TraceCopyFromEndData{})
			tracer.(pgx.PrepareTracer).TracePrepareEnd(t.Context(), conn.Conn(), pgx.TracePrepareEndData{})
		}
		b := new(pgx.Batch)
		b.Queue("SELECT 1")
		b.Queue("SELECT 2")
		results := conn.SendBatch(t.Context(), b)
		rows, err := results.Query()
		if err != nil {
			t.Fatal(err)
		}
		rows.Close() // an event of the batch, not the end of a query
		tracer.TraceQueryEnd(t.Context(), conn.Conn(), pgx.TraceQueryEndData{})
		if err := results.Close(); err != nil {
			t.Error(err)
		}
		conn.Release()
		operations(t, f, map[string]uint64{operationKey("BATCH SELECT", ""): 1})
	}, aftermath{ok: 1, uses: 1, opened: 1}},

	{"17 no rows is no failure", nil, func(t *testing.T, f fixture) {
		var n int
		if err := f.pool.QueryRow(t.Context(), "SELECT 1 WHERE false").Scan(&n); !errors.Is(err, pgx.ErrNoRows) {
			t.Errorf("scan: %v", err)
		}
		var failure *pgconn.PgError
		if err := f.pool.QueryRow(t.Context(), "SELECT 1/0").Scan(&n); !errors.As(err, &failure) {
			t.Errorf("scan: %v", err)
		}
		operations(t, f, map[string]uint64{operationKey("SELECT", ""): 1, operationKey("SELECT", "22012"): 1})
	}, aftermath{ok: 2, uses: 2, opened: 1}},
}
