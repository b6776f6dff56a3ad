package poolstate

import (
	"runtime"
	"sync"
	"time"
)

// hijacks has the results of comparisons with the pool's own statistics. A hijack has no event, but then the pool has
// fewer connections acquired than are held.
type hijacks struct {
	mu        sync.Mutex
	clear     time.Duration // the last comparison after which no hijack was unexplained
	until     time.Duration // when an unexplained one was last found, 0 if there is none
	assumed   interval      // assumed time of the last explained hijack
	unheld    int64         // unexplained connections without a hold, by the last comparison
	unheldAt  time.Duration
	confirmed int64 // those of unheld that the comparison before found too
}

// interval is the time in which an unexplained hijack happened.
type interval struct{ from, to time.Duration }

// suspected returns the interval for a comparison at now. more reports whether it shows more hijacks than were unexplained.
func (h *hijacks) suspected(now time.Duration, more bool) interval {
	h.mu.Lock()
	defer h.mu.Unlock()
	if more || h.until == 0 {
		return interval{h.clear, now}
	}
	return interval{h.clear, h.until}
}

// replaced forgets when the unexplained hijacks happened. One of them may have been explained because its connection
// became garbage, and another may have happened since. The number is then the same, but a later hold may have ended.
func (h *hijacks) replaced() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.clear, h.until = 0, 0
}

// mistaken restores the interval of the last explained hijack, because its explanation was wrong.
func (h *hijacks) mistaken() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.clear, h.until = h.assumed.from, h.assumed.to
}

// confirmInterval is the minimum time between the two comparisons that must find a connection gone. A connection that
// is opening or closing seems gone for a moment.
const confirmInterval = 100 * time.Millisecond

// note stores the result of a comparison, after the holds that were certainly hijacked have ended.
func (h *hijacks) note(c comparison, before int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(c.gone) > 0 {
		h.assumed = c.during
	}
	switch {
	case c.unexplained > before || c.unexplained > 0 && h.until == 0:
		h.until = c.now
	case c.unexplained == 0 && c.closing == 0:
		h.clear, h.until = c.began, 0
	}
	if c.now-h.unheldAt >= confirmInterval {
		h.confirmed = min(h.unheld, c.unheld)
		h.unheld, h.unheldAt = c.unheld, c.now
	}
}

// count returns how many connections without a hold were hijacked.
func (h *hijacks) count() int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.confirmed
}

// comparison is the state beside the pool's own statistics.
type comparison struct {
	began   time.Duration // before anything was read
	now     time.Duration // no hold began later
	stat    Stat
	held    []Hold // oldest first
	closing int64  // connections that are being closed, which may hide a hijack
	garbage int64  // hijacked connections that are garbage

	gone        []Hold   // the holds of held whose connection was certainly hijacked
	during      interval // in which they were hijacked
	unexplained int64    // how many more of held are of a hijacked connection
	unheld      int64    // how many connections without a hold were hijacked
}

// comparisons is how often compare compares if it finds a hijack. One comparison may be wrong: its parts are not read
// at one moment, and the pool does not yet count a connection that was just opened.
const comparisons = 3

// compare compares the state with the pool's own statistics.
func (p *Pool) compare(read func() Stat) comparison {
	best, missing := p.compareOnce(read)
	for range comparisons - 1 {
		if missing == 0 && best.unheld == 0 {
			break
		}
		runtime.Gosched()
		if c, m := p.compareOnce(read); m < missing || m == missing && c.unheld <= best.unheld {
			best, missing = c, m
		}
	}
	unexplained := p.acquires.hijackedHolds.Load()
	if unexplained > 0 && best.garbage > 0 {
		p.hijacks.replaced()
	}
	best.explain(missing, p.hijacks.suspected(best.now, missing > unexplained))
	return best
}

// compareOnce returns a comparison, and how many of its holds are of a hijacked connection.
//
// A hijack must show in two differences. Connections: more were opened than were closed and than the pool has. Slots:
// acquires have more connections than the pool counts as acquired. Either may be wrong for a moment, and the first
// remains if AcquireAllIdle had taken the hijacked connection. By the order of reading, an event during the comparison
// can hide a hijack but not feign one: a connection that is acquired and hijacked meanwhile is in no count, or among
// the holds. A connection that is being closed can also hide a hijack, because it may still count as acquired.
func (p *Pool) compareOnce(read func() Stat) (c comparison, missing int64) {
	c.began = p.acquires.now()
	opened := p.conns.opened.Load()
	taken := p.acquires.taken()
	held, garbage, fresh := p.conns.held()
	c.now = p.acquires.now()
	c.stat = read()
	taken = min(taken, p.acquires.taken()) // without what was acquired or released meanwhile
	lost := opened - p.conns.closed.Load() - p.conns.hijacked.Load() - c.stat.Idle

	c.held, c.garbage = stillHeld(held), garbage
	n := int64(len(c.held))
	c.closing = max(0, min(p.closing.count(c.now), c.stat.Acquired-n))
	lost = max(0, lost-c.stat.Acquired)
	missing = min(lost, max(0, taken-c.stat.Acquired)) - garbage
	missing = min(n, max(missing, n-c.stat.Acquired))
	c.unheld = max(0, lost-missing-garbage-fresh) // another pool with this configuration may have dialed the fresh ones
	return c, missing
}

// explain decides which holds are missing. Programs hijack a connection soon after the acquire, mostly to listen for
// notifications. So holds that began in the interval or listen are preferred. If more holds are equally likely than are
// missing, each of them is marked as possibly hijacked.
func (c *comparison) explain(missing int64, during interval) {
	c.during = during
	if missing == int64(len(c.held)) {
		c.gone = c.held
		return
	}
	for likely := likeliest; missing > 0; likely-- {
		var class []int
		for i, h := range c.held {
			if likelihood(h, during) == likely {
				class = append(class, i)
			}
		}
		certain := int64(len(class)) <= missing
		for _, i := range class {
			if certain {
				c.gone = append(c.gone, c.held[i])
			} else {
				c.held[i].MaybeHijacked = true
			}
		}
		if !certain {
			c.unexplained = missing
			return
		}
		missing -= int64(len(class))
	}
}

const likeliest = 4

// likelihood returns how likely the connection of a hold was hijacked in an interval, from 0 to likeliest.
func likelihood(h Hold, during interval) int {
	if h.Since > during.to {
		return 0 // only if another hijack happened since
	}
	likely := 1
	if h.Since > during.from {
		likely += 2
	}
	if h.Conn.listens() {
		likely++
	}
	return likely
}

// holds returns the holds without those that are gone, oldest first.
func (c *comparison) holds() []Hold {
	if len(c.gone) == 0 {
		return c.held
	}
	gone := make(map[*Acquire]bool, len(c.gone))
	for _, h := range c.gone {
		gone[h.Acquire] = true
	}
	left := make([]Hold, 0, len(c.held)-len(c.gone))
	for _, h := range c.held {
		if !gone[h.Acquire] {
			left = append(left, h)
		}
	}
	return left
}

// Reconcile compares the state with the pool's own statistics. It ends the holds of connections that were hijacked, and
// stores peaks and the number of connections closed for other reasons. It returns the snapshot that it compared.
func (p *Pool) Reconcile(read func() Stat) Snapshot {
	p.reconciling.Lock()
	defer p.reconciling.Unlock()
	s, c := p.snapshot(read)
	for _, h := range c.gone {
		p.endHijacked(h)
	}
	p.hijacks.note(c, p.acquires.hijackedHolds.Swap(c.unexplained))
	if s.queueStands() {
		p.acquires.pendingPeak.note(s.Now, s.Pending)
	}
	p.acquires.peak.note(s.Now, s.Stat.Acquired) // so that it is never below a sample of the window
	p.conns.noteOther(s.Closed[CloseOther])
	return s
}

// Look reconciles if anything is held.
func (p *Pool) Look() {
	if read := p.acquires.stat.Load(); read != nil && p.acquires.slots.load().inUse > 0 {
		p.Reconcile(*read)
	}
}

// endHijacked ends the hold of a connection that seems to be hijacked. If it was not, its release reverts that.
func (p *Pool) endHijacked(h Hold) {
	if h.Conn.setAside(h.Acquire, h.Since) {
		p.hijacked(h.Acquire)
	}
}

// Hijacked notes that a connection is about to be hijacked. The owner of the connection calls it.
func (p *Pool) Hijacked(c *Conn) {
	if a, _ := c.endHold(); a != nil {
		p.hijacked(a)
		return
	}
	if a, _ := c.takeBack(); a != nil {
		return // it was noticed already
	}
	p.conns.hijacked.Add(1) // AcquireAllIdle took it
	p.conns.remove(c)
}

func (p *Pool) hijacked(a *Acquire) {
	p.acquires.slots.add(-inUseUnit - occupiedUnit)
	p.conns.hijacked.Add(1)
	if a.scope != nil {
		a.scope.remove(a)
	}
}

// notHijacked reverts the assumption that a connection was hijacked, and returns its hold. It is being released.
func (p *Pool) notHijacked(c *Conn) (a *Acquire, since time.Duration) {
	if a, since = c.takeBack(); a != nil {
		p.conns.hijacked.Add(-1)
		p.acquires.hijackedHolds.Add(1) // another hold is
		p.hijacks.mistaken()
	}
	return a, since
}
