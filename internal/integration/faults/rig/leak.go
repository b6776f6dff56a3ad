package rig

import (
	"testing"
	"time"

	"go.uber.org/goleak"
)

// stuckToxic is toxiproxy's: what it has in hand when a connection ends is offered to nobody for ever.
var stuckToxic = goleak.IgnoreAnyFunction("github.com/Shopify/toxiproxy/v2/toxics.(*ToxicStub).Run")

// NoLeak checks, when the test is over, that no goroutine is left that was not there when it began. Call it first.
func NoLeak(t testing.TB) {
	t.Helper()
	options := []goleak.Option{goleak.IgnoreCurrent(), stuckToxic}
	t.Cleanup(func() {
		deadline := time.Now().Add(Wait)
		err := goleak.Find(options...)
		for err != nil && time.Now().Before(deadline) { // a search waits half a second at most
			err = goleak.Find(options...)
		}
		if err != nil {
			t.Errorf("goroutines are left: %v", err)
		}
	})
}
