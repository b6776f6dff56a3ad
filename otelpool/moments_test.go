package otelpool_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/otelpool/otelpool-go/otelpool"
)

// TestHistoryIsTheLastSeconds asks for a history, and uses the pool.
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

func TestHistoryWithoutHooksOrPool(t *testing.T) {
	t.Parallel()
	var none *otelpool.Instrumentation
	checkEqual(t, "moments without an Instrumentation", len(none.History()), 0)
	pool := newPool(t, parse(t, database(t)))
	inst, err := otelpool.Register(pool, otelpool.WithMeterProvider(newTelemetry(t).provider), otelpool.WithPoolName("test"))
	if err != nil {
		t.Fatal(err)
	}
	checkEqual(t, "moments without hooks", len(inst.History()), 0)
}
