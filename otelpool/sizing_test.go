package otelpool_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/multitracer"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/tracelog"

	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

func TestPresetsMatchGuide(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ got, want otelpool.Sizing }{
		"development": {otelpool.Development, otelpool.Sizing{PoolSize: 2, MaxOverflow: 5, PrePing: true}},
		"staging":     {otelpool.Staging, otelpool.Sizing{PoolSize: 5, MaxOverflow: 10, PrePing: true, Recycle: time.Hour}},
		"production":  {otelpool.Production, otelpool.Sizing{PoolSize: 20, MaxOverflow: 40, PrePing: true, Recycle: time.Hour, Timeout: 30 * time.Second}},
	} {
		t.Run(name, func(t *testing.T) {
			checkEqual(t, "preset", tt.got, tt.want)
			config := parse(t, "host=localhost")
			apply(t, tt.got, config)
			checkEqual(t, "MaxConns", config.MaxConns, int32(tt.want.PoolSize+tt.want.MaxOverflow))
			if r := tt.want.Recycle; r > 0 {
				checkEqual(t, "MaxConnLifetime", config.MaxConnLifetime, r)
				checkEqual(t, "MaxConnLifetimeJitter", config.MaxConnLifetimeJitter, r/10)
			}
		})
	}
}

func TestApplyRefusesInvalidSizing(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		sizing otelpool.Sizing
		dsn    string
		want   string
	}{
		{otelpool.Sizing{}, "", "pool size 0 means no limit"},
		{otelpool.Sizing{PoolSize: -1}, "", "pool size -1 is below 1"},
		{otelpool.Sizing{PoolSize: 5, MaxOverflow: -1}, "", "max overflow -1 means no limit"},
		{otelpool.Sizing{PoolSize: 5, MaxOverflow: -2}, "", "max overflow -2 is below 0"},
		{otelpool.Sizing{PoolSize: math.MaxInt32, MaxOverflow: 1}, "", "exceeds 2147483647"},
		{otelpool.Sizing{PoolSize: math.MaxInt, MaxOverflow: math.MaxInt}, "", "exceeds 2147483647"},
		{otelpool.Sizing{PoolSize: 5, Recycle: -1}, "", "recycle -1ns is below 0"},
		{otelpool.Sizing{PoolSize: 5, Timeout: -time.Second}, "", "timeout -1s is below 0"},
		{otelpool.Sizing{PoolSize: 5, Timeout: 30}, "", "timeout 30ns is below 1ms: use a duration with a unit, such as 30*time.Second"},
		{otelpool.Sizing{PoolSize: 5, Recycle: 3600}, "", "recycle 3.6µs is below 1ms: use a duration with a unit, such as 30*time.Second"},
		{otelpool.Sizing{PoolSize: 5}, "pool_min_conns=6", "MinConns or MinIdleConns of the configuration (6) exceeds the pool size 5"},
		{otelpool.Sizing{PoolSize: 5}, "pool_min_idle_conns=7", "(7) exceeds the pool size 5"},
	} {
		config := parse(t, "host=localhost "+tt.dsn)
		before := config.MaxConns
		testutil.ErrorContains(t, tt.sizing.Apply(config), tt.want)
		if config.MaxConns != before || config.ConnConfig.Tracer != nil || config.AfterRelease != nil {
			t.Errorf("%+v: the configuration was changed", tt.sizing)
		}
	}
}

func TestApplyRefusesInvalidConfig(t *testing.T) {
	t.Parallel()
	applied, instrumented := parse(t, "host=localhost"), parse(t, "host=localhost")
	apply(t, otelpool.Staging, applied)
	instrument(t, instrumented)
	for want, config := range map[string]*pgxpool.Config{
		"configuration is nil": nil, "already has a sizing": applied, "apply the sizing first": instrumented,
	} {
		testutil.ErrorContains(t, otelpool.Staging.Apply(config), want)
	}
}

func TestReplacedSizingTracerIsAnError(t *testing.T) {
	t.Parallel()
	sizings := map[string]otelpool.Sizing{
		"size":     {PoolSize: 2},
		"overflow": {PoolSize: 2, MaxOverflow: 2},
		"pre-ping": {PoolSize: 2, PrePing: true},
		"timeout":  {PoolSize: 2, Timeout: time.Second},
	}
	entrances := map[string]func(*testing.T, *pgxpool.Config) error{
		"Instrument": func(_ *testing.T, c *pgxpool.Config) error { _, err := otelpool.Instrument(c); return err },
		"NewWithConfig": func(t *testing.T, c *pgxpool.Config) error {
			pool, inst, err := otelpool.NewWithConfig(t.Context(), c)
			if err == nil {
				pool.Close()
				return inst.Unregister()
			}
			return err
		},
		"Register": func(t *testing.T, c *pgxpool.Config) error {
			pool := newPool(t, c)
			inst, err := otelpool.Register(pool)
			return errors.Join(err, inst.Unregister())
		},
		"Apply": func(_ *testing.T, c *pgxpool.Config) error { return otelpool.Sizing{PoolSize: 1}.Apply(c) },
	}
	for name, s := range sizings {
		for entrance, enter := range entrances {
			t.Run(name+" "+entrance, func(t *testing.T) {
				t.Parallel()
				config := parse(t, "host=localhost")
				apply(t, s, config)
				joined := config.Copy()
				joined.ConnConfig.Tracer = multitracer.New(joined.ConnConfig.Tracer, &tracelog.TraceLog{})
				if err := enter(t, joined); entrance != "Apply" && err != nil {
					t.Errorf("joined: %v", err)
				}
				config = config.Copy()
				config.ConnConfig.Tracer = &tracelog.TraceLog{}
				testutil.ErrorContains(t, enter(t, config), "tracer of the sizing was replaced by a *tracelog.TraceLog")
			})
		}
	}
	t.Run("and other hooks", func(t *testing.T) {
		t.Parallel()
		config := parse(t, "host=localhost")
		apply(t, otelpool.Sizing{PoolSize: 2, MaxOverflow: 1}, config)
		config.ConnConfig.Tracer, config.BeforeConnect = nil, func(context.Context, *pgx.ConnConfig) error { return nil }
		_, err := otelpool.Instrument(config)
		testutil.ErrorContains(t, err, "was removed")
	})
}

// TestApplyWarnsOfReplacedMaxConns changes the default logger, so no other test may run. A pair of numbers is said once
// in a process, so they are random.
func TestApplyWarnsOfReplacedMaxConns(t *testing.T) {
	logger, writer, flags := slog.Default(), log.Writer(), log.Flags()
	t.Cleanup(func() { slog.SetDefault(logger); log.SetOutput(writer); log.SetFlags(flags) })
	lines := make(chan string, 10)
	slog.SetDefault(slog.New(slog.NewTextHandler(lineWriter(lines), nil)))
	size := 10_000 + rand.IntN(1_000_000)
	for _, tt := range []struct {
		params string
		set    int // MaxConns, if not 0
		want   string
	}{
		{"", 0, ""},
		{fmt.Sprint("?pool_max_conns=", size+15), 0, ""},
		{"?pool_max_conns=1007", 0, fmt.Sprintf("max_conns=%d replaced=1007", size+15)},
		{"?pool_max_conns=1007", 0, ""}, // said already
		{"", 1009, fmt.Sprintf("max_conns=%d replaced=1009", size+15)},
	} {
		config := parse(t, "postgres://app:hunter2@db/shop"+tt.params)
		if tt.set != 0 {
			config.MaxConns = int32(tt.set)
		}
		apply(t, otelpool.Sizing{PoolSize: size, MaxOverflow: 15}, config)
		if tt.want == "" {
			continue // the next line would be another's
		}
		select {
		case line := <-lines:
			if !strings.Contains(line, "level=WARN") || !strings.Contains(line, "pool=db:5432/shop "+tt.want) || strings.Contains(line, "hunter2") {
				t.Errorf("%s: got %s, want %s", tt.params, line, tt.want)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("%s: no line", tt.params)
		}
	}
}

// lineWriter sends each write.
type lineWriter chan string

func (w lineWriter) Write(line []byte) (int, error) {
	w <- string(line)
	return len(line), nil
}

// TestSizedPoolCountsAsSQLAlchemy compares pools with a model of SQLAlchemy's, after each of 150 random steps.
func TestSizedPoolCountsAsSQLAlchemy(t *testing.T) {
	t.Parallel()
	for _, s := range []otelpool.Sizing{{PoolSize: 1}, {PoolSize: 2, MaxOverflow: 5}, {PoolSize: 5, MaxOverflow: 10}, {PoolSize: 3, MaxOverflow: 1, PrePing: true}} {
		t.Run(fmt.Sprint(s.PoolSize, "+", s.MaxOverflow), func(t *testing.T) {
			t.Parallel()
			seed := rand.Uint64()
			random := rand.New(rand.NewPCG(seed, 0))
			f := sized(t, s, nil)
			model := queuePool{size: s.PoolSize, maxOverflow: s.MaxOverflow}
			var held []*pgxpool.Conn
			for step := range 150 {
				if random.IntN(2) == 0 || len(held) == 0 {
					ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
					if len(held) == s.PoolSize+s.MaxOverflow {
						cancel() // the model has none, so there is no need to wait
					}
					conn, err := f.pool.Acquire(ctx)
					cancel()
					if got, want := err == nil, model.checkout(); got != want {
						t.Fatalf("seed %d, step %d: checkout %t, the model says %t", seed, step, got, want)
					}
					if err == nil {
						held = append(held, conn)
					}
				} else {
					i := random.IntN(len(held))
					held[i].Release()
					held = append(held[:i], held[i+1:]...)
					model.checkin()
				}
				var m metrics
				testutil.Eventually(t, fmt.Sprintf("seed %d, step %d: as the model, %+v", seed, step, model), func() bool {
					m = f.collect(t)
					return m.value(t, idle) == int64(model.in) && m.value(t, used) == int64(model.out)
				})
				if got, want := m.value(t, "pgxpool.overflow"), int64(max(0, model.out-model.size)); got != want {
					t.Errorf("seed %d, step %d: overflow %d, want %d", seed, step, got, want)
				}
				m.check(t, map[string]int64{"pgxpool.size": int64(s.PoolSize), "pgxpool.overflow.max": int64(s.MaxOverflow)})
				if s.MaxOverflow > 0 {
					m.check(t, map[string]int64{"db.client.connection.idle.max": int64(s.PoolSize)})
				}
				if t.Failed() {
					break
				}
			}
			postgrestest.Release(held)
		})
	}
}

// queuePool is a model of SQLAlchemy's QueuePool: its numbers, without its connections.
type queuePool struct{ size, maxOverflow, in, out int }

// checkout takes a connection, and reports whether there was one.
func (q *queuePool) checkout() bool {
	switch {
	case q.in > 0:
		q.in--
	case q.out >= q.size+q.maxOverflow:
		return false
	}
	q.out++
	return true
}

// checkin returns a connection. If the queue is full, the connection is closed.
func (q *queuePool) checkin() {
	q.out--
	if q.in < q.size {
		q.in++
	}
}

func TestIdleSettlesAtPoolSize(t *testing.T) {
	t.Parallel()
	f := sized(t, otelpool.Sizing{PoolSize: 3, MaxOverflow: 9}, nil)
	const rounds = 5
	for range rounds {
		var wg sync.WaitGroup
		for _, conn := range postgrestest.Hold(t, f.pool, 12) { // all at the same time
			wg.Go(conn.Release)
		}
		wg.Wait()
		testutil.Eventually(t, "the pool settles", func() bool { return f.pool.Stat().AcquiredConns() == 0 })
		if got := f.pool.Stat().IdleConns(); got != 3 {
			t.Fatalf("%d idle, want 3", got)
		}
	}
	f.collect(t).check(t, map[string]int64{"pgxpool.overflow.opened": rounds * 9, "pgxpool.connections.closed{reason=overflow}": rounds * 9})
}

// TestReleaseClosesSurplusIdleConns has connections become idle without a release. Later releases must close the surplus.
func TestReleaseClosesSurplusIdleConns(t *testing.T) {
	t.Parallel()
	t.Run("of MinIdleConns", func(t *testing.T) {
		t.Parallel()
		f := sized(t, otelpool.Sizing{PoolSize: 3, MaxOverflow: 6}, func(c *pgxpool.Config) {
			c.MinIdleConns, c.HealthCheckPeriod = 3, 20*time.Millisecond
		})
		filled := func() bool { return f.pool.Stat().IdleConns() >= 3 }
		testutil.Eventually(t, "three are idle", filled)
		conns := postgrestest.Hold(t, f.pool, 3)
		testutil.Eventually(t, "three more are idle", filled)
		postgrestest.Release(conns)
		settled(t, f.pool, 3)
	})
	t.Run("kept by a failing PrepareConn", func(t *testing.T) {
		t.Parallel()
		f := sized(t, otelpool.Sizing{PoolSize: 1, MaxOverflow: 4}, hooked)
		for i, conn := range postgrestest.Hold(t, f.pool, 5) {
			conn.Release()
			testutil.Eventually(t, "it is released", func() bool { return f.pool.Stat().AcquiredConns() == int32(4-i) })
			refuseAcquire(t, f.pool, withHook(t.Context(), inPrepareConn, fails), errNotToday)
		}
		settled(t, f.pool, 1)
	})
	t.Run("beside a hijacked one", func(t *testing.T) {
		t.Parallel()
		f := sized(t, otelpool.Sizing{PoolSize: 1, MaxOverflow: 1}, nil)
		acquire(t, f.pool).Release()
		settled(t, f.pool, 1)
		for _, conn := range f.pool.AcquireAllIdle(t.Context()) {
			defer conn.Hijack().Close(context.Background())
		}
		for range 3 {
			acquire(t, f.pool).Release()
			settled(t, f.pool, 1)
		}
		checkEqual(t, "idle", f.pool.Stat().IdleConns(), 1)
	})
}

// TestReuseOpensNoOverflow has as many callers as the pool size, each of which acquires right after it has released.
func TestReuseOpensNoOverflow(t *testing.T) {
	t.Parallel()
	const callers, queries = 4, 200
	f := sized(t, otelpool.Sizing{PoolSize: callers, MaxOverflow: 2 * callers, PrePing: true}, nil)
	warm(t, f, callers)
	settled(t, f.pool, callers)
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for range queries {
				f.exec(t, t.Context(), "SELECT 1")
			}
		})
	}
	wg.Wait()
	f.collect(t).check(t, map[string]int64{"pgxpool.overflow.opened": 0, "pgxpool.connections.opened": callers, "pgxpool.acquires{result=ok}": callers * (queries + 1)})
}

// TestHijackedIdleConnsAreNotIdle has connections hijacked that AcquireAllIdle took. They must not stay counted as idle.
func TestHijackedIdleConnsAreNotIdle(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*pgxpool.Config){
		"":                  nil,
		"with AfterRelease": func(c *pgxpool.Config) { c.AfterRelease = func(*pgx.Conn) bool { return true } },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := sized(t, otelpool.Sizing{PoolSize: 5, MaxOverflow: 10}, change)
			warm(t, f, 5)
			settled(t, f.pool, 5)
			for _, conn := range f.pool.AcquireAllIdle(t.Context()) {
				hijack(t, conn)
			}
			held := postgrestest.Hold(t, f.pool, 5) // so that the pool has more than PoolSize
			for range 50 {
				acquire(t, f.pool).Release()
				testutil.Eventually(t, "only the held are in use", func() bool { return f.pool.Stat().AcquiredConns() == 5 })
			}
			checkEqual(t, "dials after the hijack", f.pool.Stat().NewConnsCount()-5, 6)
			postgrestest.Release(held)
			settled(t, f.pool, 5)
		})
	}
}

// TestBeforeCloseMayUseSurplusConn has the hook that pgxpool calls before it closes a connection run a query.
func TestBeforeCloseMayUseSurplusConn(t *testing.T) {
	t.Parallel()
	closed := make(chan error, 2)
	f := sized(t, otelpool.Sizing{PoolSize: 1, MaxOverflow: 2}, func(c *pgxpool.Config) {
		c.BeforeClose = func(pc *pgx.Conn) {
			_, err := pc.Exec(context.Background(), "SELECT 1")
			closed <- err
		}
	})
	warm(t, f, 2)
	if err := <-closed; err != nil {
		t.Errorf("query before the close: %v", err)
	}
	f.collect(t).check(t, map[string]int64{"pgxpool.connections.closed{reason=overflow}": 1})
}

// TestShortRecycleHasJitter dials twenty connections together. Some of them must become older than the others.
func TestShortRecycleHasJitter(t *testing.T) {
	t.Parallel()
	const conns = 20
	var opened sync.Map // by connection
	ages := make(chan time.Duration, conns)
	f := sized(t, otelpool.Sizing{PoolSize: conns, Recycle: time.Second}, func(c *pgxpool.Config) {
		c.HealthCheckPeriod = 50 * time.Millisecond
		c.AfterConnect = func(_ context.Context, pc *pgx.Conn) error { opened.Store(pc, time.Now()); return nil }
		c.BeforeClose = func(pc *pgx.Conn) {
			if at, ok := opened.LoadAndDelete(pc); ok {
				ages <- time.Since(at.(time.Time))
			}
		}
	})
	warm(t, f, conns)
	checkEqual(t, "MaxConnLifetime", f.pool.Config().MaxConnLifetime, time.Second)
	var oldest time.Duration
	for range conns {
		oldest = max(oldest, <-ages)
	}
	if oldest < 2*time.Second {
		t.Errorf("the oldest was closed at the age of %v, want 2s or more", oldest)
	}
}

func TestUserAfterReleaseStillDecides(t *testing.T) {
	t.Parallel()
	var called atomic.Int64
	f := sized(t, otelpool.Sizing{PoolSize: 2, MaxOverflow: 1}, func(c *pgxpool.Config) {
		c.AfterRelease = func(*pgx.Conn) bool { return called.Add(1)%2 == 0 }
	})
	for range 4 {
		acquire(t, f.pool).Release()
		testutil.Eventually(t, "the pool settles", func() bool { return f.pool.Stat().AcquiredConns() == 0 })
	}
	checkEqual(t, "calls of AfterRelease", called.Load(), 4)
	checkEqual(t, "opened, as AfterRelease refused the first and third", f.collect(t).value(t, "pgxpool.connections.opened"), 3)
}

func TestSizingWithoutOverflowAddsNoHooks(t *testing.T) {
	t.Parallel()
	config := parse(t, "host=localhost")
	apply(t, otelpool.Sizing{PoolSize: 5}, config)
	checkEqual(t, "has AfterRelease", config.AfterRelease != nil, false)
	checkEqual(t, "has BeforeClose", config.BeforeClose != nil, false)
	checkEqual(t, "has ShouldPing", config.ShouldPing != nil, false)
}

func TestPrePingReplacesDeadConn(t *testing.T) {
	t.Parallel()
	f := sized(t, otelpool.Sizing{PoolSize: 1, PrePing: true}, nil)
	warm(t, f, 1)
	conn := acquire(t, f.pool)
	pid := conn.Conn().PgConn().PID()
	conn.Release()
	terminate(t, f, pid)
	conn = acquire(t, f.pool)
	defer conn.Release()
	if err := conn.Ping(t.Context()); err != nil {
		t.Errorf("ping: %v", err)
	}
	if conn.Conn().PgConn().PID() == pid {
		t.Error("acquired the dead connection")
	}
}

func TestSizingWorksWithoutInstrumentation(t *testing.T) {
	t.Parallel()
	config := parse(t, database(t))
	apply(t, otelpool.Sizing{PoolSize: 1, MaxOverflow: 3, Timeout: 2 * time.Second}, config)
	for _, name := range []string{"first", "second"} {
		config := config.Copy()
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := newPool(t, config)
			conns := dialAll(t, pool, 4)
			if _, err := pool.Acquire(t.Context()); !errors.Is(err, otelpool.ErrAcquireTimeout) {
				t.Errorf("acquire: %v", err)
			}
			postgrestest.Release(conns)
			testutil.Eventually(t, "the pool settles", func() bool { return pool.Stat().AcquiredConns() == 0 })
			checkEqual(t, "idle", pool.Stat().IdleConns(), 1)
		})
	}
}
