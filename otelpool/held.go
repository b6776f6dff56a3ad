package otelpool

import (
	"cmp"
	"runtime"
	"slices"
	"time"

	"go.opentelemetry.io/otel/trace"
)

// Hold is a connection that somebody has acquired and not released.
type Hold struct {
	// Since is when Acquire returned, and Age how long ago that is.
	Since time.Time
	Age   time.Duration

	// Operation is the name that the caller of Acquire gave by WithOperation, "" if none.
	Operation string

	// Query is the name of the operation that runs on the connection, or ran last; "" if none did. Running tells which.
	Query   string
	Running bool

	// Nested tells that its caller held another connection of the pool already, see WithScope.
	Nested bool

	// TraceID is that of the context of Acquire, not valid if it had none.
	TraceID trace.TraceID

	// Stack is the stack that acquired the connection, from the caller of pgxpool on. It is nil without WithLongHold.
	Stack []runtime.Frame
}

// Held lists the connections that are held now, the longest first. It may be called at any time, by any goroutine; it
// does not disturb those who hold them, and costs in the order of a microsecond a connection. Without Register, for a
// pool without hooks, and where there is neither a reader nor WithLongHold, it is empty. After Unregister it lists those
// of before that are still held.
//
// Connections taken by AcquireAllIdle are not known. One that was hijacked is nobody's hold any more; pgx does not say
// which one was, so while there is any, as many of the oldest as were hijacked are left out.
func (i *Instrumentation) Held() []Hold {
	if i == nil {
		return nil
	}
	i.mu.Lock()
	s := i.stats
	i.mu.Unlock()
	if s == nil || s.recorder == nil {
		return nil
	}
	now := s.recorder.now()
	var held []Hold
	for _, h := range s.holds(now, false) {
		a := h.acquire
		hold := Hold{
			Since:   epoch.Add(h.since).Round(0),
			Age:     now - h.since,
			Nested:  a.scope != nil && a.scope.nested(a),
			TraceID: trace.SpanContextFromContext(a.Context).TraceID(),
			Stack:   resolve(h.state.stackFor(a)),
		}
		if a.holder != nil {
			hold.Operation = a.holder.name
		}
		if doing := h.state.activity.Load(); doing != nil {
			hold.Query, hold.Running = doing.op.name, doing.running
		}
		held = append(held, hold)
	}
	return held
}

// held is a connection's state with the hold it had when it was looked at.
type held struct {
	state   *connState
	acquire *acquire
	since   time.Duration
}

// holds gives the holds of the pool, oldest first.
//
// Nobody says when a connection is hijacked, and its hold then never ends. But such ghosts show: there are more holds
// than the pool has acquired connections. Which ones they are shows once nothing else is held; until then they are taken
// for the oldest, since connections are hijacked to be kept. A connection that is pinged or prepared for an acquire is
// acquired but no hold, and must not hide a ghost.
//
// To be sure not to take a ghost for a hold, all connections count that the pool has lost. That may leave out a hold:
// one that is being opened seems lost for a moment, and one that was hijacked after AcquireAllIdle for good.
func (s *stats) holds(now time.Duration, sure bool) []held {
	r := s.recorder
	r.look.Lock()
	defer r.look.Unlock()
	var all []held
	states := r.conns.all()
	for _, state := range states {
		if a := state.held.Load(); a != nil {
			all = append(all, held{state, a, time.Duration(state.tally.since.Load())})
		}
	}
	leaked := r.leaked.Load() // before Stat, which then knows of them
	occupied := r.flow.load().occupied
	stat := s.stat()
	acquired := max(0, int64(stat.AcquiredConns())-leaked)
	// What was held before Stat and still is after it was acquired then, unless it was hijacked.
	all = slices.DeleteFunc(all, func(h held) bool { return h.state.held.Load() != h.acquire || h.since > now })
	slices.SortFunc(all, byAge)
	ghosts := max(0, int64(len(all))-acquired)
	if ghosts == int64(len(all)) {
		r.bury(all)
		return nil
	}
	r.ghosts.Store(ghosts)
	lost := pooled(states) - int64(stat.AcquiredConns()+stat.IdleConns())
	if !sure { // the places that acquires and ghosts have, less those that the pool knows of
		lost = min(lost, occupied-int64(stat.AcquiredConns()+stat.ConstructingConns()))
	}
	return all[min(max(ghosts, lost), int64(len(all))):]
}

// bury ends the holds of connections that were hijacked.
func (r *recorder) bury(ghosts []held) {
	for _, h := range ghosts {
		if h.state.held.CompareAndSwap(h.acquire, nil) {
			h.state.tally.since.Store(0)
			r.flow.add(-inUseUnit - occupiedUnit)
			r.conns.hijacked.Add(1)
			r.conns.remove(h.state) // the pool has it no more
			if h.acquire.scope != nil {
				h.acquire.scope.remove(h.acquire)
			}
		}
	}
	r.ghosts.Store(0)
}

func byAge(a, b held) int { return cmp.Compare(a.since, b.since) }

// pooled counts those that a pool has opened: a program can open others from the pool's configuration.
func pooled(states []*connState) (n int64) {
	for _, s := range states {
		if s.pooled.Load() {
			n++
		}
	}
	return n
}
