package otelpool_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

// TestHistoryIsTheLastSeconds asks for a history, and uses the pool.
func TestHistoryIsTheLastSeconds(t *testing.T) {
	t.Parallel()
	f := setup(t, 2, nil)
	acquire(t, f.pool).Release() // before there is a history
	checkEqual(t, "moments at the start", len(f.inst.History()), 1)
	f.exec(t, t.Context(), "SELECT 1")
	held := acquire(t, f.pool)
	if _, err := held.Exec(t.Context(), "SELECT nonsense"); err == nil {
		t.Error("no error")
	}
	var used, acquires, calls, failures, opened int64
	testutil.Eventually(t, "three further moments", func() bool {
		history := f.inst.History()
		used, acquires, calls, failures, opened = 0, 0, 0, 0, 0
		for i, m := range history {
			used = m.Used
			acquires += m.Acquires
			calls += m.Calls
			failures += m.CallFailures
			opened += m.Opened
			if i > 0 && (m.Seconds < 0.5 || m.Time.Before(history[i-1].Time.Add(time.Second/2))) {
				t.Errorf("moment %d is %v s after the one before", i, m.Seconds)
			}
		}
		return len(history) == 4
	})
	checkEqual(t, "used", used, 1)
	checkEqual(t, "acquires", acquires, 2)
	checkEqual(t, "calls", calls, 2)
	checkEqual(t, "failures", failures, 1)
	checkEqual(t, "opened", opened, 0)
	held.Release()
}

func TestHistoryWithoutHooksOrPool(t *testing.T) {
	t.Parallel()
	var none *otelpool.Instrumentation
	checkEqual(t, "moments without an Instrumentation", len(none.History()), 0)
	pool, err := pgxpool.New(t.Context(), database(t))
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	inst, err := otelpool.Register(pool, otelpool.WithMeterProvider(newTelemetry(t).provider), otelpool.WithPoolName("test"))
	if err != nil {
		t.Fatal(err)
	}
	checkEqual(t, "moments without hooks", len(inst.History()), 0)
}
