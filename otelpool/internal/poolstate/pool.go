package poolstate

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Config describes the real pool to a Pool.
type Config struct {
	Now        func() time.Duration // monotonic clock
	MaxConns   int64
	BaseSize   int64
	PeakWindow time.Duration
	Goroutine  func() uintptr // identifies the calling goroutine; nil if goroutines cannot be distinguished
}

// Pool is the state of one pool. It is safe for concurrent use.
type Pool struct {
	goroutine   func() uintptr
	baseSize    atomic.Int64
	stopped     atomic.Bool
	reconciling sync.Mutex
	conns       connections
	closing     closing
	acquires    acquires
	hijacks     hijacks
}

// New returns the state of a pool without connections.
func New(c Config) *Pool {
	p := &Pool{goroutine: c.Goroutine}
	if p.goroutine == nil {
		p.goroutine = func() uintptr { return 0 }
	}
	p.acquires.now = c.Now
	p.acquires.maxConns.Store(c.MaxConns)
	p.baseSize.Store(c.BaseSize)
	p.acquires.peak.bucket, p.acquires.pendingPeak.bucket = c.PeakWindow, c.PeakWindow
	p.acquires.slots.init()
	return p
}

// Attach connects the state with the real pool. read returns the pool's own statistics; it is called when a peak would
// rise and when a connection is opened. The sizes may differ from those of New.
func (p *Pool) Attach(read func() Stat, maxConns, baseSize int64) {
	p.acquires.maxConns.Store(maxConns)
	p.baseSize.Store(baseSize)
	p.acquires.stat.Store(&read)
}

// Now returns the time of the pool's clock.
func (p *Pool) Now() time.Duration { return p.acquires.now() }

// Waiting reports whether an acquire waits for a slot.
func (p *Pool) Waiting() bool { return p.acquires.slots.load().pending > 0 }

// Stop ends the tracking: an acquire that ends from now on does not become a hold.
func (p *Pool) Stop() { p.stopped.Store(true) }

// Stopped reports whether Stop was called.
func (p *Pool) Stopped() bool { return p.stopped.Load() }

// Begin starts an acquire and returns it, to be used as the context of the call. nested is nil unless the goroutine
// holds another connection of the pool in the scope of ctx.
func (p *Pool) Begin(ctx context.Context) (a *Acquire, nested *Nested) {
	a = &Acquire{Context: ctx, acquires: &p.acquires, start: p.acquires.now()}
	a.wait()
	if scopesUsed.Load() {
		nested = p.joinScope(a)
	}
	return a, nested
}

// joinScope sets the scope of an acquire, and returns the oldest hold that its goroutine has in it.
func (p *Pool) joinScope(a *Acquire) *Nested {
	a.scope = scopeFrom(a.Context)
	if a.scope == nil {
		return nil
	}
	outer, conn := a.scope.oldest(&p.acquires, p.goroutine())
	if outer == nil {
		return nil
	}
	if p.mayBeHijacked(outer) {
		return nil
	}
	waits := p.acquires.excess(p.acquires.slots.load()) > 0 && p.acquires.full()
	return &Nested{Outer: Hold{Acquire: outer, Conn: conn, Since: conn.since()}, Waits: waits}
}

// mayBeHijacked reports whether the connection of a hold may have been hijacked. It reconciles only if some connection
// may have been.
func (p *Pool) mayBeHijacked(a *Acquire) bool {
	read := p.acquires.stat.Load()
	if read == nil || p.acquires.taken() <= (*read)().Acquired {
		return false
	}
	held := p.Reconcile(*read).Holds
	return !slices.ContainsFunc(held, func(h Hold) bool { return h.Acquire == a && !h.MaybeHijacked })
}

// AcquireFrom returns the acquire of this pool to which ctx belongs, nil if there is none. A hook of one pool may use
// another, so the innermost acquire of ctx may be another pool's.
func (p *Pool) AcquireFrom(ctx context.Context) *Acquire {
	if a := acquireFrom(ctx); a != nil && a.acquires == &p.acquires {
		return a
	}
	return nil
}

// End ends an acquire that returned the connection c, or failed, and returns how long it took. held reports whether the
// connection is now held. It is false if the acquire failed or the pool has stopped. c is used only if the result is
// OK.
func (p *Pool) End(a *Acquire, c *Conn, result Result) (waited time.Duration, held bool) {
	now := p.acquires.now()
	waited = now - a.start
	held = result == OK && !p.stopped.Load()
	if held && a.direct() {
		p.acquires.waiters.leave(a.start)
		n := p.hold(a, c, now, inUseUnit+occupiedUnit-pendingUnit)
		if waited >= standingWait {
			p.acquires.noteWaited(now, waited, n)
		}
		c.counters.queued.Add(int64(waited))
		return waited, true
	}
	p.finish(a, waited)
	if !held {
		p.acquires.slots.add(-occupiedUnit)
		return waited, false
	}
	a.set(succeeded)
	p.hold(a, c, now, inUseUnit)
	return waited, true
}

// EndLeaked ends an acquire whose hook panicked. The pool never gets its slot back, so it stays in use.
func (p *Pool) EndLeaked(a *Acquire) {
	now := p.acquires.now()
	p.finish(a, now-a.start)
	p.acquires.noteInUse(now, p.acquires.slots.add(inUseUnit).inUse)
}

// finish ends the last phase of an acquire, a time after its start, and takes it out of the queue.
func (p *Pool) finish(a *Acquire, after time.Duration) {
	queued := a.queued(after)
	a.advance(progressDone, after)
	a.leaveQueue(after, queued)
}

// hold begins the hold of a connection, moves units between the slot counts, and returns them.
func (p *Pool) hold(a *Acquire, c *Conn, now time.Duration, units int64) counts {
	c.counters.acquired.Add(1)
	c.reset()
	if a.scope != nil {
		a.scope.add(a, c, p.goroutine())
	}
	c.hold(a, now)
	n := p.acquires.slots.add(units)
	p.acquires.noteInUse(now, n.inUse)
	return n
}

// Release ends the hold of a connection and returns it with its age. ok is false if there was none, as for a connection
// that AcquireAllIdle returned. why is KeptOpen unless the pool closes the connection next.
func (p *Pool) Release(c *Conn, why CloseReason) (h Hold, age time.Duration, ok bool) {
	a, since := c.endHold()
	c.calls.reset() // a call that has not ended yet never will
	if why != KeptOpen && !p.stopped.Load() {
		p.conns.reasons[why].Add(1)
	}
	if a == nil {
		a, since = p.notHijacked(c)
		return Hold{Acquire: a, Conn: c, Since: since}, p.acquires.now() - since, a != nil
	}
	now := p.acquires.now()
	p.acquires.noteInUse(now, p.acquires.slots.add(-inUseUnit-occupiedUnit).inUse+1)
	if a.scope != nil {
		a.scope.remove(a)
	}
	return Hold{Acquire: a, Conn: c, Since: since}, now - since, true
}

// NewConn returns the state of a connection that the pool, or a program with the pool's configuration, has opened.
func (p *Pool) NewConn(o Origin) *Conn {
	c := &Conn{counters: new(connCounters), origin: o}
	runtime.AddCleanup(c, p.abandoned, c.counters)
	p.conns.add(c)
	return c
}

// abandoned ends the hold of a connection that is garbage and was not released: it was hijacked. It gets only the
// counters, because the context of the hold may refer to the connection and keep it alive. Until the hold has ended the
// connection counts as garbage; otherwise a comparison would mistake another hold for the hijacked one.
func (p *Pool) abandoned(of *connCounters) {
	if of.since.Load() != 0 {
		if p.acquires.hijackedHolds.Load() > 0 {
			p.hijacks.replaced()
		}
		p.acquires.slots.add(-inUseUnit - occupiedUnit)
		p.conns.hijacked.Add(1)
		of.since.Store(0)
	}
	p.conns.retire(of)
}

// Opened counts a connection that the pool has opened, and reports whether more than the base size are open now.
func (p *Pool) Opened(c *Conn) (overflow bool) {
	p.Look()
	open := p.conns.opened.Add(1) - p.conns.closed.Load() - p.conns.hijacked.Load()
	c.pooled.Store(true)
	if s, ok := p.acquires.readStat(); ok { // these include hijacks that have not been noticed
		open = min(open, s.Acquired+s.Idle+s.Constructing-p.closing.count(p.acquires.now()))
	}
	return open > p.baseSize.Load()
}

// Closed counts a connection that the pool is closing. done is closed when the connection is. c is nil if the
// connection has no state. overflow reports whether it is closed because enough others are idle.
func (p *Pool) Closed(c *Conn, overflow bool, done <-chan struct{}) {
	p.closing.add(p.acquires.now(), done)
	var pinged *Acquire
	var silent bool // it did not answer the ping
	if c != nil {
		pinged = c.pinged.Swap(nil)
		silent = pinged != nil && !c.answered.Load()
	}
	switch { // before it counts as closed, else it would count as CloseOther for a moment
	case overflow:
		p.conns.reasons[CloseOverflow].Add(1)
	case silent && pinged.Context.Err() != nil && !pinged.is(succeeded): // the context of an acquire that succeeded may have ended later
		p.conns.reasons[CloseCanceled].Add(1)
	case silent:
		p.conns.reasons[ClosePing].Add(1)
	}
	p.conns.closed.Add(1)
	if c == nil {
		return
	}
	p.conns.remove(c)
	p.conns.retire(c.counters)
	if pinged != nil {
		pinged.Requeue(Progress(c.pingedAt.Load()))
	}
}

// Disown forgets a connection that turns out to belong to another pool. It no longer counts as opened.
func (p *Pool) Disown(c *Conn) {
	if c.pooled.Swap(false) {
		p.conns.opened.Add(-1)
	}
	p.conns.remove(c)
	p.conns.retire(c.counters)
}
