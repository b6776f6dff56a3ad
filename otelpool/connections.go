package otelpool

import (
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"weak"

	"github.com/jackc/pgx/v5"
)

// closeReason is why a pool closes a connection.
type closeReason uint8

const (
	closedInTransaction closeReason = iota // released with an open transaction
	closedBusy                             // released with an operation that had not ended
	closedBroken                           // closed already when it was released
	closedOverflow                         // as many as the pool keeps were idle, see Sizing
	closedLifetime
	closedIdle
	closedOther
	closeReasonCount
)

var closeReasonNames = [closeReasonCount]string{"in_transaction", "busy", "broken", "overflow", "lifetime", "idle", "other"}

// maxConnectErrors is how many error types of connecting are told apart.
const maxConnectErrors = 50

// connections knows the connections of a pool and counts their comings and goings. It is safe for concurrent use.
type connections struct {
	opened   atomic.Int64
	closed   atomic.Int64
	released [closedOverflow + 1]atomic.Int64 // closed because of what was so when they were released
	other    atomic.Int64                     // the most that was ever reported, since what it is made of is not read at once
	hijacked atomic.Int64                     // those whose holds were ended, see bury

	overflowed atomic.Int64 // opened when as many as the base size were open

	mu      sync.Mutex
	states  []weak.Pointer[connState] // weak, since nobody says when a hijacked connection ends
	tallies []*tally
	past    tallied // of connections that are no more
	errors  map[string]int64
}

// add takes in the state of a connection.
func (c *connections) add(s *connState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.states = slices.DeleteFunc(c.states, func(p weak.Pointer[connState]) bool { return p.Value() == nil })
	c.states = append(c.states, weak.Make(s))
	c.tallies = append(c.tallies, s.tally)
}

// remove forgets the state of a connection that is being closed.
func (c *connections) remove(s *connState) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := weak.Make(s)
	c.states = slices.DeleteFunc(c.states, func(q weak.Pointer[connState]) bool { return q == p })
}

// all gives the states of the connections there are.
func (c *connections) all() []*connState {
	c.mu.Lock()
	defer c.mu.Unlock()
	states := make([]*connState, 0, len(c.states))
	for _, p := range c.states {
		if s := p.Value(); s != nil {
			states = append(states, s)
		}
	}
	return states
}

// failed counts a connection that could not be made.
func (c *connections) failed(err error) {
	f, ok := classify(err)
	if !ok {
		f.errorType = errorTypeOther // whatever it was, there is no connection
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.errors == nil {
		c.errors = make(map[string]int64)
	}
	if _, known := c.errors[f.errorType]; !known && len(c.errors) >= maxConnectErrors {
		f.errorType = errorTypeOther
	}
	c.errors[f.errorType]++
}

// failures gives the counts of connections that could not be made, by error type.
func (c *connections) failures() map[string]int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.errors)
}

// closedByReason gives the connections that the pool closed. Those that it closed for another reason than is known are
// the rest; since the parts are not read at one moment, the largest rest that was ever seen is it.
func (c *connections) closedByReason(all int64, stat poolStat) (closed [closeReasonCount]int64) {
	rest := all
	for i := range c.released {
		closed[i] = c.released[i].Load()
	}
	closed[closedLifetime] = stat.MaxLifetimeDestroyCount()
	closed[closedIdle] = stat.MaxIdleDestroyCount()
	for _, n := range closed {
		rest -= n
	}
	for old := c.other.Load(); old < rest && !c.other.CompareAndSwap(old, rest); old = c.other.Load() {
	}
	closed[closedOther] = c.other.Load()
	return closed
}

type connectKey struct{}

// connect is a running dial, carried by its context.
type connect struct {
	context.Context
	start time.Duration
}

func (c *connect) Value(key any) any {
	if key == (connectKey{}) {
		return c
	}
	return c.Context.Value(key)
}

func (r *recorder) connectStart(ctx context.Context) context.Context {
	r.dialing(ctx) // in case the BeforeConnect hook was set again after ours
	if ctx == nil || !r.active(ctx, r.histograms.create) {
		return ctx
	}
	return &connect{Context: ctx, start: r.now()}
}

func (r *recorder) connectEnd(ctx context.Context, err error) {
	if err != nil {
		r.conns.failed(err)
	}
	if ctx == nil || err != nil || r.ended.Load() {
		return
	}
	c, ok := ctx.Value(connectKey{}).(*connect)
	if !ok {
		return
	}
	r.create.record(c.Context, seconds(r.now()-c.start))
}

// dialing notes that the acquire of ctx, if there is one, has a place and goes on to dial.
func (r *recorder) dialing(ctx context.Context) {
	if a := r.acquireOf(ctx); a != nil && !a.in(connectPhase) {
		r.enter(a, connectPhase)
	}
}

// connected counts a connection that has been opened and prepared by the AfterConnect hook.
func (r *recorder) connected(conn *pgx.Conn) {
	if open := r.conns.opened.Add(1) - r.conns.closed.Load() - r.conns.hijacked.Load(); open > r.baseSize {
		r.conns.overflowed.Add(1)
	}
	r.stateOf(conn).pooled.Store(true)
}

// closing counts a connection that the pool is about to close.
func (r *recorder) closing(conn *pgx.Conn) {
	// Nothing is put into its data: who released it with a batch open may close that now, and so read them.
	if p := knownPlace(conn); p != nil && p.surplus {
		r.conns.released[closedOverflow].Add(1)
	}
	r.conns.closed.Add(1)
	s, ok := conn.PgConn().CustomData()[connKey].(*connState)
	if !ok {
		return
	}
	r.conns.remove(s)
	r.conns.close(s.tally)
	if a := s.pinged.Swap(nil); a != nil {
		r.requeue(a, s.pingedAt.Load()) // the ping failed
	}
}

// noteOutcome tells why pgx will close a connection that is being released, as far as that can be known: the same
// questions that pgxpool asks next. In a transaction, or busy, it is a bug of the program that pgx hides. a is nil for a
// connection from AcquireAllIdle.
func (r *recorder) noteOutcome(conn *pgx.Conn, s *connState, a *acquire, age time.Duration) {
	pg := conn.PgConn()
	switch {
	case conn.IsClosed():
		r.conns.released[closedBroken].Add(1)
	case pg.IsBusy():
		r.conns.released[closedBusy].Add(1)
		if a != nil {
			r.reportMisuse(closedBusy, s, a, age)
		}
	case pg.TxStatus() != 'I':
		r.conns.released[closedInTransaction].Add(1)
		if a != nil {
			r.reportMisuse(closedInTransaction, s, a, age)
		}
	}
}
