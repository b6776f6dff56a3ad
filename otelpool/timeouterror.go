package otelpool

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/otelpool/otelpool-go/otelpool/diagnose"
)

// ErrAcquireTimeout is the error, by errors.Is, of an acquire that took longer than [Sizing].Timeout.
var ErrAcquireTimeout = errors.New("otelpool: acquire timed out")

// AcquireTimeoutError is the error of an acquire that took longer than [Sizing].Timeout. It is both an
// [ErrAcquireTimeout] and a context.DeadlineExceeded, and like that a time-out by net.Error and os.IsTimeout.
type AcquireTimeoutError struct {
	Pool    string        // its name if it is instrumented, see [WithPoolName], else host:port/database
	Limit   time.Duration // that was exceeded
	InUse   int           // connections in use when it was
	Max     int           // the most there may be
	Waiting int           // acquires under way, this one included

	findings *lazyFindings // nil if the pool has no hooks
}

// lazyFindings are found when they are asked for. They are a function, so that a program that prints all fields of an error
// shows nothing of the pool's configuration.
type lazyFindings struct{ find func() []diagnose.Finding }

// Findings returns what is wrong with the pool, the worst first, as package diagnose does. The pool is looked at by the first
// call, so call it soon: it finds what is wrong then, and over the minutes before, not what was when the error was made. That
// costs about as much as a collection, but at most once a second and pool: errors of one second share what was found. Further
// calls return the same slice. It returns nothing if all is well, and for a pool that is not instrumented or not registered.
func (e *AcquireTimeoutError) Findings() []diagnose.Finding {
	if e == nil || e.findings == nil {
		return nil
	}
	return e.findings.find()
}

// Error implements error.
func (e *AcquireTimeoutError) Error() string {
	return fmt.Sprintf("otelpool: no connection of pool %s within %v: %d of %d in use, %d waiting", e.Pool, e.Limit, e.InUse, e.Max, e.Waiting)
}

// Timeout returns true, as that of context.DeadlineExceeded does.
func (e *AcquireTimeoutError) Timeout() bool { return true }

// Temporary returns true, as that of context.DeadlineExceeded does.
func (e *AcquireTimeoutError) Temporary() bool { return true }

// Is reports whether target is what the error stands for.
func (e *AcquireTimeoutError) Is(target error) bool {
	return slices.Contains([]error{ErrAcquireTimeout, context.DeadlineExceeded}, target)
}
