package otelpooltest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/otelpool/otelpool-go/otelpool"
)

const (
	// grace is the time that AssertNoLeaks waits for connections to be released.
	grace = 2 * time.Second

	// pollInterval is the time between two checks during grace.
	pollInterval = 2 * time.Millisecond
)

// AssertNoLeaks fails the test if a connection of the pool is still held. It lists each with its age, the operation of
// its acquire, the query that runs or ran last, and the trace. If the pool was created with [otelpool.WithLongHold], it
// also lists the stack that acquired the connection. It reports whether no connection is held.
//
// A goroutine of the code under test, such as an HTTP handler, may release a connection shortly after the test has its
// answer. AssertNoLeaks therefore waits up to two seconds for the connections held; if none is held, it returns
// immediately. It ignores connections acquired after the call. A connection that is held on purpose, for example by a
// listener for notifications, counts as a leak: stop its holder first.
//
// Call it when the code under test is done, before Unregister and before the pool is closed. Close waits for every
// connection, so with a leak the test would hang without a message. Functions passed to t.Cleanup run last in, first
// out, and after deferred ones. So pass AssertNoLeaks to t.Cleanup after the function that closes the pool, and defer
// neither Close nor Unregister. It is best to close the pool only if AssertNoLeaks returned true, as in the example of
// the package.
//
// AssertNoLeaks uses [otelpool.Instrumentation.Held], and finds only the leaks that it returns. Held returns nothing
// before Register, for a pool registered by the function [otelpool.Register], and for connections taken by
// AcquireAllIdle. It also returns nothing if the MeterProvider measures nothing, as the global one does by default; use
// the Option of a [Recorder], or WithLongHold. After Unregister it returns the connections acquired before.
func AssertNoLeaks(t testing.TB, inst *otelpool.Instrumentation) bool {
	t.Helper()
	if inst == nil {
		t.Errorf("otelpooltest: the Instrumentation is nil: pass the one that New, NewWithConfig or Instrument returned")
		return false
	}
	leaks := findLeaks(inst.Held)
	if len(leaks) == 0 {
		return true
	}
	t.Errorf("otelpooltest: %s", formatLeaks(leaks))
	return false
}

// findLeaks returns the connections that were held when it was called and are not released within grace.
func findLeaks(held func() []otelpool.Hold) []otelpool.Hold {
	began := time.Now()
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		waited := time.Since(began)
		leaks := slices.DeleteFunc(held(), func(h otelpool.Hold) bool { return h.Age < waited })
		if len(leaks) == 0 || waited >= grace {
			return leaks
		}
		<-tick.C
	}
}

// formatLeaks lists holds with what helps to find the missing release.
func formatLeaks(holds []otelpool.Hold) string {
	var b strings.Builder
	fmt.Fprintf(&b, "connections acquired and not released: %d", len(holds))
	stacks := true
	for i, h := range holds {
		fmt.Fprintf(&b, "\n%d. held for %v", i+1, h.Age.Round(time.Millisecond))
		if h.Operation != "" {
			fmt.Fprintf(&b, " by operation %q", h.Operation)
		}
		switch {
		case h.Running:
			fmt.Fprintf(&b, ", running %q", h.Query)
		case h.ResultOpen:
			fmt.Fprintf(&b, ", with the rows or the batch of %q not closed", h.Query)
		case h.InTransaction:
			fmt.Fprintf(&b, ", idle in a transaction after %q", h.Query)
		case h.Query != "":
			fmt.Fprintf(&b, ", idle after %q", h.Query)
		default:
			b.WriteString(", without a query")
		}
		if h.Nested {
			b.WriteString(", acquired while its goroutine held another")
		}
		if h.MaybeHijacked {
			b.WriteString(", unless it was hijacked")
		}
		if h.TraceID.IsValid() {
			fmt.Fprintf(&b, ", trace %s", h.TraceID)
		}
		for _, frame := range h.Stack {
			fmt.Fprintf(&b, "\n   %s\n       %s:%d", frame.Function, frame.File, frame.Line)
		}
		stacks = stacks && h.Stack != nil
	}
	if !stacks {
		b.WriteString("\nCreate the pool with otelpool.WithLongHold(time.Minute), and without WithoutStacks, to list the stacks that acquired them.")
	}
	return b.String()
}
