package otelpool

import (
	"sync"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/metric"

	"github.com/otelpool/otelpool-go/otelpool/diagnose"
	"github.com/otelpool/otelpool-go/otelpool/internal/instruments"
	"github.com/otelpool/otelpool-go/otelpool/internal/poolstate"
	"github.com/otelpool/otelpool-go/otelpool/internal/resize"
)

// value is one series that a collection reads: its key, and how to read it from a pool.
type value struct {
	key instruments.Key
	of  func(o *observed, s *poolstate.Snapshot) int64 // in nanoseconds if it is a time
}

// statValues are read of every pool, all from one Stat, so that they are consistent. Overflow counts connections in use,
// not open ones: pgxpool may keep more idle connections than the base size, and those are not overflow.
var statValues = []value{
	{instruments.KeyOf("db.client.connection.count", "used"), func(o *observed, s *poolstate.Snapshot) int64 { return s.Stat.Acquired }},
	{instruments.KeyOf("db.client.connection.count", "idle"), func(o *observed, s *poolstate.Snapshot) int64 { return s.Stat.Idle }},
	{instruments.KeyOf("db.client.connection.max"), func(o *observed, s *poolstate.Snapshot) int64 { return s.Stat.Max }},
	{instruments.KeyOf("db.client.connection.idle.max"), func(o *observed, s *poolstate.Snapshot) int64 { return o.idleMax }},
	{instruments.KeyOf("db.client.connection.idle.min"), func(o *observed, s *poolstate.Snapshot) int64 { return o.idleMin }},
	{instruments.KeyOf("pgxpool.constructing"), func(o *observed, s *poolstate.Snapshot) int64 { return s.Stat.Constructing }},
	{instruments.KeyOf("pgxpool.size"), func(o *observed, s *poolstate.Snapshot) int64 { return o.baseSize }},
	{instruments.KeyOf("pgxpool.overflow"), func(o *observed, s *poolstate.Snapshot) int64 { return max(0, s.Stat.Acquired-o.baseSize) }},
	{instruments.KeyOf("pgxpool.overflow.max"), func(o *observed, s *poolstate.Snapshot) int64 { return s.Stat.Max - o.baseSize }},
}

// stateValues are read of a pool with hooks. The rest is counted in hooks.counters.
var stateValues = []value{
	{instruments.KeyOf("db.client.connection.pending_requests"), func(_ *observed, s *poolstate.Snapshot) int64 { return s.Pending }},
	{instruments.KeyOf("pgxpool.closing"), func(_ *observed, s *poolstate.Snapshot) int64 { return s.Closing }},
	{instruments.KeyOf("pgxpool.pending.peak"), func(_ *observed, s *poolstate.Snapshot) int64 { return s.PendingPeak }},
	{instruments.KeyOf("pgxpool.peak"), func(_ *observed, s *poolstate.Snapshot) int64 { return s.Peak }},
	{instruments.KeyOf("pgxpool.oldest_wait"), func(_ *observed, s *poolstate.Snapshot) int64 { return int64(s.OldestWait) }},
	{instruments.KeyOf("pgxpool.oldest_hold"), func(_ *observed, s *poolstate.Snapshot) int64 { return int64(s.OldestHold()) }},
	{instruments.KeyOf("pgxpool.acquires", "ok"), func(_ *observed, s *poolstate.Snapshot) int64 { return s.Acquired }},
	{instruments.KeyOf("pgxpool.acquire.phase_time", "queue"), func(_ *observed, s *poolstate.Snapshot) int64 { return int64(s.Phases[poolstate.Queue]) }},
	{instruments.KeyOf("pgxpool.acquire.phase_time", "connect"), func(_ *observed, s *poolstate.Snapshot) int64 { return int64(s.Phases[poolstate.Connect]) }},
	{instruments.KeyOf("pgxpool.acquire.phase_time", "ping"), func(_ *observed, s *poolstate.Snapshot) int64 { return int64(s.Phases[poolstate.Ping]) }},
	{instruments.KeyOf("pgxpool.acquire.phase_time", "prepare"), func(_ *observed, s *poolstate.Snapshot) int64 { return int64(s.Phases[poolstate.Prepare]) }},
	{instruments.KeyOf("pgxpool.connections.opened"), func(_ *observed, s *poolstate.Snapshot) int64 { return s.Opened }},
	{instruments.KeyOf("pgxpool.connections.closed", "in_transaction"), func(_ *observed, s *poolstate.Snapshot) int64 { return s.Closed[poolstate.CloseInTransaction] }},
	{instruments.KeyOf("pgxpool.connections.closed", "busy"), func(_ *observed, s *poolstate.Snapshot) int64 { return s.Closed[poolstate.CloseBusy] }},
	{instruments.KeyOf("pgxpool.connections.closed", "broken"), func(_ *observed, s *poolstate.Snapshot) int64 { return s.Closed[poolstate.CloseBroken] }},
	{instruments.KeyOf("pgxpool.connections.closed", "overflow"), func(_ *observed, s *poolstate.Snapshot) int64 { return s.Closed[poolstate.CloseOverflow] }},
	{instruments.KeyOf("pgxpool.connections.closed", "lifetime"), func(_ *observed, s *poolstate.Snapshot) int64 { return s.Closed[poolstate.CloseLifetime] }},
	{instruments.KeyOf("pgxpool.connections.closed", "idle"), func(_ *observed, s *poolstate.Snapshot) int64 { return s.Closed[poolstate.CloseIdle] }},
	{instruments.KeyOf("pgxpool.connections.closed", "ping"), func(_ *observed, s *poolstate.Snapshot) int64 { return s.Closed[poolstate.ClosePing] }},
	{instruments.KeyOf("pgxpool.connections.closed", "canceled"), func(_ *observed, s *poolstate.Snapshot) int64 { return s.Closed[poolstate.CloseCanceled] }},
	{instruments.KeyOf("pgxpool.connections.closed", "hijacked"), func(_ *observed, s *poolstate.Snapshot) int64 { return s.Closed[poolstate.CloseHijacked] }},
	{instruments.KeyOf("pgxpool.connections.closed", "other"), func(_ *observed, s *poolstate.Snapshot) int64 { return s.Closed[poolstate.CloseOther] }},
}

// timeouts is another name of the acquires that timed out.
var timeouts = instruments.KeyOf("db.client.connection.timeouts")

// observed is a pool whose gauges and counters are read at collection.
type observed struct {
	pool     any                   // which one it is: a *pgxpool.Pool or a *sql.DB
	stat     func() poolstate.Stat // reads the statistics of a pgxpool
	database *database             // the pool of a sql.DB, nil if it is a pgxpool
	baseSize int64
	idleMin  int64
	idleMax  int64
	hooks    *hooks                 // nil if the pool has none
	settings []metric.ObserveOption // the pool's settings as attributes

	mu      sync.Mutex
	counted instruments.Values // the largest value of each counter that was read
	ended   bool               // the counters no longer change
	holders holders

	// For a Report.
	name           string
	reportSettings diagnose.Settings
	history        history
	moments        moments

	findings     findings
	showFindings bool // in pgxpool.finding
}

func newObserved(pool *pgxpool.Pool, baseSize int64, poolConfig *pgxpool.Config, h *hooks) *observed {
	o := &observed{
		pool:     pool,
		stat:     func() poolstate.Stat { return statOf(pool) },
		baseSize: baseSize,
		idleMin:  int64(poolConfig.MinIdleConns),
		idleMax:  int64(poolConfig.MaxConns), // pgxpool lets any of them be idle, unless a Sizing closes them
		hooks:    h,
	}
	if poolSize, ok := resize.PoolSize(poolConfig); ok {
		o.idleMax = int64(poolSize)
	}
	return o
}

// statOf reads the pool's own statistics.
func statOf(pool *pgxpool.Pool) poolstate.Stat {
	s := pool.Stat()
	return poolstate.Stat{
		Acquired:          int64(s.AcquiredConns()),
		Idle:              int64(s.IdleConns()),
		Constructing:      int64(s.ConstructingConns()),
		Max:               int64(s.MaxConns()),
		LifetimeDestroyed: s.MaxLifetimeDestroyCount(),
		IdleDestroyed:     s.MaxIdleDestroyCount(),
	}
}

// read sets the values of the pool. Its counters never fall, though their parts are not read at one moment, and readers
// may collect at the same time.
func (o *observed) read(v *instruments.Values) {
	if o.database != nil {
		o.database.read(v)
		o.mu.Lock()
		defer o.mu.Unlock()
		o.keepRising(v)
		return
	}
	if o.hooks == nil {
		o.set(v, statValues, &poolstate.Snapshot{Stat: o.stat()})
		return
	}
	o.asked()
	s := o.hooks.state.Reconcile(o.stat)
	o.readHooks(v, &s)
	if o.showFindings {
		o.findings.read(v, o.found(), s.Now)
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.holders.read(v, &s, o.hooks.operations)
	o.keepRising(v)
}

// keepRising replaces counters that have fallen. The caller must hold the lock.
func (o *observed) keepRising(v *instruments.Values) {
	if o.ended { // a running collection reads a pool that was unregistered meanwhile
		v.SetCounters(&o.counted)
		return
	}
	v.KeepRising(&o.counted)
}

// readHooks sets the values of a pool with hooks, without those of its holders.
func (o *observed) readHooks(v *instruments.Values, s *poolstate.Snapshot) {
	o.set(v, statValues, s)
	o.readCounters(v, s)
	o.hooks.operations.AddTo(v)
	v.Copy(timeouts, acquiresBy[poolstate.Timeout])
}

// readCounters sets the values that do not depend on the pool's statistics, without those of its operations.
func (o *observed) readCounters(v *instruments.Values, s *poolstate.Snapshot) {
	o.set(v, stateValues, s)
	o.hooks.counters.AddTo(v)
}

// counts reports whether the pool has counters.
func (o *observed) counts() bool { return o.hooks != nil || o.database != nil }

// end returns the final counts of the pool.
func (o *observed) end() instruments.Values {
	var v instruments.Values
	o.read(&v)
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ended = true
	return o.counted.Clone()
}

func (o *observed) set(v *instruments.Values, values []value, s *poolstate.Snapshot) {
	for _, row := range values {
		v.Set(row.key, row.of(o, s))
	}
}
