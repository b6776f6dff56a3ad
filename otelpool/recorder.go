package otelpool

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// epoch makes the clock cheap: time.Since of a fixed time reads the monotonic clock alone.
var epoch = time.Now()

func monotonic() time.Duration { return time.Since(epoch) }

// recorder turns the events of one pool into measurements. Durations are recorded as they happen; what has a current
// value is an atomic here, read at collection. It is safe for concurrent use.
type recorder struct {
	histograms        histograms
	ops               *operations
	pool              string
	poolSet           attribute.Set
	wait, create, use series[float64] // of the pool; use of what has no name
	maxConns          int64
	baseSize          int64
	now               func() time.Duration

	longHold time.Duration // 0 if long holds are not looked for
	stacks   bool          // stacks of holders are kept
	reports  *reporter

	live  atomic.Bool // there is, or was, somebody to record for
	ended atomic.Bool // by Unregister

	leaked       atomic.Int64 // places that pgx lost to hooks that panicked
	ghosts       atomic.Int64 // holds that are none, see stats.holds
	longHolds    atomic.Int64
	nested       atomic.Int64
	nestedReport atomic.Int64 // when a nested acquire was last logged
	peak         peak
	pendingPeak  peak
	look         sync.Mutex // held to look at the holds
	conns        connections

	// What is above is read by every event and written by few. What every event writes is kept away from it, and apart
	// by where it is written, so that events on several processors get into each other's way as little as may be.
	_       cacheLine
	flow    flow
	_       cacheLine
	phases  [phaseCount]atomic.Int64 // nanoseconds
	results [resultCount]atomic.Int64
	_       cacheLine
	waiters waiters
}

// cacheLine is what processors exchange, on most of them.
type cacheLine [64]byte

func newRecorder(c config, h histograms, poolConfig *pgxpool.Config, baseSize int64) *recorder {
	poolAttrs := c.poolAttributes(poolConfig.ConnConfig)
	opAttrs := c.operationAttributes(poolConfig.ConnConfig)
	poolSet := newSet(poolAttrs)
	r := &recorder{
		histograms: h,
		ops:        newOperations(c, h, opAttrs, poolAttrs),
		pool:       poolAttrs[0].Value.AsString(),
		poolSet:    poolSet,
		wait:       float64Series(h.wait, poolSet),
		create:     float64Series(h.create, poolSet),
		use:        float64Series(h.use, poolSet),
		maxConns:   int64(poolConfig.MaxConns),
		baseSize:   baseSize,
		now:        monotonic,
		longHold:   c.longHold,
		stacks:     c.longHold > 0 && !c.withoutStacks,
		reports:    newReporter(c.logger),
	}
	// The log of long holds is wanted whether there are metrics or not.
	r.live.Store(c.longHold > 0 || h.wanted)
	r.flow.init()
	r.peak.bucket, r.pendingPeak.bucket = c.peakWindow, c.peakWindow
	return r
}

// active reports whether there is anybody to record for. What is not known from the start shows by the instrument of
// the event, or when a reader collects: those of a no-op provider are never enabled, those of the global one from when
// it has an SDK. What begins while there is nobody is left out whole, so that what is counted up is counted down.
func (r *recorder) active(ctx context.Context, instrument metric.Float64Histogram) bool {
	if r.live.Load() {
		return !r.ended.Load()
	}
	return r.enliven(ctx, instrument)
}

func (r *recorder) enliven(ctx context.Context, instrument metric.Float64Histogram) bool {
	if !instrument.Enabled(ctx) || r.ended.Load() {
		return false
	}
	r.live.Store(true)
	return true
}

func (r *recorder) queryStart(ctx context.Context, conn *pgx.Conn, sql string) {
	if !r.active(ctx, r.histograms.operation) {
		return
	}
	s := r.stateOf(conn)
	r.begin(conn, s, call{kind: queryCall, op: r.ops.forQuery(ctx, s.statement(sql))})
}

// batchStart starts a batch. One on a connection with a batch that is not closed is refused by pgx, which then ends it
// twice; that its second end is not taken for the other's, it gets a context of its own.
func (r *recorder) batchStart(ctx context.Context, conn *pgx.Conn, batch *pgx.Batch) context.Context {
	if !r.active(ctx, r.histograms.operation) {
		return ctx
	}
	s := r.stateOf(conn)
	if s.inside(batchCall) != nil && ctx != nil {
		ctx = context.WithValue(ctx, innerBatchKey{}, new(bool))
	}
	r.begin(conn, s, call{kind: batchCall, op: r.ops.forBatch(ctx, s, batch.QueuedQueries)})
	return ctx
}

type innerBatchKey struct{}

func (r *recorder) batchEnd(ctx context.Context, conn *pgx.Conn, err error) {
	if ctx != nil {
		if over, ok := ctx.Value(innerBatchKey{}).(*bool); ok {
			if *over {
				return
			}
			*over = true
		}
	}
	r.callEnd(ctx, conn, batchCall, err)
}

func (r *recorder) copyStart(ctx context.Context, conn *pgx.Conn, table pgx.Identifier) {
	if !r.active(ctx, r.histograms.operation) {
		return
	}
	r.begin(conn, r.stateOf(conn), call{kind: copyCall, op: r.ops.forCopy(ctx, table)})
}

// prepareStart starts a Prepare of the caller's own. One that pgx does inside a query is part of the query.
func (r *recorder) prepareStart(ctx context.Context, conn *pgx.Conn, name, sql string) {
	s := r.stateOf(conn)
	if s.depth > 0 || r.ended.Load() {
		return
	}
	c := call{kind: prepareCall, name: name, sql: sql}
	if r.active(ctx, r.histograms.operation) {
		c.op = r.ops.forPrepare(ctx, sql)
	}
	r.begin(conn, s, c)
}

// prepareEnd ends a Prepare. The text is remembered even while there is nothing to record for, since the statement may
// outlast that.
func (r *recorder) prepareEnd(ctx context.Context, conn *pgx.Conn, already bool, err error) {
	s := r.stateOf(conn)
	if err != nil && s.inside(copyCall) != nil { // pgx ends no CopyFrom whose table it could not describe
		r.callEnd(ctx, conn, copyCall, err)
		return
	}
	innermost := s.inside(prepareCall)
	if innermost == nil {
		return
	}
	c := *innermost
	if err == nil {
		s.remember(c.name, c.sql)
	}
	if already || c.op == nil { // pgx asked the server nothing, or there is nothing to record for
		s.pop(prepareCall)
		s.settle(c.op)
		return
	}
	r.callEnd(ctx, conn, prepareCall, err)
}

func (r *recorder) queryEnd(ctx context.Context, conn *pgx.Conn, data *pgx.TraceQueryEndData) {
	op := r.callEnd(ctx, conn, queryCall, data.Err)
	if op != nil && r.histograms.rows != nil && data.Err == nil && data.CommandTag.Select() {
		op.rows.record(ctx, data.CommandTag.RowsAffected())
	}
}

// begin starts a call on a connection.
func (r *recorder) begin(conn *pgx.Conn, s *connState, c call) {
	if s.inside(copyCall) != nil && !conn.PgConn().IsBusy() {
		s.pop(copyCall) // pgx gave it up before it asked the server, and without a word
	}
	s.activity.Store(c.op.activity(true))
	c.start = r.now()
	s.push(c)
}

// callEnd records the operation that ends, and gives it, or nil if there was none to record.
func (r *recorder) callEnd(ctx context.Context, conn *pgx.Conn, kind callKind, err error) *operation {
	if !r.live.Load() {
		return nil
	}
	s := r.stateOf(conn)
	if s.depth == 0 {
		return nil
	}
	now := r.now()
	c, ok := s.pop(kind)
	if !ok || c.op == nil || r.ended.Load() {
		return nil
	}
	s.settle(c.op)
	if s.depth == 0 && s.held.Load() != nil {
		s.tally.busy.Add(int64(now - c.start))
	}
	to := &c.op.success
	if err != nil {
		if f, failed := classify(err); failed {
			to = r.ops.failure(c.op, f)
		}
	}
	to.record(ctx, seconds(now-c.start))
	r.ops.count(c.op)
	return c.op
}

// end stops the recording for good and ends the series that the SDK can end.
func (r *recorder) end(ctx context.Context) {
	if !r.ended.Swap(true) {
		r.histograms.finish(ctx, r)
	}
}

func seconds(d time.Duration) float64 { return float64(d) / float64(time.Second) }
