package otelpool

import (
	"github.com/jackc/pgx/v5/pgxpool"
)

// poolStat is what is read of a pgxpool.Stat, which cannot be made outside pgx.
type poolStat interface {
	AcquiredConns() int32
	ConstructingConns() int32
	IdleConns() int32
	MaxConns() int32
}

var _ poolStat = (*pgxpool.Stat)(nil)

// snapshot is what a pool's gauges show at one moment. All of it comes from one Stat, so that its parts agree.
type snapshot struct {
	used, idle, constructing    int64
	max, idleMax, idleMin       int64
	size, overflow, overflowMax int64
	pending, timeouts, capped   int64
}

// stats gives the snapshots of one pool.
type stats struct {
	pool     *pgxpool.Pool
	stat     func() poolStat
	baseSize int64
	idleMin  int64
	recorder *recorder // nil if the pool has no hooks
}

func newStats(pool *pgxpool.Pool, baseSize int64, idleMin int32, r *recorder) *stats {
	return &stats{
		pool:     pool,
		stat:     func() poolStat { return pool.Stat() },
		baseSize: baseSize,
		idleMin:  int64(idleMin),
		recorder: r,
	}
}

// snapshot reads the pool. Overflow is of what is in use, not of what is open: pgxpool keeps idle connections beyond
// any base size, and a pool at rest is not using its overflow.
func (s *stats) snapshot() snapshot {
	stat := s.stat()
	maxConns := int64(stat.MaxConns())
	used := int64(stat.AcquiredConns())
	v := snapshot{
		used:         used,
		idle:         int64(stat.IdleConns()),
		constructing: int64(stat.ConstructingConns()),
		max:          maxConns,
		idleMax:      maxConns,
		idleMin:      s.idleMin,
		size:         s.baseSize,
		overflow:     max(0, used-s.baseSize),
		overflowMax:  maxConns - s.baseSize,
	}
	if r := s.recorder; r != nil {
		r.collected.Store(true)
		v.pending = max(0, r.pending.Load())
		v.timeouts = r.timeouts.Load()
		v.capped = r.ops.folded.Load()
	}
	return v
}

// plus adds the values of another pool of the same name.
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
	v.pending += w.pending
	v.timeouts += w.timeouts
	v.capped += w.capped
	return v
}
