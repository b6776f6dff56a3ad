package otelpool

import (
	"slices"
	"sync"
	"time"

	"github.com/otelpool/otelpool-go/otelpool/diagnose"
	"github.com/otelpool/otelpool-go/otelpool/internal/poolstate"
)

// maxMoments is how many moments are kept: those of ten minutes.
const maxMoments = 600

// moments are the last seconds of a pool. Nothing is kept before the first request for them.
type moments struct {
	mu     sync.Mutex
	ring   []diagnose.Moment // the oldest at next, once it is full
	next   int
	last   counted
	wanted bool
}

// counted is what a pool has counted until a moment.
type counted struct {
	at                                                             time.Duration
	acquires, acquireFailures, calls, callFailures, opened, closed int64
	waited, took                                                   time.Duration
}

// History returns the pool's last ten minutes, one moment per second, the oldest first. The first call starts the
// recording, which takes about 80 kB, and returns one moment. The result is nil before Register and for a pool without
// hooks.
func (i *Instrumentation) History() []diagnose.Moment {
	o := i.registered()
	if o == nil || o.hooks == nil {
		return nil
	}
	m := &o.moments
	m.mu.Lock()
	started := m.wanted
	m.wanted = true
	m.mu.Unlock()
	if !started {
		o.asked()
		s := o.hooks.state.Snapshot(o.stat)
		m.add(o, &s)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.list()
}

// list returns the moments, the oldest first.
func (m *moments) list() []diagnose.Moment {
	return slices.Concat(m.ring[m.next:], m.ring[:m.next])
}

// add adds the moment of a snapshot, if moments were requested, unless the last is of the same second.
func (m *moments) add(o *observed, s *poolstate.Snapshot) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.wanted || m.last.at != 0 && s.Now-m.last.at < sampleInterval*9/10 {
		return
	}
	now, last := countedBy(o.hooks, s), m.last
	if last.at == 0 {
		last = now
	}
	m.last = now
	m.put(diagnose.Moment{
		Time:              time.Now().Round(0),
		Used:              s.Stat.Acquired,
		Idle:              s.Stat.Idle,
		Constructing:      s.Stat.Constructing,
		Closing:           s.Closing,
		Waiting:           s.Pending,
		OldestWaitSeconds: s.OldestWait.Seconds(),
		Seconds:           (now.at - last.at).Seconds(),
		Acquires:          now.acquires - last.acquires,
		AcquireFailures:   now.acquireFailures - last.acquireFailures,
		WaitedSeconds:     (now.waited - last.waited).Seconds(),
		Calls:             now.calls - last.calls,
		CallFailures:      now.callFailures - last.callFailures,
		CallSeconds:       (now.took - last.took).Seconds(),
		Opened:            now.opened - last.opened,
		Closed:            max(0, now.closed-last.closed), // an assumed hijack may be taken back
	})
}

// put adds a moment in the place of the oldest.
func (m *moments) put(moment diagnose.Moment) {
	if len(m.ring) < maxMoments {
		m.ring = append(m.ring, moment)
		return
	}
	m.ring[m.next] = moment
	m.next = (m.next + 1) % maxMoments
}

func countedBy(h *hooks, s *poolstate.Snapshot) counted {
	c := counted{at: s.Now, acquires: s.Acquired, opened: s.Opened}
	for _, result := range []poolstate.Result{poolstate.Timeout, poolstate.Canceled, poolstate.Failed} {
		c.acquireFailures += h.counters.Get(acquiresBy[result])
	}
	for _, waited := range s.Phases {
		c.waited += waited
	}
	for _, n := range s.Closed {
		c.closed += n
	}
	c.calls, c.callFailures, c.took = h.operations.Total()
	return c
}
