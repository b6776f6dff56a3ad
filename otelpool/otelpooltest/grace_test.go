package otelpooltest

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/otelpool/otelpool-go/otelpool"
)

// findLeaksAfter runs findLeaks with a fake clock. held returns the connections held at a time since the call. It
// returns the leaks and the time that findLeaks took.
func findLeaksAfter(t *testing.T, held func(at time.Duration) []otelpool.Hold) (leaks []otelpool.Hold, took time.Duration) {
	synctest.Test(t, func(*testing.T) {
		began := time.Now()
		leaks = findLeaks(func() []otelpool.Hold { return held(time.Since(began)) })
		took = time.Since(began)
	})
	return leaks, took
}

// oldHold returns a hold that began a second before the call.
func oldHold(at time.Duration) []otelpool.Hold {
	return []otelpool.Hold{{Operation: "old", Age: time.Second + at}}
}

func TestNothingHeldReturnsImmediately(t *testing.T) {
	t.Parallel()
	leaks, took := findLeaksAfter(t, func(time.Duration) []otelpool.Hold { return nil })
	if len(leaks) > 0 || took != 0 {
		t.Errorf("%d leaks after %v, want none immediately", len(leaks), took)
	}
}

func TestLeakIsReportedAfterGracePeriod(t *testing.T) {
	t.Parallel()
	leaks, took := findLeaksAfter(t, oldHold)
	if len(leaks) != 1 || took < grace || took > grace+pollInterval {
		t.Errorf("%d leaks after %v, want 1 after %v", len(leaks), took, grace)
	}
}

func TestReleaseEndsGracePeriod(t *testing.T) {
	t.Parallel()
	const release = grace - 10*pollInterval
	leaks, took := findLeaksAfter(t, func(at time.Duration) []otelpool.Hold {
		if at < release {
			return oldHold(at)
		}
		return nil
	})
	if len(leaks) > 0 || took < release || took > release+pollInterval {
		t.Errorf("%d leaks after %v, want none after %v", len(leaks), took, release)
	}
}

func TestLaterAcquireIsNotALeak(t *testing.T) {
	t.Parallel()
	// The pool stays in use: a new connection is acquired before every check.
	leaks, took := findLeaksAfter(t, func(at time.Duration) []otelpool.Hold {
		held := []otelpool.Hold{{Operation: "new", Age: at / 2}}
		if at < 3*pollInterval {
			held = append(held, oldHold(at)...)
		}
		return held
	})
	if len(leaks) > 0 || took != 3*pollInterval {
		t.Errorf("leaks %v after %v, want none after %v", leaks, took, 3*pollInterval)
	}
	leaks, _ = findLeaksAfter(t, func(at time.Duration) []otelpool.Hold {
		return append(oldHold(at), otelpool.Hold{Operation: "new", Age: at / 2})
	})
	if len(leaks) != 1 || leaks[0].Operation != "old" {
		t.Errorf("leaks %v, want the old one", leaks)
	}
}
