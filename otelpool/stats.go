package otelpool

import (
	"maps"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// poolStat is what is read of a pgxpool.Stat, which cannot be made outside pgx.
type poolStat interface {
	AcquiredConns() int32
	ConstructingConns() int32
	IdleConns() int32
	MaxConns() int32
	TotalConns() int32
	MaxLifetimeDestroyCount() int64
	MaxIdleDestroyCount() int64
}

var _ poolStat = (*pgxpool.Stat)(nil)

// stats gives the snapshots of one pool.
type stats struct {
	pool     *pgxpool.Pool
	stat     func() poolStat
	baseSize int64
	idleMin  int64
	idleMax  int64
	recorder *recorder // nil if the pool has no hooks
}

func newStats(pool *pgxpool.Pool, baseSize int64, poolConfig *pgxpool.Config, r *recorder) *stats {
	s := &stats{
		pool:     pool,
		stat:     func() poolStat { return pool.Stat() },
		baseSize: baseSize,
		idleMin:  int64(poolConfig.MinIdleConns),
		idleMax:  int64(poolConfig.MaxConns), // pgxpool lets any of them be idle, unless a Sizing closes them
		recorder: r,
	}
	if z, ok := find[*sizer](poolConfig.ConnConfig.Tracer); ok {
		s.idleMax = int64(z.PoolSize)
	}
	return s
}

// snapshot is what is observed of a pool at one moment. All that Stat says comes from one Stat, so that it agrees.
type snapshot struct {
	used, idle, constructing    int64
	max, idleMax, idleMin       int64
	size, overflow, overflowMax int64
	opened                      int64
	closed                      [closeReasonCount]int64

	// Of a pool with hooks only.
	hooked                     bool
	pending, pendingPeak, peak int64
	oldestWait, oldestHold     time.Duration
	phases                     [phaseCount]time.Duration
	results                    [resultCount]int64
	busy                       time.Duration
	longHolds, nested, capped  int64
	overflowed                 int64
	connectErrors              map[string]int64
}

// snapshot reads the pool. Overflow is of what is in use, not of what is open: pgxpool keeps idle connections beyond
// any base size, and a pool at rest is not using its overflow.
func (s *stats) snapshot() snapshot {
	var closed int64
	if s.recorder != nil {
		closed = s.recorder.conns.closed.Load() // before Stat, so that the reasons it knows are not fewer
	}
	stat := s.stat()
	maxConns := int64(stat.MaxConns())
	used := int64(stat.AcquiredConns())
	v := snapshot{
		used:         used,
		idle:         int64(stat.IdleConns()),
		constructing: int64(stat.ConstructingConns()),
		max:          maxConns,
		idleMax:      s.idleMax,
		idleMin:      s.idleMin,
		size:         s.baseSize,
		overflow:     max(0, used-s.baseSize),
		overflowMax:  maxConns - s.baseSize,
	}
	if s.recorder != nil {
		s.addHooked(&v, closed, stat)
	}
	return v
}

// standingWait tells a caller that waits from one that has been handed a place and is about to say so.
const standingWait = 10 * time.Millisecond

// addHooked adds what the hooks know.
func (s *stats) addHooked(v *snapshot, closed int64, stat poolStat) {
	r := s.recorder
	r.live.Store(true)
	v.hooked = true
	now := r.now()
	if holds := s.holds(now, false); len(holds) > 0 {
		v.oldestHold = max(0, now-holds[0].since)
	}
	v.pending = r.flow.load().pending
	v.oldestWait = r.waiters.oldest(now)
	if v.used+v.constructing >= v.max && v.oldestWait >= standingWait {
		// A queue to which nobody comes any more, or behind places that AcquireAllIdle has taken unseen.
		r.pendingPeak.note(now, v.pending)
	}
	v.pendingPeak = r.pendingPeak.read(now)
	v.peak = min(max(r.peak.read(now), v.used), v.max)
	for i := range r.phases {
		v.phases[i] = time.Duration(r.phases[i].Load())
	}
	for i := range r.results {
		v.results[i] = r.results[i].Load()
	}
	sum := r.conns.tallied()
	v.results[resultOK] += sum.acquired
	v.phases[queuePhase] += sum.queued
	v.busy = sum.busy
	v.longHolds = r.longHolds.Load()
	v.nested = r.nested.Load()
	v.overflowed = r.conns.overflowed.Load()
	v.capped = r.ops.folded.Load()
	v.opened = r.conns.opened.Load()
	v.closed = r.conns.closedByReason(closed, stat)
	v.connectErrors = r.conns.failures()
}

// counted gives what only ever grows.
func (v snapshot) counted() snapshot {
	return snapshot{
		hooked: v.hooked, opened: v.opened, closed: v.closed, phases: v.phases, results: v.results, busy: v.busy,
		longHolds: v.longHolds, nested: v.nested, capped: v.capped, overflowed: v.overflowed, connectErrors: v.connectErrors,
	}
}

// plus adds the values of another pool of the same name. Ages are the larger of both.
func (v snapshot) plus(w snapshot) snapshot {
	v.used += w.used
	v.idle += w.idle
	v.constructing += w.constructing
	v.max += w.max
	v.idleMax += w.idleMax
	v.idleMin += w.idleMin
	v.size += w.size
	v.overflow += w.overflow
	v.overflowMax += w.overflowMax
	v.hooked = v.hooked || w.hooked
	v.opened += w.opened
	v.pending += w.pending
	v.pendingPeak += w.pendingPeak
	v.peak += w.peak
	v.busy += w.busy
	v.longHolds += w.longHolds
	v.nested += w.nested
	v.capped += w.capped
	v.overflowed += w.overflowed
	v.oldestWait = max(v.oldestWait, w.oldestWait)
	v.oldestHold = max(v.oldestHold, w.oldestHold)
	for i := range v.closed {
		v.closed[i] += w.closed[i]
	}
	for i := range v.phases {
		v.phases[i] += w.phases[i]
	}
	for i := range v.results {
		v.results[i] += w.results[i]
	}
	if len(w.connectErrors) == 0 {
		return v
	}
	v.connectErrors = maps.Clone(v.connectErrors) // v may be what is left of others
	if v.connectErrors == nil {
		v.connectErrors = make(map[string]int64)
	}
	for errorType, n := range w.connectErrors {
		v.connectErrors[errorType] += n
	}
	return v
}
