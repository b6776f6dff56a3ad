package otelpool

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/otelpool/otelpool-go/otelpool/diagnose"
)

// How often slow acquires are logged, so that a pool that is exhausted does not log a line for each request, and how often
// and how long the reason is looked for before the line is written. Some troubles show only after seconds.
const (
	slowInterval = time.Minute
	slowLook     = time.Second
	slowPatience = 10 * time.Second
)

// slowLog decides when to look for the reason of slow acquires, and when to log it. It is safe for concurrent use.
type slowLog struct {
	logged atomic.Int64 // when a line was last logged, 0 if never

	mu      sync.Mutex
	since   time.Duration // when the first slow acquire was noted that is not logged yet, 0 if there is none
	line    slowLine
	looked  time.Duration
	looking bool
}

// slowLine is what a line says: of the slow acquires since the last, and of the pool.
type slowLine struct {
	waited   time.Duration // the longest
	timedOut bool          // one of them did
	is       *diagnose.Report
	found    []diagnose.Finding
}

// note notes a slow acquire, and reports whether the caller is to look for the reason and then to call conclude.
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

// pending reports the same if an acquire was noted before, and nothing was logged yet.
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

// conclude ends a look at the pool. It returns a line that is to be logged: of this look if the reason was found, of the first
// look if it was not for long.
func (l *slowLog) conclude(now time.Duration, is diagnose.Report, found []diagnose.Finding) (line slowLine, log bool) {
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

// vague are the kinds that any trouble may look like in its first seconds.
var vague = []diagnose.Kind{diagnose.PoolTooSmall, diagnose.LoadGrown, diagnose.CallersWait, diagnose.CallersTimeOut}
