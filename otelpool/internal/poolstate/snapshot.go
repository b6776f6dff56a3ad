package poolstate

import (
	"cmp"
	"slices"
	"time"
)

// Snapshot is a pool at one moment. All that it has of the pool's statistics comes from one Stat, so that it is consistent.
type Snapshot struct {
	Stat       Stat
	Now        time.Duration
	Pending    int64         // acquires without a slot
	Closing    int64         // connections that Stat counts as acquired, though they are only being closed
	OldestWait time.Duration // the longest that one of them has waited, 0 if there is none

	// Holds are the holds, oldest first. A hijack has no event, so Holds omits as many of the oldest as the counts show to
	// be hijacked. CertainHolds omits every hold that might be, at the price of omitting some that are real.
	Holds, CertainHolds []Hold

	Peak        int64 // the most connections in use at any moment of the window
	PendingPeak int64 // the most acquires without a slot at any moment of the window

	// What happened since the start.
	Acquired int64 // acquires that succeeded
	Phases   [PhaseCount]time.Duration
	Busy     time.Duration // in which a call ran on a held connection
	Opened   int64
	Closed   [CloseReasonCount]int64

	hijacked      []Hold // holds that certainly ended by a hijack
	hijackedHolds int64  // how many further holds are hijacked, without it being known which
}

// OldestHold returns the age of the oldest hold, 0 if there is none.
func (s *Snapshot) OldestHold() time.Duration {
	if len(s.Holds) == 0 {
		return 0
	}
	return max(0, s.Now-s.Holds[0].Since)
}

// Snapshot returns the state of the pool now. read returns the pool's own statistics; it is called once.
func (p *Pool) Snapshot(read func() Stat) Snapshot {
	now := p.acquires.now()
	closed := p.conns.closed.Load() // read before Stat, so that Stat covers at least these closes
	s := p.holds(now, read)
	s.Now = now
	p.addAcquires(&s)
	p.addConnections(&s, closed)
	return s
}

// Reconcile compares the state with the pool's own statistics. It ends the holds of connections that were certainly
// hijacked, and stores what else the comparison proves: peaks, and connections closed for other reasons. It
// returns the snapshot that it compared.
func (p *Pool) Reconcile(read func() Stat) Snapshot {
	p.reconciling.Lock()
	defer p.reconciling.Unlock()
	s := p.Snapshot(read)
	for _, h := range s.hijacked {
		p.dropHijacked(h)
	}
	p.acquires.hijackedHolds.Store(s.hijackedHolds)
	if s.queueStands() {
		p.acquires.pendingPeak.note(s.Now, s.Pending)
	}
	p.acquires.peak.note(s.Now, s.Stat.Acquired) // so that it is never below a sample of the window
	p.conns.noteOther(s.Closed[CloseOther])
	return s
}

// dropHijacked ends the hold of a connection that was hijacked.
func (p *Pool) dropHijacked(h Hold) {
	if !h.Conn.dropHold(h.Acquire) {
		return
	}
	p.acquires.slots.add(-inUseUnit - occupiedUnit)
	p.conns.hijacked.Add(1)
	p.conns.remove(h.Conn) // the pool no longer has it
	if h.Acquire.scope != nil {
		h.Acquire.scope.remove(h.Acquire)
	}
}

// holds reads the statistics and the holds.
//
// A hijack has no event, so its hold never ends. But it shows: there are more holds than the pool counts acquired
// connections. Which ones were hijacked shows once no other connection is held. Until then the oldest are assumed to be,
// because whoever hijacks a connection usually keeps it. While a connection is pinged or prepared, pgxpool counts it as
// acquired but nothing holds it yet. So that it does not mask a hijacked one, the slot counts are compared too.
//
// To be certain that a hold is not hijacked, all connections that the pool has lost are left out. That may leave out a
// real hold: a connection that is being opened seems lost for a moment, and one that was hijacked after AcquireAllIdle
// seems lost for good.
func (p *Pool) holds(now time.Duration, read func() Stat) Snapshot {
	conns := p.conns.all()
	held := make([]Hold, 0, len(conns))
	for _, c := range conns {
		if a := c.held.Load(); a != nil {
			held = append(held, Hold{a, c, c.since()})
		}
	}
	leaked := p.acquires.leaked.Load() // read before Stat, so that Stat includes them
	occupied := p.acquires.slots.load().occupied
	stat := read()

	// A connection held both before and after Stat was read was acquired at that moment, unless it was hijacked.
	held = slices.DeleteFunc(held, func(h Hold) bool { return h.Conn.held.Load() != h.Acquire || h.Since > now })
	slices.SortFunc(held, func(a, b Hold) int { return cmp.Compare(a.Since, b.Since) })
	n := int64(len(held))
	hijacked := max(0, n-max(0, stat.Acquired-leaked))
	if hijacked == n {
		return Snapshot{Stat: stat, hijacked: held}
	}
	lost := pooled(conns) - stat.Acquired - stat.Idle
	lostSlots := occupied - stat.Acquired - stat.Constructing
	return Snapshot{
		Stat:          stat,
		Holds:         held[min(n, max(hijacked, min(lost, lostSlots))):],
		CertainHolds:  held[min(n, max(hijacked, lost)):],
		hijackedHolds: hijacked,
	}
}

// pooled counts the connections that the pool has opened. A program can open others from the pool's configuration.
func pooled(conns []*Conn) (n int64) {
	for _, c := range conns {
		if c.pooled.Load() {
			n++
		}
	}
	return n
}

// addAcquires adds what is known of acquires to a snapshot.
func (p *Pool) addAcquires(s *Snapshot) {
	q := &p.acquires
	n := q.slots.load()
	s.Pending = n.pending
	s.Closing = max(0, min(p.closing.count(s.Now), s.Stat.Acquired-n.inUse+s.hijackedHolds))
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

// addConnections adds what is known of connections to a snapshot. closed is how many were closed before its Stat.
func (p *Pool) addConnections(s *Snapshot, closed int64) {
	totals := p.conns.totals()
	s.Acquired = totals.acquired
	s.Phases[Queue] += totals.queued
	s.Busy = totals.busy
	s.Opened = p.conns.opened.Load()
	s.Closed = p.conns.closedByReason(closed, s.Stat)
}
