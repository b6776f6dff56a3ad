package otelpool_test

import (
	"maps"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/otelpool"
)

// pgxFact is a test of one row of what pgx's tracers see and do not see.
type pgxFact struct {
	name   string
	change func(*pgxpool.Config)
	do     func(t *testing.T, f fixture)
	want   counts
}

func TestPgxFacts(t *testing.T) {
	t.Parallel()
	for _, tt := range [][]pgxFact{acquireFacts, hijackFacts, allIdleFacts, dialFacts, closeFacts, queryFacts} {
		for _, o := range tt {
			t.Run(o.name, func(t *testing.T) {
				t.Parallel()
				f := factPool(t, o)
				o.do(t, f)
				o.want.check(t, f)
			})
		}
	}
}

// factConns is the size of the pools here.
const factConns = 3

// counts is what a pool's numbers must be when an pgxFact is over and everything was given back.
type counts struct {
	ok, timeout, canceled, failed int64 // acquires by result
	uses                          uint64
	opened, hijacked              int64
	closed                        map[string]int64 // by reason
	leaked                        int64            // places of the pool that pgx never gives back
	unfit                         bool             // the pool is closed, or its use would show nothing
}

// check compares a pool at rest with what must be, and then lets it show that it still counts right.
func (want counts) check(t *testing.T, f fixture) {
	t.Helper()
	want.rest(t, f)
	atRest(t, f, want.leaked)
	if !want.unfit {
		stillCounts(t, f, factConns-want.leaked, want.leaked)
	}
}

// rest compares the counters.
func (want counts) rest(t *testing.T, f fixture) {
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
	if got := m.count(waitTime); got != uint64(want.ok) {
		t.Errorf("%d waits, want %d", got, want.ok)
	}
	var uses uint64
	for _, key := range m.keys(useTime) {
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

// factPool makes the pool of an pgxFact.
func factPool(t *testing.T, o pgxFact) fixture {
	t.Helper()
	f := fixture{telemetry: newTelemetry(t)}
	config := parse(t, database(t))
	config.MaxConns = factConns
	if o.change != nil {
		o.change(config)
	}
	var log logBuffer
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
