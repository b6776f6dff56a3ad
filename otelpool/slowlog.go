package otelpool

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/otelpool/otelpool-go/otelpool/diagnose"
)

// slowInterval is the minimum time between two lines, so that an exhausted pool does not log a line for each request.
// Before a line, the cause is looked for every slowLook, up to slowPatience, because some causes show only after
// seconds.
const (
	slowInterval = time.Minute
	slowLook     = time.Second
	slowPatience = 10 * time.Second
)

// slowLog decides when to look for the cause of slow acquires, and when to log it. It is safe for concurrent use.
type slowLog struct {
	logged atomic.Int64 // when a line was last logged, 0 if never

	mu      sync.Mutex
	since   time.Duration // when the first slow acquire was noted that is not logged yet, 0 if there is none
	line    slowLine
	looked  time.Duration
	looking bool
}

// slowLine has the content of a line: the slow acquires since the last line, and the pool.
type slowLine struct {
	waited   time.Duration // the longest
	timedOut bool          // one of them did
	is       *diagnose.Report
	found    []diagnose.Finding
}

// note notes a slow acquire, and reports whether the caller must look for the cause and then call conclude.
func (l *slowLog) note(now, waited time.Duration, timedOut bool) bool {
	if at := l.logged.Load(); at != 0 && now-time.Duration(at) < slowInterval {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.since == 0 {
		l.since, l.line = now, slowLine{}
	}
	l.line.waited, l.line.timedOut = max(l.line.waited, waited), l.line.timedOut || timedOut
	return l.look(now)
}

// pending is like note for an acquire that was noted before and is not logged yet.
func (l *slowLog) pending(now time.Duration) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.since != 0 && l.look(now)
}

func (l *slowLog) look(now time.Duration) bool {
	if l.looking || l.looked != 0 && now-l.looked < slowLook*9/10 { // a timer is not exact
		return false
	}
	l.looking, l.looked = true, now
	return true
}

// conclude ends a look at the pool. It reports whether to log a line, and returns it: that of this look if the cause
// was found, or that of the first look if it was not found within slowPatience.
func (l *slowLog) conclude(now time.Duration, is diagnose.Report, found []diagnose.Finding) (line slowLine, log bool) {
	if i := slices.IndexFunc(found, isUnexplained); i > 0 {
		found = found[i:] // those before it are not why callers wait
	}
	certain := len(found) > 0 && !slices.Contains(vague, found[0].Kind)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.looking = false
	if l.line.is == nil || certain {
		l.line.is, l.line.found = &is, found
	}
	if l.since == 0 || !certain && now-l.since < slowPatience {
		return slowLine{}, false
	}
	line = l.line
	l.since, l.line = 0, slowLine{}
	l.logged.Store(int64(now))
	return line, true
}

// isUnexplained reports whether a finding is that callers wait or time out, for no reason that was found.
func isUnexplained(f diagnose.Finding) bool {
	return !f.Consequence && (f.Kind == diagnose.CallersWait || f.Kind == diagnose.CallersTimeOut)
}

// vague are the kinds of findings that any cause may lead to in its first seconds.
var vague = []diagnose.Kind{diagnose.PoolTooSmall, diagnose.LoadGrown, diagnose.CallersWait, diagnose.CallersTimeOut}
