package poolstate

import (
	"iter"
	"time"
)

// Snapshot is the state of a pool at one moment. All its statistics come from one Stat, so they are consistent.
type Snapshot struct {
	Stat       Stat
	Now        time.Duration
	Pending    int64         // acquires without a slot
	Closing    int64         // connections that Stat counts as acquired, but that are being closed
	OldestWait time.Duration // the longest that one of them has waited, 0 if there is none

	// Holds are the holds, oldest first, without those of hijacked connections. A hijack has no event, so it may be
	// unknown which of several holds it ended. These have MaybeHijacked set, and Doubtful is how many of them have
	// ended.
	Holds    []Hold
	Doubtful int64

	Peak        int64 // the most connections in use at any moment of the window
	PendingPeak int64 // the most acquires without a slot at any moment of the window

	// What happened since the start.
	Acquired int64 // acquires that succeeded
	Phases   [PhaseCount]time.Duration
	Opened   int64
	Closed   [CloseReasonCount]int64
}

// Judged returns the holds, oldest first, and whether each counts as ended by a hijack. Of the doubtful ones the oldest
// do, so no age is too high.
func (s *Snapshot) Judged() iter.Seq2[Hold, bool] {
	return func(yield func(h Hold, ended bool) bool) {
		doubtful := s.Doubtful
		for _, h := range s.Holds {
			ended := h.MaybeHijacked && doubtful > 0
			if ended {
				doubtful--
			}
			if !yield(h, ended) {
				return
			}
		}
	}
}

// OldestHold returns the age of the oldest hold that does not count as ended, 0 if there is none.
func (s *Snapshot) OldestHold() time.Duration {
	for h, ended := range s.Judged() {
		if !ended {
			return max(0, s.Now-h.Since)
		}
	}
	return 0
}

// Snapshot returns the state of the pool now. read returns the pool's own statistics. It is called again if a hijack shows.
func (p *Pool) Snapshot(read func() Stat) Snapshot {
	p.reconciling.Lock() // otherwise another hold could look hijacked while a reconciliation ends one
	defer p.reconciling.Unlock()
	s, _ := p.snapshot(read)
	return s
}

func (p *Pool) snapshot(read func() Stat) (Snapshot, comparison) {
	closed := p.conns.closed.Load() // before the statistics, which then include at least these
	c := p.compare(read)
	s := Snapshot{Stat: c.stat, Now: c.now, Holds: c.holds(), Doubtful: c.unexplained}
	p.addAcquires(&s, int64(len(c.gone))+c.unexplained)
	p.addConnections(&s, closed)
	s.Closed[CloseHijacked] = p.conns.hijacked.Load() + int64(len(c.gone)) + c.unexplained + min(c.unheld, p.hijacks.count())
	return s, c
}

// addAcquires adds the figures on acquires to a snapshot. ended is how many of the connections in use were hijacked.
func (p *Pool) addAcquires(s *Snapshot, ended int64) {
	q := &p.acquires
	n := q.slots.load()
	s.Pending = n.pending
	s.Closing = max(0, min(p.closing.count(s.Now), s.Stat.Acquired-n.inUse+ended))
	s.OldestWait = q.waiters.oldest(s.Now)
	s.PendingPeak = q.pendingPeak.read(s.Now)
	if s.queueStands() {
		s.PendingPeak = max(s.PendingPeak, s.Pending)
	}
	s.Peak = min(max(q.peak.read(s.Now), s.Stat.Acquired), s.Stat.Max)
	for i := range q.phases {
		s.Phases[i] = time.Duration(q.phases[i].Load())
	}
}

// queueStands reports whether acquires are still waiting in a full pool. The pending peak misses such a queue if no
// further acquire begins, or if AcquireAllIdle took the slots without an event.
func (s *Snapshot) queueStands() bool {
	return s.Stat.Acquired+s.Stat.Constructing >= s.Stat.Max && s.OldestWait >= standingWait
}

// addConnections adds the figures on connections to a snapshot. closed is how many were closed before its Stat was
// read.
func (p *Pool) addConnections(s *Snapshot, closed int64) {
	totals := p.conns.totals()
	s.Acquired = totals.acquired
	s.Phases[Queue] += totals.queued
	s.Opened = p.conns.opened.Load()
	s.Closed = p.conns.closedByReason(closed, s.Stat)
}
