package otelpooltest

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/otelpool/otelpool-go/otelpool"
)

// leakedAfter runs leaked on a clock of its own. held gives what is held at a time since the call. It gives what leaked
// found, and the time that it took.
func leakedAfter(t *testing.T, held func(at time.Duration) []otelpool.Hold) (leaks []otelpool.Hold, took time.Duration) {
	synctest.Test(t, func(*testing.T) {
		began := time.Now()
		leaks = leaked(func() []otelpool.Hold { return held(time.Since(began)) })
		took = time.Since(began)
	})
	return leaks, took
}

// oldHold is one that was acquired a second before the call.
func oldHold(at time.Duration) []otelpool.Hold {
	return []otelpool.Hold{{Operation: "old", Age: time.Second + at}}
}

func TestNothingHeldNeedsNoWaiting(t *testing.T) {
	t.Parallel()
	leaks, took := leakedAfter(t, func(time.Duration) []otelpool.Hold { return nil })
	if len(leaks) > 0 || took != 0 {
		t.Errorf("%d leaks after %v, want none at once", len(leaks), took)
	}
}

func TestLeakIsKnownWhenTheGracePeriodIsOver(t *testing.T) {
	t.Parallel()
	leaks, took := leakedAfter(t, oldHold)
	if len(leaks) != 1 || took < grace || took > grace+pollInterval {
		t.Errorf("%d leaks after %v, want 1 after %v", len(leaks), took, grace)
	}
}

func TestReleaseWithinTheGracePeriodEndsTheWaiting(t *testing.T) {
	t.Parallel()
	const release = grace - 10*pollInterval
	leaks, took := leakedAfter(t, func(at time.Duration) []otelpool.Hold {
		if at < release {
			return oldHold(at)
		}
		return nil
	})
	if len(leaks) > 0 || took < release || took > release+pollInterval {
		t.Errorf("%d leaks after %v, want none after %v", len(leaks), took, release)
	}
}

func TestConnectionsAcquiredMeanwhileAreNoLeaks(t *testing.T) {
	t.Parallel()
	// Somebody goes on to use the pool: whenever one looks, a connection has just been acquired.
	leaks, took := leakedAfter(t, func(at time.Duration) []otelpool.Hold {
		held := []otelpool.Hold{{Operation: "new", Age: at / 2}}
		if at < 3*pollInterval {
			held = append(held, oldHold(at)...)
		}
		return held
	})
	if len(leaks) > 0 || took != 3*pollInterval {
		t.Errorf("leaks %v after %v, want none after %v", leaks, took, 3*pollInterval)
	}
	leaks, _ = leakedAfter(t, func(at time.Duration) []otelpool.Hold {
		return append(oldHold(at), otelpool.Hold{Operation: "new", Age: at / 2})
	})
	if len(leaks) != 1 || leaks[0].Operation != "old" {
		t.Errorf("leaks %v, want the old one", leaks)
	}
}
