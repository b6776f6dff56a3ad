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

func TestPresetsAreTheGuides(t *testing.T) {
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

func TestSizingRefusesWhatCannotBe(t *testing.T) {
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

// sized makes an instrumented pool of a Sizing.
func sized(t *testing.T, s otelpool.Sizing, change func(*pgxpool.Config)) fixture {
	t.Helper()
	return setup(t, 4, func(c *pgxpool.Config) {
		if change != nil {
			change(c)
		}
		if err := s.Apply(c); err != nil {
			t.Fatal(err)
		}
	})
}

// dialAll acquires n connections of a pool with a limit that a dial may not keep to on a busy machine: one that was dialed
// too late becomes idle, and is there the next time.
func dialAll(t testing.TB, pool *pgxpool.Pool, n int) (conns []*pgxpool.Conn) {
	t.Helper()
	eventually(t, "all are dialed", func() bool {
		conn, err := pool.Acquire(t.Context())
		switch {
		case err == nil:
			conns = append(conns, conn)
		case !errors.Is(err, otelpool.ErrAcquireTimeout):
			t.Fatal(err)
		}
		return len(conns) == n
	})
	return conns
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

func TestPoolOfASizingCountsAsSQLAlchemysDoes(t *testing.T) {
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

func TestIdleNeverSettlesAboveThePoolSize(t *testing.T) {
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

func TestAfterReleaseOfTheUserStillDecides(t *testing.T) {
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

func TestSizingWithoutOverflowAddsNothingToARelease(t *testing.T) {
	t.Parallel()
	config := parse(t, "host=localhost")
	if err := (otelpool.Sizing{PoolSize: 5}).Apply(config); err != nil {
		t.Fatal(err)
	}
	if config.AfterRelease != nil || config.BeforeClose != nil || config.ShouldPing != nil {
		t.Error("there are hooks that a pool without overflow does not need")
	}
}

func TestPrePingAsksAllButFreshConnections(t *testing.T) {
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

func TestAcquireTimeoutSaysWhy(t *testing.T) {
	t.Parallel()
	const limit = 500 * time.Millisecond
	f := sized(t, otelpool.Sizing{PoolSize: 1, MaxOverflow: 1, Timeout: limit}, nil)
	held := dialAll(t, f.pool, 2)
	before := f.collect(t)
	start := time.Now()
	_, err := f.pool.Acquire(t.Context())
	if passed := time.Since(start); passed < 30*time.Millisecond {
		t.Errorf("gave up after %v", passed)
	}
	var timeout *otelpool.AcquireTimeoutError
	if !errors.As(err, &timeout) || !errors.Is(err, otelpool.ErrAcquireTimeout) || !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		t.Fatalf("error %v", err)
	}
	cc := f.pool.Config().ConnConfig
	if want := (otelpool.AcquireTimeoutError{Pool: fmt.Sprintf("%s:%d/%s", cc.Host, cc.Port, cc.Database), Timeout: limit, InUse: 2, Max: 2, Waiting: 1}); *timeout != want {
		t.Errorf("error %+v, want %+v", *timeout, want)
	}
	if _, err := f.pool.Exec(t.Context(), "SELECT 1"); !errors.Is(err, otelpool.ErrAcquireTimeout) {
		t.Errorf("Exec: %v", err)
	}

	// A caller with an earlier deadline has their own error, and so has one who cancels.
	early, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := f.pool.Acquire(early); err != context.DeadlineExceeded {
		t.Errorf("earlier deadline: %v", err)
	}
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.pool.Acquire(canceled); err != context.Canceled {
		t.Errorf("canceled: %v", err)
	}
	after := f.collect(t)
	for _, conn := range held {
		conn.Release()
	}
	// What the acquire had as a limit is no limit to what is done with the connection.
	conn := dialAll(t, f.pool, 1)[0]
	if _, err := conn.Exec(t.Context(), "SELECT pg_sleep(0.6)"); err != nil {
		t.Error(err)
	}
	conn.Release()
	for key, want := range map[string]int64{
		"db.client.connection.timeouts":         3,
		"pgxpool.acquires{result=timeout}":      3,
		"pgxpool.acquires{result=canceled}":     1,
		"db.client.connection.pending_requests": 0,
	} {
		if got := after.value(t, key) - before.value(t, key); got != want {
			t.Errorf("%s grew by %d, want %d", key, got, want)
		}
	}
	if got := f.collect(t).value(t, "db.client.connection.pending_requests"); got != 0 {
		t.Errorf("%d pending at the end", got)
	}
}

func TestSizingWorksWithoutInstrumentationAndForManyPools(t *testing.T) {
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

func TestSizingFromTheConnectionString(t *testing.T) {
	t.Parallel()
	config := parse(t, "postgres://u@localhost/db?pool_size=7&max_overflow=3&pool_pre_ping=True&pool_recycle=1800&pool_timeout=2s&application_name=x")
	got, err := otelpool.Development.FromConfig(config)
	want := otelpool.Sizing{PoolSize: 7, MaxOverflow: 3, PrePing: true, Recycle: 30 * time.Minute, Timeout: 2 * time.Second}
	if err != nil || got != want {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
	if params := fmt.Sprint(config.ConnConfig.RuntimeParams); params != "map[application_name:x]" {
		t.Errorf("left for the server: %s", params)
	}
	if got, err := otelpool.Staging.FromConfig(config); err != nil || got != otelpool.Staging {
		t.Errorf("without settings: %+v, %v", got, err)
	}
	for dsn, want := range map[string]string{
		"pool_size=many":    `connection string: pool_size is no whole number`,
		"pool_sise=5":       "connection string: pool_sise is no setting: there are max_overflow, pool_pre_ping, pool_recycle, pool_size, pool_timeout",
		"pool_pre_ping=si":  `pool_pre_ping is neither true nor false`,
		"pool_timeout=soon": `pool_timeout is neither seconds nor a duration`,
		"max_overflow=1.5":  `max_overflow is no whole number`,
	} {
		config := parse(t, "host=localhost "+dsn)
		if _, err := otelpool.Staging.FromConfig(config); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", dsn, err, want)
		}
		if len(config.ConnConfig.RuntimeParams) != 1 {
			t.Errorf("%s: the configuration was changed", dsn)
		}
	}
	if _, err := otelpool.Staging.FromConfig(nil); err == nil {
		t.Error("nil was taken")
	}
}

func TestSizingFromTheEnvironment(t *testing.T) {
	t.Setenv("OTELPOOL_SIZING_POOL_SIZE", "9")
	t.Setenv("OTELPOOL_SIZING_POOL_TIMEOUT", "")
	got, err := otelpool.Production.FromEnv()
	want := otelpool.Production
	want.PoolSize = 9
	if err != nil || got != want {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
	t.Setenv("OTELPOOL_SIZING_POOL_SIZE", "x")
	t.Setenv("OTELPOOL_SIZING_OVERFLOW", "3")
	_, err = otelpool.Production.FromEnv()
	for _, want := range []string{"environment: OTELPOOL_SIZING_POOL_SIZE", "OTELPOOL_SIZING_OVERFLOW is no setting"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}
