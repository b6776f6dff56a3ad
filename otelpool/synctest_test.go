package otelpool_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/otelpool/otelpool-go/otelpool"
)

// TestBubbleShowsHoldsAndPeaks runs a pool in a bubble, whose clock begins in the year 2000.
func TestBubbleShowsHoldsAndPeaks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log logBuffer
		f := setup(t, 1, nil, otelpool.WithLongHold(time.Minute), log.option())
		began := time.Now()
		conn := acquire(t, f.pool)
		time.Sleep(2 * time.Minute) // of the bubble
		h := onlyHold(t, f.inst)
		checkEqual(t, "Age", h.Age, 2*time.Minute)
		checkEqual(t, "Since", h.Since.Equal(began), true)
		m := f.collect(t)
		checkEqual(t, "oldest hold", m.seconds(t, "pgxpool.oldest_hold"), 120)
		m.check(t, map[string]int64{"pgxpool.peak": 1, "pgxpool.long_holds": 1})
		conn.Release()
		synctest.Wait()
		checkEqual(t, "log entries", len(log.entries(t, "connection held for long")), 1)
		checkEqual(t, "seconds held", f.collect(t).sum(useTime), 120)
	})
}
