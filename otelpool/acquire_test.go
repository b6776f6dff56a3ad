package otelpool_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelpool/otelpool-go/otelpool"
)

func TestFullPoolShowsWhoWaits(t *testing.T) {
	t.Parallel()
	f := setup(t, 2, nil)
	held := []*pgxpool.Conn{acquire(t, f.pool), acquire(t, f.pool)}
	var wg sync.WaitGroup
	began := time.Now()
	for range 9 {
		wg.Go(func() {
			conn, err := f.pool.Acquire(context.Background())
			if err != nil {
				t.Error(err)
				return
			}
			conn.Release()
		})
	}
	eventually(t, "nine callers wait", func() bool {
		return f.collect(t).value(t, "db.client.connection.pending_requests") == 9
	})
	m := f.collect(t)
	if got := m.value(t, "pgxpool.pending.peak"); got != 9 {
		t.Errorf("pending peak %d, want 9", got)
	}
	if got := m.seconds(t, "pgxpool.oldest_wait"); got <= 0 || got > time.Since(began).Seconds() {
		t.Errorf("oldest wait %v s", got)
	}
	if got := m.value(t, "pgxpool.peak"); got != 2 {
		t.Errorf("peak %d, want 2", got)
	}
	for _, conn := range held {
		conn.Release()
	}
	wg.Wait()
	m = f.collect(t)
	for key, want := range map[string]int64{
		"db.client.connection.pending_requests": 0,
		"pgxpool.pending.peak":                  9, // still in the window
		"pgxpool.acquires{result=ok}":           11,
		"pgxpool.acquires{result=timeout}":      0,
	} {
		if got := m.value(t, key); got != want {
			t.Errorf("%s is %d, want %d", key, got, want)
		}
	}
	if got := m.seconds(t, "pgxpool.oldest_wait"); got != 0 {
		t.Errorf("oldest wait %v s, though nobody waits", got)
	}
	// The time in the queue is that of the waiters, whatever the number of connections.
	if queue, wait := m.seconds(t, "pgxpool.acquire.phase_time{phase=queue}"), m.sum("db.client.connection.wait_time"); queue <= 0 || queue > wait {
		t.Errorf("%v s in the queue, of %v s of acquires", queue, wait)
	}
}

func TestPendingIsTheCallersWithoutASlot(t *testing.T) {
	t.Parallel()
	f := setup(t, 2, nil)
	var held []*pgxpool.Conn
	for range 2 {
		held = append(held, acquire(t, f.pool))
	}
	var wg sync.WaitGroup
	for range 9 {
		wg.Go(func() {
			conn, err := f.pool.Acquire(context.Background())
			if err != nil {
				t.Error(err)
				return
			}
			conn.Release()
		})
	}
	eventually(t, "nine callers wait", func() bool {
		return f.collect(t).value(t, "db.client.connection.pending_requests") == 9
	})
	if got := f.collect(t).value(t, used); got != 2 {
		t.Errorf("%d in use, want 2", got)
	}
	for _, conn := range held {
		conn.Release()
	}
	wg.Wait()
	if got := f.collect(t).value(t, "db.client.connection.pending_requests"); got != 0 {
		t.Errorf("%d pending at rest", got)
	}
}

func TestPendingExcludesDialingPingingAndPreparing(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		block func(c *pgxpool.Config, wait func())
		warm  bool // an idle connection is needed for the hook to run
	}{
		{"dialing", func(c *pgxpool.Config, wait func()) {
			c.BeforeConnect = func(context.Context, *pgx.ConnConfig) error { wait(); return nil }
		}, false},
		{"pinging", func(c *pgxpool.Config, wait func()) {
			c.ShouldPing = func(context.Context, pgxpool.ShouldPingParams) bool { wait(); return false }
		}, true},
		{"preparing", func(c *pgxpool.Config, wait func()) {
			c.PrepareConn = func(context.Context, *pgx.Conn) (bool, error) { wait(); return true, nil }
		}, true},
		{"preparing, by the deprecated hook", func(c *pgxpool.Config, wait func()) {
			//lint:ignore SA1019 the deprecated hook is tested on purpose
			c.BeforeAcquire = func(context.Context, *pgx.Conn) bool { wait(); return true }
		}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			entered, leave := make(chan struct{}), make(chan struct{})
			f := setup(t, 2, func(c *pgxpool.Config) {
				tt.block(c, func() {
					entered <- struct{}{}
					<-leave
				})
			})
			ended := make(chan error, 1)
			go func() {
				conn, err := f.pool.Acquire(context.Background())
				if err == nil {
					conn.Release()
				}
				ended <- err
			}()
			<-entered
			if got := f.collect(t).value(t, "db.client.connection.pending_requests"); got != 0 {
				t.Errorf("%d pending, though the caller has its slot", got)
			}
			close(leave)
			if err := <-ended; err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestAnAcquireWhosePingFailedIsPendingAgain(t *testing.T) {
	t.Parallel()
	type mark struct{}
	pinging, goOn := make(chan struct{}), make(chan struct{})
	f := setup(t, 1, func(c *pgxpool.Config) {
		c.ShouldPing = func(ctx context.Context, _ pgxpool.ShouldPingParams) bool {
			if ctx.Value(mark{}) == nil {
				return false
			}
			pinging <- struct{}{}
			<-goOn
			return true
		}
	})
	conn := acquire(t, f.pool)
	pid := conn.Conn().PgConn().PID()
	conn.Release()

	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if conn, err := f.pool.Acquire(context.WithValue(context.Background(), mark{}, true)); err == nil {
			conn.Release()
		}
	}()
	<-pinging
	taken := make(chan *pgxpool.Conn)
	go func() {
		conn, err := f.pool.Acquire(context.Background()) // queues behind, and gets the place when the ping fails
		if err != nil {
			t.Error(err)
		}
		taken <- conn
	}()
	eventually(t, "the second waits", func() bool { return f.collect(t).value(t, "db.client.connection.pending_requests") == 1 })
	terminate(t, f, pid)
	goOn <- struct{}{}
	second := <-taken
	eventually(t, "the first waits again", func() bool { return f.collect(t).value(t, "db.client.connection.pending_requests") == 1 })
	second.Release()
	<-pinging
	goOn <- struct{}{}
	<-ended
	if got := f.collect(t).value(t, "db.client.connection.pending_requests"); got != 0 {
		t.Errorf("%d pending at rest", got)
	}
}

// TestAnAcquireThatGoesOnIsNotPendingAgain has the ping of an idle connection fail and another be dialed at once. The pool
// closes the first meanwhile, on a goroutine of its own.
func TestAnAcquireThatGoesOnIsNotPendingAgain(t *testing.T) {
	t.Parallel()
	var f fixture
	var broken atomic.Bool
	closed := make(chan struct{}, 1)
	pending := make(chan int64, 1)
	f = setup(t, 4, func(c *pgxpool.Config) {
		c.ShouldPing = func(context.Context, pgxpool.ShouldPingParams) bool { return true }
		c.BeforeClose = func(*pgx.Conn) {
			if broken.Load() {
				closed <- struct{}{}
			}
		}
		next := c.ConnConfig.DialFunc
		c.ConnConfig.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
			if broken.Load() {
				<-closed
				pending <- f.collect(t).value(t, "db.client.connection.pending_requests")
			}
			return next(ctx, network, addr)
		}
	})
	conn := acquire(t, f.pool)
	pid := conn.Conn().PgConn().PID()
	conn.Release()
	eventually(t, "it is idle", func() bool { return f.pool.Stat().IdleConns() == 1 })
	terminate(t, f, pid)
	broken.Store(true)
	acquire(t, f.pool).Release()
	broken.Store(false)
	if got := <-pending; got != 0 {
		t.Errorf("%d pending while it dials", got)
	}
}

func TestPendingIsRightWhereViewsDropTheHistograms(t *testing.T) {
	t.Parallel()
	reader := sdkmetric.NewManualReader()
	drop := sdkmetric.NewView(sdkmetric.Instrument{Kind: sdkmetric.InstrumentKindHistogram}, sdkmetric.Stream{Aggregation: sdkmetric.AggregationDrop{}})
	tel := telemetry{reader, sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader), sdkmetric.WithView(drop))}
	config := parse(t, database(t))
	config.MaxConns = 1
	pool, inst, err := otelpool.NewWithConfig(t.Context(), config, otelpool.WithMeterProvider(tel.provider))
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	defer inst.Unregister()
	tel.collect(t)
	held := acquire(t, pool)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if conn, err := pool.Acquire(context.Background()); err == nil {
			conn.Release()
		}
	}()
	eventually(t, "one caller waits", func() bool { return tel.collect(t).value(t, "db.client.connection.pending_requests") == 1 })
	held.Release()
	<-done
	if got := tel.collect(t).value(t, "db.client.connection.pending_requests"); got != 0 {
		t.Errorf("%d pending", got)
	}
}

func TestPhasesOfAcquiresAddUpToTheirTime(t *testing.T) {
	t.Parallel()
	const pause = 20 * time.Millisecond
	f := setup(t, 1, func(c *pgxpool.Config) {
		c.ShouldPing = func(context.Context, pgxpool.ShouldPingParams) bool { wait(pause); return true }
		c.PrepareConn = func(context.Context, *pgx.Conn) (bool, error) { wait(2 * pause); return true, nil }
		c.BeforeConnect = func(context.Context, *pgx.ConnConfig) error { wait(3 * pause); return nil }
	})
	var wg sync.WaitGroup
	for range 3 { // one dials, two queue behind it
		wg.Go(func() { f.exec(t, context.Background(), "SELECT 1") })
	}
	wg.Wait()
	m := f.collect(t)
	phase := func(name string) float64 { return m.seconds(t, "pgxpool.acquire.phase_time{phase="+name+"}") }
	total := phase("queue") + phase("connect") + phase("ping") + phase("prepare")
	if all := m.sum("db.client.connection.wait_time"); total < all*0.999999 || total > all*1.000001 {
		t.Errorf("phases make %v s, the acquires took %v s", total, all)
	}
	for name, least := range map[string]time.Duration{"connect": 3 * pause, "ping": 3 * pause, "prepare": 6 * pause, "queue": 6 * pause} {
		if got := phase(name); got < least.Seconds() {
			t.Errorf("phase %s is %v s, want at least %v", name, got, least)
		}
	}
}

func TestSlowDialingShowsAsSuch(t *testing.T) {
	t.Parallel()
	const delay = 80 * time.Millisecond
	var dials time.Time
	f := setup(t, 1, func(c *pgxpool.Config) {
		target := net.JoinHostPort(c.ConnConfig.Host, fmt.Sprint(c.ConnConfig.Port))
		c.ConnConfig.Host, c.ConnConfig.Port = slowProxy(t, target, delay)
		c.ConnConfig.Fallbacks = nil
		c.BeforeConnect = func(context.Context, *pgx.ConnConfig) error { dials = time.Now(); return nil }
	})
	began := time.Now()
	f.exec(t, t.Context(), "SELECT 1")
	m := f.collect(t)
	if got := m.seconds(t, "pgxpool.acquire.phase_time{phase=connect}"); got < delay.Seconds() {
		t.Errorf("connect phase %v s, want at least %v", got, delay)
	}
	if got, most := m.seconds(t, "pgxpool.acquire.phase_time{phase=queue}"), dials.Sub(began); got > most.Seconds() {
		t.Errorf("queue phase %v s, though nobody was in the way, and it dialed after %v", got, most)
	}
	if got := m.sum("db.client.connection.create_time"); got < delay.Seconds() {
		t.Errorf("create time %v s, want at least %v", got, delay)
	}
}

// slowProxy passes connections on to a server, each after a delay.
func slowProxy(t testing.TB, target string, delay time.Duration) (host string, port uint16) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer client.Close()
				wait(delay)
				server, err := net.Dial("tcp", target)
				if err != nil {
					return
				}
				defer server.Close()
				go func() { _, _ = io.Copy(server, client); server.Close() }()
				_, _ = io.Copy(client, server)
			}()
		}
	}()
	addr := listener.Addr().(*net.TCPAddr)
	return addr.IP.String(), uint16(addr.Port)
}

func TestAnotherPoolUsedInAHookIsItsOwn(t *testing.T) {
	t.Parallel()
	inner := sized(t, otelpool.Sizing{PoolSize: 1}, nil)
	if err := inner.inst.Unregister(); err != nil { // not even measured
		t.Fatal(err)
	}
	outer := sized(t, otelpool.Sizing{PoolSize: 1, Timeout: time.Minute}, func(c *pgxpool.Config) {
		c.BeforeConnect = func(ctx context.Context, _ *pgx.ConnConfig) error {
			_, err := inner.pool.Exec(ctx, "SELECT 1")
			return err
		}
	})
	conn, err := outer.pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	conn.Release()
	m := outer.collect(t)
	var phases float64
	for _, name := range []string{"queue", "connect", "ping", "prepare"} {
		phases += m.seconds(t, "pgxpool.acquire.phase_time{phase="+name+"}")
	}
	if wait := m.sum("db.client.connection.wait_time"); phases < 0.999*wait || phases > 1.001*wait {
		t.Errorf("phases make %v s, the acquire took %v s", phases, wait)
	}
}
