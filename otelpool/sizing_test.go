package otelpool_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/otelpool"
)

func TestPresetsMatchGuide(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ got, want otelpool.Sizing }{
		"development": {otelpool.Development, otelpool.Sizing{PoolSize: 2, MaxOverflow: 5, PrePing: true}},
		"staging":     {otelpool.Staging, otelpool.Sizing{PoolSize: 5, MaxOverflow: 10, PrePing: true, Recycle: time.Hour}},
		"production":  {otelpool.Production, otelpool.Sizing{PoolSize: 20, MaxOverflow: 40, PrePing: true, Recycle: time.Hour, Timeout: 30 * time.Second}},
	} {
		if tt.got != tt.want {
			t.Errorf("%s is %+v, want %+v", name, tt.got, tt.want)
		}
		config := parse(t, "host=localhost")
		if err := tt.got.Apply(config); err != nil {
			t.Error(err)
		}
		if config.MaxConns != int32(tt.want.PoolSize+tt.want.MaxOverflow) {
			t.Errorf("%s has %d connections at most", name, config.MaxConns)
		}
		if r := tt.want.Recycle; r > 0 && (config.MaxConnLifetime != r || config.MaxConnLifetimeJitter != r/10) {
			t.Errorf("%s recycles after %v and %v", name, config.MaxConnLifetime, config.MaxConnLifetimeJitter)
		}
	}
}

func TestApplyRefusesInvalidSizing(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		sizing otelpool.Sizing
		dsn    string
		want   string
	}{
		{otelpool.Sizing{}, "", "pool size 0 is a pool without a limit"},
		{otelpool.Sizing{PoolSize: -1}, "", "pool size -1 is below 1"},
		{otelpool.Sizing{PoolSize: 5, MaxOverflow: -1}, "", "max overflow -1 is overflow without a limit"},
		{otelpool.Sizing{PoolSize: 5, MaxOverflow: -2}, "", "max overflow -2 is below 0"},
		{otelpool.Sizing{PoolSize: math.MaxInt32, MaxOverflow: 1}, "", "together more than 2147483647"},
		{otelpool.Sizing{PoolSize: math.MaxInt, MaxOverflow: math.MaxInt}, "", "together more than 2147483647"},
		{otelpool.Sizing{PoolSize: 5, Recycle: -1}, "", "recycle -1ns is below 0"},
		{otelpool.Sizing{PoolSize: 5, Timeout: -time.Second}, "", "timeout -1s is below 0"},
		{otelpool.Sizing{PoolSize: 5}, "pool_min_conns=6", "MinConns or MinIdleConns of the configuration, 6, exceeds the pool size 5"},
		{otelpool.Sizing{PoolSize: 5}, "pool_min_idle_conns=7", "7, exceeds the pool size 5"},
	} {
		config := parse(t, "host=localhost "+tt.dsn)
		before := config.MaxConns
		err := tt.sizing.Apply(config)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: error %v, want one with %q", tt.sizing, err, tt.want)
		}
		if config.MaxConns != before || config.ConnConfig.Tracer != nil || config.AfterRelease != nil {
			t.Errorf("%+v: the configuration was changed", tt.sizing)
		}
	}
	if err := otelpool.Staging.Apply(nil); err == nil {
		t.Error("applied to nil")
	}
	config := parse(t, "host=localhost")
	if err := otelpool.Staging.Apply(config); err != nil {
		t.Fatal(err)
	}
	if err := otelpool.Staging.Apply(config); err == nil || !strings.Contains(err.Error(), "has a sizing already") {
		t.Errorf("applied twice: %v", err)
	}
	config = parse(t, "host=localhost")
	if _, err := otelpool.Instrument(config); err != nil {
		t.Fatal(err)
	}
	if err := otelpool.Staging.Apply(config); err == nil || !strings.Contains(err.Error(), "apply the sizing first") {
		t.Errorf("applied to an instrumented configuration: %v", err)
	}
}

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
			for step := range 300 {
				if random.IntN(2) == 0 || len(held) == 0 {
					ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
					if len(held) == s.PoolSize+s.MaxOverflow {
						cancel() // the model says that there is none: no need to wait
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
				settled := func() bool {
					m = f.collect(t)
					return m.value(t, idle) == int64(model.in) && m.value(t, used) == int64(model.out)
				}
				deadline := time.After(20 * time.Second)
				for tick := time.NewTicker(time.Millisecond); !settled(); {
					select {
					case <-tick.C:
					case <-deadline:
						t.Fatalf("seed %d, step %d: in %d, out %d; the model says %+v", seed, step, m.value(t, idle), m.value(t, used), model)
					}
				}
				if got, want := m.value(t, "pgxpool.overflow"), int64(max(0, model.out-model.size)); got != want {
					t.Errorf("seed %d, step %d: overflow %d, want %d", seed, step, got, want)
				}
				if m.value(t, "pgxpool.size") != int64(s.PoolSize) || m.value(t, "pgxpool.overflow.max") != int64(s.MaxOverflow) ||
					m.value(t, "db.client.connection.idle.max") != int64(s.PoolSize) && s.MaxOverflow > 0 {
					t.Fatalf("the pool is described as %v", m)
				}
			}
			for _, conn := range held {
				conn.Release()
			}
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

// checkin gives one back; into a full queue it does not go.
func (q *queuePool) checkin() {
	q.out--
	if q.in < q.size {
		q.in++
	}
}

func TestIdleSettlesAtPoolSize(t *testing.T) {
	t.Parallel()
	f := sized(t, otelpool.Sizing{PoolSize: 3, MaxOverflow: 9}, nil)
	for range 20 {
		var conns []*pgxpool.Conn
		for range 12 {
			conns = append(conns, acquire(t, f.pool))
		}
		var wg sync.WaitGroup
		for _, conn := range conns { // all at once
			wg.Go(conn.Release)
		}
		wg.Wait()
		eventually(t, "the pool settles", func() bool { return f.pool.Stat().AcquiredConns() == 0 })
		if got := f.pool.Stat().IdleConns(); got != 3 {
			t.Fatalf("%d idle, want 3", got)
		}
	}
	m := f.collect(t)
	if got := m.value(t, "pgxpool.overflow.opened"); got != 20*9 {
		t.Errorf("%d opened beyond the pool size, want %d", got, 20*9)
	}
	if got := m.value(t, "pgxpool.connections.closed{reason=overflow}"); got != 20*9 {
		t.Errorf("%d closed as overflow, want %d", got, 20*9)
	}
}

func TestReleaseClosesSurplusIdleConns(t *testing.T) {
	t.Parallel()
	t.Run("of MinIdleConns", func(t *testing.T) {
		t.Parallel()
		f := sized(t, otelpool.Sizing{PoolSize: 3, MaxOverflow: 6}, func(c *pgxpool.Config) {
			c.MinIdleConns, c.HealthCheckPeriod = 3, 20*time.Millisecond
		})
		filled := func() bool { return f.pool.Stat().IdleConns() >= 3 }
		eventually(t, "three are idle", filled)
		var conns []*pgxpool.Conn
		for range 3 {
			conns = append(conns, acquire(t, f.pool))
		}
		eventually(t, "three more are idle", filled)
		for _, conn := range conns {
			conn.Release()
		}
		settled(t, f.pool, 3)
	})
	t.Run("kept by a failing PrepareConn", func(t *testing.T) {
		t.Parallel()
		type fail struct{}
		f := sized(t, otelpool.Sizing{PoolSize: 1, MaxOverflow: 4}, func(c *pgxpool.Config) {
			c.PrepareConn = func(ctx context.Context, _ *pgx.Conn) (bool, error) {
				if ctx.Value(fail{}) != nil {
					return true, errors.New("no")
				}
				return true, nil
			}
		})
		var conns []*pgxpool.Conn
		for range 5 {
			conns = append(conns, acquire(t, f.pool))
		}
		for i, conn := range conns {
			conn.Release()
			eventually(t, "it is back", func() bool { return f.pool.Stat().AcquiredConns() == int32(4-i) })
			if _, err := f.pool.Acquire(context.WithValue(t.Context(), fail{}, true)); err == nil {
				t.Fatal("acquired")
			}
		}
		settled(t, f.pool, 1)
	})
	t.Run("and one that is hijacked does not count for ever", func(t *testing.T) {
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
		if got := f.pool.Stat().IdleConns(); got != 1 {
			t.Errorf("%d idle, want 1", got)
		}
	})
}

func TestUserAfterReleaseStillDecides(t *testing.T) {
	t.Parallel()
	var called atomic.Int64
	f := sized(t, otelpool.Sizing{PoolSize: 2, MaxOverflow: 1}, func(c *pgxpool.Config) {
		c.AfterRelease = func(*pgx.Conn) bool { return called.Add(1)%2 == 0 }
	})
	for range 4 {
		acquire(t, f.pool).Release()
		eventually(t, "the pool settles", func() bool { return f.pool.Stat().AcquiredConns() == 0 })
	}
	if called.Load() != 4 {
		t.Errorf("called %d times", called.Load())
	}
	if got := f.collect(t).value(t, "pgxpool.connections.opened"); got != 3 { // the first and third were refused
		t.Errorf("%d opened, want 3", got)
	}
}

func TestSizingWithoutOverflowAddsNoHooks(t *testing.T) {
	t.Parallel()
	config := parse(t, "host=localhost")
	if err := (otelpool.Sizing{PoolSize: 5}).Apply(config); err != nil {
		t.Fatal(err)
	}
	if config.AfterRelease != nil || config.BeforeClose != nil || config.ShouldPing != nil {
		t.Error("there are hooks that a pool without overflow does not need")
	}
}

func TestPrePingReplacesDeadConn(t *testing.T) {
	t.Parallel()
	f := sized(t, otelpool.Sizing{PoolSize: 1, PrePing: true}, nil)
	pings := func() bool {
		before := f.collect(t).seconds(t, "pgxpool.acquire.phase_time{phase=ping}")
		acquire(t, f.pool).Release()
		return f.collect(t).seconds(t, "pgxpool.acquire.phase_time{phase=ping}") > before+20e-6 // a hook alone is far less
	}
	pings() // dials
	conn := acquire(t, f.pool)
	pid := conn.Conn().PgConn().PID()
	conn.Release()
	terminate(t, f, pid)
	conn = acquire(t, f.pool) // a dead connection is found and replaced at once
	if err := conn.Ping(t.Context()); err != nil || conn.Conn().PgConn().PID() == pid {
		t.Errorf("got the dead connection: %v", err)
	}
	conn.Release()
}

func TestSizingWorksWithoutInstrumentation(t *testing.T) {
	t.Parallel()
	config := parse(t, database(t))
	if err := (otelpool.Sizing{PoolSize: 1, MaxOverflow: 3, Timeout: 2 * time.Second}).Apply(config); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		pool, err := pgxpool.NewWithConfig(t.Context(), config.Copy())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(pool.Close)
		conns := dialAll(t, pool, 4)
		if _, err := pool.Acquire(t.Context()); !errors.Is(err, otelpool.ErrAcquireTimeout) {
			t.Errorf("acquire: %v", err)
		}
		for _, conn := range conns {
			conn.Release()
		}
		eventually(t, "the pool settles", func() bool { return pool.Stat().AcquiredConns() == 0 })
		if got := pool.Stat().IdleConns(); got != 1 {
			t.Errorf("%d idle, want 1", got)
		}
	}
}
