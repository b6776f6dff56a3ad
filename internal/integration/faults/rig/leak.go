package rig

import (
	"testing"
	"time"

	"go.uber.org/goleak"
)

// stuckToxic is a goroutine of toxiproxy. If a connection ends while it holds data, it blocks forever.
var stuckToxic = goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2/toxics.(*ToxicStub).Run")

// NoLeak checks after the test that no new goroutine is left. Call it first, but after the database exists, in a test
// that is not parallel.
func NoLeak(t testing.TB) {
	t.Helper()
	options := []goleak.Option{goleak.IgnoreCurrent(), stuckToxic}
	t.Cleanup(func() {
		deadline := time.Now().Add(Wait)
		err := goleak.Find(options...)
		for err != nil && time.Now().Before(deadline) { // a search waits at most half a second
			err = goleak.Find(options...)
		}
		if err != nil {
			t.Errorf("goroutines are left: %v", err)
		}
	})
}
