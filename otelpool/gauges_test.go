package otelpool_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelpool/otelpool-go/otelpool"
)

func TestGaugesEqualStatAtQuietMomentsAndKeepTheirIdentitiesUnderLoad(t *testing.T) {
	t.Parallel()
	f := setup(t, 7, func(c *pgxpool.Config) { c.MinIdleConns = 2 }, otelpool.WithBaseSize(3))
	for range 5 {
		work := load(f.pool, 20, 30)
		for done := false; !done; {
			select {
			case <-work:
				done = true
			default:
			}
			checkIdentities(t, f.collect(t))
		}
		quiet(t, f.pool)
		m, stat := f.collect(t), f.pool.Stat()
		for key, want := range map[string]int64{
			used:                                    int64(stat.AcquiredConns()),
			idle:                                    int64(stat.IdleConns()),
			"pgxpool.constructing":                  int64(stat.ConstructingConns()),
			"db.client.connection.max":              int64(stat.MaxConns()),
			"db.client.connection.idle.max":         7,
			"db.client.connection.idle.min":         2,
			"db.client.connection.pending_requests": 0,
			"db.client.connection.timeouts":         0,
			"pgxpool.size":                          3,
			"pgxpool.overflow":                      0,
			"pgxpool.overflow.max":                  4,
			"pgxpool.operations.capped":             0,
		} {
			if got := m.value(t, key); got != want {
				t.Errorf("%s is %d, want %d", key, got, want)
			}
		}
	}
}

func checkIdentities(t *testing.T, m metrics) {
	t.Helper()
	v := func(key string) int64 { return m.value(t, key) }
	if v(used) > v("db.client.connection.max") {
		t.Errorf("%d in use, more than the maximum", v(used))
	}
	if got, want := v("pgxpool.overflow"), max(0, v(used)-v("pgxpool.size")); got != want {
		t.Errorf("overflow is %d, want %d", got, want)
	}
	if got := v("pgxpool.size") + v("pgxpool.overflow.max"); got != v("db.client.connection.max") {
		t.Errorf("size and overflow.max make %d, not the maximum", got)
	}
	for key, value := range m {
		if n, ok := value.(int64); ok && n < 0 {
			t.Errorf("%s is %d", key, n)
		}
	}
}

func TestTwentyThousandAcquiresByTwoHundredCallersLeaveEveryGaugeWhereStatIs(t *testing.T) {
	t.Parallel()
	const callers, acquires, conns = 200, 100, 8
	f := setup(t, conns, nil, otelpool.WithPeakWindow(time.Second), otelpool.WithLongHold(time.Minute), otelpool.WithBaseSize(5))
	var wg, all sync.WaitGroup
	all.Add(conns) // as many callers hold one at the same time once, or it is chance whether all are ever in use
	for caller := range callers {
		wg.Go(func() {
			for i := range acquires {
				conn, err := f.pool.Acquire(context.Background())
				if caller < conns && i == 0 {
					all.Done()
					all.Wait()
				}
				if err != nil {
					t.Error(err)
					continue
				}
				if i%20 == 0 {
					if _, err := conn.Exec(context.Background(), "SELECT 1"); err != nil {
						t.Error(err)
					}
				}
				conn.Release()
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	var highest, highestPending int64 // of all peaks: on a busy machine the last window may have seen fewer
	for working := true; working; {
		select {
		case <-done:
			working = false
		case <-time.After(5 * time.Millisecond):
			m := f.collect(t)
			peak, pending := m.value(t, "pgxpool.peak"), m.value(t, "pgxpool.pending.peak")
			if peak > conns || pending > callers {
				t.Errorf("peak %d, pending peak %d", peak, pending)
			}
			highest, highestPending = max(highest, peak), max(highestPending, pending)
		}
	}
	if highest != conns {
		t.Errorf("the highest peak was %d of %d connections", highest, conns)
	}
	m, stat := f.collect(t), f.pool.Stat()
	for key, want := range map[string]int64{
		used:                                    int64(stat.AcquiredConns()),
		idle:                                    int64(stat.IdleConns()),
		"pgxpool.constructing":                  int64(stat.ConstructingConns()),
		"db.client.connection.max":              int64(stat.MaxConns()),
		"db.client.connection.pending_requests": 0,
		"db.client.connection.timeouts":         0,
		"pgxpool.acquires{result=ok}":           callers * acquires,
		"pgxpool.acquires{result=timeout}":      0,
		"pgxpool.acquires{result=canceled}":     0,
		"pgxpool.acquires{result=error}":        0,
		"pgxpool.long_holds":                    0,
		"pgxpool.nested_acquires":               0,
		"pgxpool.overflow":                      0,
		"pgxpool.connections.opened":            int64(stat.TotalConns()),
	} {
		if got := m.value(t, key); got != want {
			t.Errorf("%s is %d, want %d", key, got, want)
		}
	}
	if stat.AcquiredConns() != 0 || stat.ConstructingConns() != 0 {
		t.Errorf("the pool is not at rest: %d acquired, %d being dialed", stat.AcquiredConns(), stat.ConstructingConns())
	}
	for _, key := range []string{"db.client.connection.wait_time", "db.client.connection.use_time"} {
		if got := m.count(key); got != callers*acquires {
			t.Errorf("%s has %d samples, want %d", key, got, callers*acquires)
		}
	}
	if closed := closings(m); len(closed) > 0 {
		t.Errorf("closed: %v", closed)
	}
	if highestPending < 1 {
		t.Errorf("the highest pending peak was %d, though callers are many more than connections", highestPending)
	}
	atRest(t, f, 0)
	stillCounts(t, f, conns, 0)
}

func TestPeakShowsASpikeBetweenCollectionsToEveryReader(t *testing.T) {
	t.Parallel()
	readers := []*sdkmetric.ManualReader{sdkmetric.NewManualReader(), sdkmetric.NewManualReader()}
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(readers[0]), sdkmetric.WithReader(readers[1]))
	config := parse(t, database(t))
	config.MaxConns = 10
	pool, inst, err := otelpool.NewWithConfig(t.Context(), config, otelpool.WithMeterProvider(provider), otelpool.WithPeakWindow(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	defer inst.Unregister()
	peakOf := func(reader *sdkmetric.ManualReader) int64 {
		return (telemetry{reader, provider}).collect(t).value(t, "pgxpool.peak")
	}
	peakOf(readers[0])
	var seen [4]int64
	inWindow(func() (spike time.Time) {
		var conns []*pgxpool.Conn
		for range 7 {
			conns = append(conns, acquire(t, pool))
		}
		spike = time.Now()
		for _, conn := range conns {
			conn.Release()
		}
		for i := range seen { // the one that reads often takes nothing from the other
			seen[i] = peakOf(readers[i/3])
		}
		return spike
	})
	if want := [4]int64{7, 7, 7, 7}; seen != want {
		t.Errorf("the first reader sees %d, the second %d, want %d", seen[:3], seen[3:], want)
	}
	eventually(t, "the spike leaves the window", func() bool { return peakOf(readers[0]) == 0 && peakOf(readers[1]) == 0 })
}

func TestResetWhileCollectingLeavesThePeakRight(t *testing.T) {
	t.Parallel()
	f := setup(t, 20, nil, otelpool.WithPeakWindow(time.Second))
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					f.collect(t)
				}
			}
		})
	}
	for range 5 {
		var conns []*pgxpool.Conn
		for range 20 {
			conns = append(conns, acquire(t, f.pool))
		}
		for _, conn := range conns {
			conn.Release()
		}
		f.pool.Reset()
	}
	close(stop)
	readers.Wait()
	settled(t, f.pool, 20)
	eventually(t, "the spikes leave the window", func() bool { return f.collect(t).value(t, "pgxpool.peak") == 0 })
	var peak int64
	inWindow(func() (spike time.Time) {
		conn := acquire(t, f.pool)
		spike = time.Now()
		conn.Release()
		peak = f.collect(t).value(t, "pgxpool.peak")
		return spike
	})
	if peak != 1 {
		t.Errorf("peak %d, want 1", peak)
	}
}

func TestAClosedPoolIsEmptyUntilUnregister(t *testing.T) {
	t.Parallel()
	f := setup(t, 2, nil)
	f.exec(t, t.Context(), "SELECT 1")
	f.pool.Close()
	m := f.collect(t)
	if m.value(t, used) != 0 || m.value(t, idle) != 0 || m.value(t, "db.client.connection.max") != 2 {
		t.Errorf("a closed pool shows %v", m)
	}
	if _, err := f.pool.Exec(t.Context(), "SELECT 1"); err == nil {
		t.Error("a closed pool executes")
	}
	if got := f.collect(t).value(t, "db.client.connection.pending_requests"); got != 0 {
		t.Errorf("%d pending", got)
	}
}
