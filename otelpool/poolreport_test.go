package otelpool_test

import (
	"context"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/metric/noop"

	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
	"github.com/otelpool/otelpool-go/otelpool/diagnose"
)

// TestReportCountsEvents does a little of everything that a Report counts.
func TestReportCountsEvents(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	f := setup(t, 2, func(c *pgxpool.Config) { c.MaxConnIdleTime = time.Hour }, otelpool.WithLongHold(time.Hour))
	conn := acquire(t, f.pool)
	if _, err := conn.Exec(ctx, "SELECT nonsense"); err == nil {
		t.Error("no error")
	}
	conn.Release()
	for range 3 {
		f.exec(t, otelpool.WithOperation(ctx, "pay"), "SELECT pg_sleep(0.01)")
	}
	var started sync.WaitGroup
	for range 1000 { // the Go runtime samples every eighth
		started.Go(func() {})
	}
	started.Wait()
	leak := named(t, f, "leak")
	defer leak.Release()
	defer begin(t, leak, ctx).Rollback(ctx)
	other := acquire(t, f.pool)
	timeOut(t, f.pool, ctx, 20*time.Millisecond)
	other.Release()

	r := f.inst.Report()
	checkEqual(t, "version", r.Version, diagnose.ReportVersion)
	checkEqual(t, "pool", r.Pool, "test")
	checkEqual(t, "max_conns", r.Settings.MaxConns, 2)
	checkEqual(t, "max_conn_idle_time", r.Settings.MaxConnIdleTimeSeconds, 3600)
	checkEqual(t, "used", r.Used, 1)
	checkEqual(t, "groups of holds", len(r.Holds), 1)
	held := r.Holds[0]
	checkEqual(t, "held by", held.Operation, "leak")
	checkEqual(t, "idle in a transaction", held.IdleInTransaction, 1)
	checkEqual(t, "process", held.ProcessIDs[0], leak.Conn().PgConn().PID())
	if len(held.Stack) == 0 {
		t.Error("no stack")
	}
	m := r.LastMinute
	checkEqual(t, "acquires", m.Acquires["ok"], 6)
	checkEqual(t, "timeouts", m.Acquires["timeout"], 1)
	checkEqual(t, "opened", m.Opened, 2)
	checkEqual(t, "peak", m.Peak, 2)
	checkEqual(t, "peak of waiting", m.PeakWaiting, 1)
	if m.ProcessorWaits == 0 || m.ProcessorWaitSeconds < 0 {
		t.Errorf("%d waits for a processor, %v s", m.ProcessorWaits, m.ProcessorWaitSeconds)
	}
	if m.WaitedSeconds["queue"] < 0.02 {
		t.Errorf("waited %v", m.WaitedSeconds)
	}
	at := slices.IndexFunc(m.Operations, func(o diagnose.Operation) bool { return o.Operation == "pay" })
	if at < 0 || m.Operations[at].Calls != 3 || m.Operations[at].Seconds < 0.03 {
		t.Errorf("operations: %+v", m.Operations)
	}
	at = slices.IndexFunc(m.Operations, func(o diagnose.Operation) bool { return o.Failures["42703"] == 1 })
	if at < 0 || m.Operations[at].Calls != 1 {
		t.Errorf("operations: %+v", m.Operations)
	}
	checkEqual(t, "dials", m.Dials, 2)
	if m.DialSeconds <= 0 {
		t.Errorf("dials took %v s", m.DialSeconds)
	}
	checkEqual(t, "acquires of the last ten seconds", r.LastTenSeconds.Acquires["ok"], 6)
	testutil.Eventually(t, "the leak shows in the averages", func() bool {
		units := f.inst.Report().LastMinute.Units
		return len(units) > 0 && units[0].Operation == "leak" && units[0].IdleInTransaction > 0
	})
}

// TestSilenceEndsWithAnswer has a caller give up while an operation runs, which is no answer, and the server refuse a
// statement, which is one. If nothing runs, the server is not silent.
func TestSilenceEndsWithAnswer(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	f := setup(t, 3, nil)
	silence := func() float64 { return f.inst.Report().SilentSeconds }
	for name, answer := range map[string]string{"a result": "SELECT 1", "an error": "SELECT nonsense"} {
		runs, givesUp, asks := acquire(t, f.pool), acquire(t, f.pool), acquire(t, f.pool)
		running, cancel := context.WithCancel(ctx)
		ended := make(chan struct{})
		silence() // notes the dials
		go func() {
			defer close(ended)
			_, _ = runs.Exec(running, "SELECT pg_sleep(60)")
		}()
		testutil.Eventually(t, "the server is silent", func() bool { return silence() >= 0.05 })
		short, stop := context.WithTimeout(ctx, 50*time.Millisecond)
		if _, err := givesUp.Exec(short, "SELECT pg_sleep(60)"); err == nil {
			t.Error("no error")
		}
		stop()
		silent := silence()
		_, _ = asks.Exec(ctx, answer)
		if got := silence(); silent < 0.1 || got >= silent {
			t.Errorf("silent for %v s after a call of 50 ms, and for %v s after %s", silent, got, name)
		}
		cancel()
		<-ended
		postgrestest.Release([]*pgxpool.Conn{runs, givesUp, asks})
		testutil.Eventually(t, "nothing runs", func() bool { return silence() == 0 })
	}
}

// TestReportCountsMisuseByUnitOfWork nests an acquire, and releases connections that pgxpool must close.
func TestReportCountsMisuseByUnitOfWork(t *testing.T) {
	t.Parallel()
	f := setup(t, 3, nil)
	acquireNested(t, f.pool)
	ctx := otelpool.WithScope(t.Context(), "nest")
	outer := acquireWith(t, f.pool, ctx)
	acquireWith(t, f.pool, ctx).Release()
	outer.Release()
	begun, reading := named(t, f, "begin"), named(t, f, "read")
	begin(t, begun, t.Context())
	openRows(t, reading, t.Context(), "SELECT generate_series(1, 3)")
	postgrestest.Release([]*pgxpool.Conn{begun, reading})
	misuse := make(map[string][3]int64)
	for _, u := range f.inst.Report().LastMinute.Units {
		if n := [3]int64{u.NestedAcquires, u.ReleasedInTransaction, u.ReleasedBusy}; n != [3]int64{} {
			misuse[u.Operation] = n
		}
	}
	want := map[string][3]int64{"": {1, 0, 0}, "nest": {1, 0, 0}, "begin": {0, 1, 0}, "read": {0, 0, 1}}
	if !maps.Equal(misuse, want) {
		t.Errorf("got %v, want %v", misuse, want)
	}
}

// TestReportCountsEndedLongHolds holds a connection for longer than a look takes to call it long.
func TestReportCountsEndedLongHolds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := setup(t, 1, nil)
		conn := named(t, f, "job")
		time.Sleep(6500 * time.Millisecond) // of the bubble: the threshold of five seconds, and a look
		conn.Release()
		time.Sleep(time.Second) // until the next look
		units := f.inst.Report().LastMinute.Units
		if len(units) != 1 || units[0].Operation != "job" || units[0].LongHoldsEnded != 1 {
			t.Errorf("units of work: %+v", units)
		}
	})
}

func TestReportSurvivesJSON(t *testing.T) {
	t.Parallel()
	f := setup(t, 1, nil)
	leak := named(t, f, "leak \" \u202e\x00<script>")
	defer leak.Release()
	r := f.inst.Report()
	text, err := json.Marshal(r)
	testutil.NoError(t, err)
	var back diagnose.Report
	testutil.NoError(t, json.Unmarshal(text, &back))
	if !back.Time.Equal(r.Time) {
		t.Errorf("time %v, want %v", back.Time, r.Time)
	}
	back.Time = r.Time
	if !reflect.DeepEqual(back, r) {
		t.Errorf("got %+v\nwant %+v", back, r)
	}
}

// TestFirstReportStartsRecording has a Report begin the recording. What came before is in no period.
func TestFirstReportStartsRecording(t *testing.T) {
	t.Parallel()
	pool, inst := newInstrumented(t, parse(t, database(t)), otelpool.WithMeterProvider(noop.NewMeterProvider()), otelpool.WithPoolName("test"))
	acquire(t, pool).Release()
	asked := time.Now()
	inst.Report()
	held := acquireWith(t, pool, otelpool.WithOperation(t.Context(), "pay"))
	defer held.Release()
	r := inst.Report()
	if len(r.Holds) != 1 || r.Holds[0].Operation != "pay" || r.LastMinute.Acquires["ok"] != 1 || r.LastMinute.Seconds > time.Since(asked).Seconds() {
		t.Errorf("after %v: got %+v", time.Since(asked), r)
	}
}

func TestReportAndHistoryWithoutHooksOrPool(t *testing.T) {
	t.Parallel()
	var none *otelpool.Instrumentation
	checkEqual(t, "version without an Instrumentation", none.Report().Version, 0)
	checkEqual(t, "moments without an Instrumentation", len(none.History()), 0)
	pool := newPool(t, parse(t, database(t)))
	inst := registerBare(t, pool, otelpool.WithMeterProvider(newTelemetry(t).provider), otelpool.WithPoolName("test"))
	defer acquire(t, pool).Release()
	r := inst.Report()
	checkEqual(t, "used", r.Used, 1)
	checkEqual(t, "pool", r.Pool, "test")
	checkEqual(t, "holds", len(r.Holds), 0)
	checkEqual(t, "moments without hooks", len(inst.History()), 0)
}

// TestReportGroupsHoldsOfOnePlace acquires at one place before and after a hold from there is long. The second stack
// has more callers.
func TestReportGroupsHoldsOfOnePlace(t *testing.T) {
	t.Parallel()
	log := new(logBuffer)
	f := setup(t, 2, nil, otelpool.WithLongHold(10*time.Millisecond), log.option())
	for i := range 2 {
		deep(8, func() { t.Cleanup(acquire(t, f.pool).Release) })
		log.await(t, "connection held for long", i+1)
	}
	held := f.inst.Held()
	if len(held) != 2 || len(held[0].Stack) >= len(held[1].Stack) {
		t.Fatalf("the stacks of the holds do not differ: %v", held)
	}
	r := f.inst.Report()
	checkEqual(t, "groups of holds", len(r.Holds), 1)
	checkEqual(t, "holds", r.Holds[0].Count, 2)
	checkEqual(t, "frames", len(r.Holds[0].Stack), len(held[1].Stack))
}

func TestHistoryIsTheLastSeconds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := setup(t, 2, nil)
		acquire(t, f.pool).Release() // before there is a history
		checkEqual(t, "moments at the start", len(f.inst.History()), 1)
		f.exec(t, t.Context(), "SELECT 1")
		held := acquire(t, f.pool)
		defer held.Release()
		if _, err := held.Exec(t.Context(), "SELECT nonsense"); err == nil {
			t.Error("no error")
		}
		time.Sleep(3500 * time.Millisecond) // of the bubble
		history := f.inst.History()
		checkEqual(t, "moments", len(history), 4)
		var used, acquires, calls, failures, opened int64
		for i, m := range history {
			used = m.Used
			acquires += m.Acquires
			calls += m.Calls
			failures += m.CallFailures
			opened += m.Opened
			if i > 0 && (m.Seconds != 1 || !m.Time.Equal(history[i-1].Time.Add(time.Second))) {
				t.Errorf("moment %d is %v s after the one before", i, m.Seconds)
			}
		}
		checkEqual(t, "used", used, 1)
		checkEqual(t, "acquires", acquires, 2)
		checkEqual(t, "calls", calls, 2)
		checkEqual(t, "failures", failures, 1)
		checkEqual(t, "opened", opened, 0)
	})
}
