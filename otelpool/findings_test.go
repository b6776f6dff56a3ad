package otelpool_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/otelpool/otelpool-go/otelpool"
	"github.com/otelpool/otelpool-go/otelpool/diagnose"
)

func finding(kind diagnose.Kind, operation string) string {
	return fmt.Sprintf("pgxpool.finding{db.query.summary=%s,kind=%s}", operation, kind)
}

// TestFindingIsShownWhileItHolds leaves a transaction idle in a bubble, whose clock the test moves.
func TestFindingIsShownWhileItHolds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tel := newTelemetry(t)
		b := newBubblePool(t, tel.provider)
		check := func(when string, want ...int64) {
			t.Helper()
			m := tel.collect(t)
			keys := m.keys("pgxpool.finding")
			if len(keys) != len(want) {
				t.Fatalf("%s: %q, want %d series", when, keys, len(want))
			}
			if len(want) > 0 {
				checkEqual(t, when, m.value(t, finding(diagnose.IdleInTransaction, "checkout")), want[0])
			}
		}
		check("at first")
		time.Sleep(10 * time.Second) // of the bubble
		check("after ten seconds", 1)
		b.release()
		synctest.Wait()
		check("within a second of the release", 1)
		time.Sleep(2 * time.Second)
		check("after the release", 0)
		time.Sleep(findingMemory - 10*time.Second)
		check("for five minutes", 0)
		time.Sleep(20 * time.Second)
		check("after five minutes")
	})
}

const findingMemory = 5 * time.Minute

func TestFindingsOfOneNameAreOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tel := newTelemetry(t)
		b, c := newBubblePool(t, tel.provider), newBubblePool(t, tel.provider)
		time.Sleep(10 * time.Second)
		tel.collect(t)
		b.release()
		time.Sleep(2 * time.Second)
		m := tel.collect(t)
		checkEqual(t, "series", fmt.Sprint(m.keys("pgxpool.finding")), fmt.Sprint([]string{finding(diagnose.IdleInTransaction, "checkout")}))
		checkEqual(t, "value", m.value(t, finding(diagnose.IdleInTransaction, "checkout")), 1)
		unregister(t, b.inst)
		unregister(t, c.inst)
		checkEqual(t, "series after Unregister", len(tel.collect(t).keys("pgxpool.finding")), 0)
	})
}

func TestWithoutFindingsShowsNone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		tel := newTelemetry(t)
		b := newBubblePool(t, tel.provider, otelpool.WithoutFindings())
		ctx, cancel := context.WithCancel(t.Context())
		acquireAside(b.pool, ctx)
		checkEqual(t, "lines", len(b.after(t, 10*time.Second)), 1)
		checkEqual(t, "series", len(tel.collect(t).keys("pgxpool.finding")), 0)
		cancel()
	})
}
