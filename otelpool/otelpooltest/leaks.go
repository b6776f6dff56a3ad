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
	// grace is how long AssertNoLeaks waits for connections to come back.
	grace = 2 * time.Second

	// pollInterval is how often it looks meanwhile.
	pollInterval = 2 * time.Millisecond
)

// AssertNoLeaks fails the test if connections of the pool are held that should have been given back. It lists each of
// them with its age, the operation that the caller of Acquire named, the query that runs or ran last, the trace, and,
// if the pool was made with [otelpool.WithLongHold], the stack that acquired it. It reports whether there are none.
//
// A goroutine of the code under test may release a moment after the test has its answer, an HTTP handler for instance.
// So what is held is given up to two seconds to come back; when nothing is held, AssertNoLeaks returns at once.
// Connections that are acquired after the call are not looked at. One that is held on purpose, by a listener for
// notifications say, is a leak to AssertNoLeaks: stop its holder first.
//
// Call it when the code under test is done, before Unregister and before the pool is closed: Close waits for every
// connection, for ever if one is leaked, and the test would hang without saying why. The functions given to t.Cleanup
// run last in, first out, and after deferred ones; so give it to t.Cleanup after the function that closes the pool, and
// defer neither Close nor Unregister. It is best to close the pool only if AssertNoLeaks returned true, as the example of
// the package does.
//
// It knows what [otelpool.Instrumentation.Held] knows. That is nothing, so that no leak is found: before Register; of a
// pool whose MeterProvider measures nothing, as the global one does unless the program sets it, so give the pool the
// Option of a [Recorder], or WithLongHold; of one that was measured by the function [otelpool.Register]; and of connections
// taken by AcquireAllIdle. After Unregister it finds what was acquired before.
func AssertNoLeaks(t testing.TB, inst *otelpool.Instrumentation) bool {
	t.Helper()
	if inst == nil {
		t.Errorf("otelpooltest: the Instrumentation is nil: give AssertNoLeaks the one that New, NewWithConfig or Instrument returned with the pool")
		return false
	}
	leaks := leaked(inst.Held)
	if len(leaks) == 0 {
		return true
	}
	t.Errorf("otelpooltest: %s", describe(leaks))
	return false
}

// leaked gives what was held when it was called and does not come back in time.
func leaked(held func() []otelpool.Hold) []otelpool.Hold {
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

// describe lists holds for somebody who must find where a release is missing.
func describe(holds []otelpool.Hold) string {
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
		case h.Query != "":
			fmt.Fprintf(&b, ", idle after %q", h.Query)
		default:
			b.WriteString(", without a query")
		}
		if h.Nested {
			b.WriteString(", acquired while its scope held another")
		}
		if h.TraceID.IsValid() {
			fmt.Fprintf(&b, ", trace %s", h.TraceID)
		}
		for _, frame := range h.Stack {
			if frame.Function == "testing.tRunner" || frame.Function == "runtime.goexit" {
				break // what is below is the same for all
			}
			fmt.Fprintf(&b, "\n   %s\n       %s:%d", frame.Function, frame.File, frame.Line)
		}
		stacks = stacks && h.Stack != nil
	}
	if !stacks {
		b.WriteString("\nTo see who acquired them, make the pool with otelpool.WithLongHold(time.Minute), and without WithoutStacks.")
	}
	return b.String()
}
