package otelpool

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/otelpool/otelpool-go/otelpool/diagnose"
)

// ErrAcquireTimeout matches, with errors.Is, the error of an acquire that exceeded [Sizing].Timeout.
var ErrAcquireTimeout = errors.New("otelpool: acquire timed out")

// AcquireTimeoutError is the error of an acquire that exceeded [Sizing].Timeout. With errors.Is it matches
// [ErrAcquireTimeout] and context.DeadlineExceeded. It implements net.Error, and os.IsTimeout reports true.
type AcquireTimeoutError struct {
	Pool    string        // the name of an instrumented pool, see [WithPoolName], else host:port/database
	Limit   time.Duration // Sizing.Timeout
	InUse   int           // connections in use when it was exceeded
	Max     int           // MaxConns
	Waiting int           // acquires under way, including this one

	findings *lazyFindings // nil if the pool has no hooks
}

// lazyFindings are found when they are asked for. They are a function, so that a program that prints all fields of an
// error shows nothing of the pool's configuration.
type lazyFindings struct{ find func() []diagnose.Finding }

// Findings returns what is wrong with the pool, the worst first, as package diagnose finds it. The first call examines
// the pool, so call Findings soon: it describes the pool at the time of that call and in the minutes before, not at the
// time of the error. The examination costs about as much as a collection. All errors within a second share one, and
// further calls return the same slice. Findings returns nil if nothing is wrong, and for a pool that is not
// instrumented or not registered.
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

// Timeout returns true, like the Timeout method of context.DeadlineExceeded.
func (e *AcquireTimeoutError) Timeout() bool { return true }

// Temporary returns true, like the Temporary method of context.DeadlineExceeded.
func (e *AcquireTimeoutError) Temporary() bool { return true }

// Is reports whether target is [ErrAcquireTimeout] or context.DeadlineExceeded.
func (e *AcquireTimeoutError) Is(target error) bool {
	return slices.Contains([]error{ErrAcquireTimeout, context.DeadlineExceeded}, target)
}
