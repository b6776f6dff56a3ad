package otelpool

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// epoch makes the clock cheap: time.Since of a fixed time reads the monotonic clock alone.
var epoch = time.Now()

func monotonic() time.Duration { return time.Since(epoch) }

// recorder turns the events of one pool into measurements. Durations are recorded as they happen; what has a current
// value is an atomic here, read at collection. It is safe for concurrent use.
type recorder struct {
	histograms histograms
	ops        *operations
	poolSet    attribute.Set
	poolOpts   []metric.RecordOption // wait_time, create_time, and use_time without a name
	now        func() time.Duration

	pending  atomic.Int64
	timeouts atomic.Int64

	// collected is set by the first collection, ended by Unregister.
	collected atomic.Bool
	ended     atomic.Bool
}

func newRecorder(c config, h histograms, cc *pgx.ConnConfig) *recorder {
	poolAttrs := c.poolAttributes(cc)
	opAttrs := c.operationAttributes(cc)
	poolSet := newSet(poolAttrs)
	return &recorder{
		histograms: h,
		ops:        newOperations(c, opAttrs, poolAttrs),
		poolSet:    poolSet,
		poolOpts:   recordOptions(poolSet),
		now:        monotonic,
	}
}

// active reports whether there is anything to record for. Until a reader collects, the instruments know: those of a
// no-op provider are never enabled, those of the global one from when it has an SDK. Events that begin while there is
// not are left out whole, so that what is counted up is counted down.
func (r *recorder) active(ctx context.Context) bool {
	if r.ended.Load() {
		return false
	}
	return r.collected.Load() || r.histograms.enabled(ctx)
}

type acquireKey struct{}

// acquire is a running Acquire, carried by its context to the hooks that pgxpool calls meanwhile.
type acquire struct {
	context.Context
	start time.Duration

	// slotted is set once the acquire has a slot of the pool. Dialing may outlive the Acquire that began it, and then
	// sets it too, hence the atomic.
	slotted atomic.Bool
}

func (a *acquire) Value(key any) any {
	if key == (acquireKey{}) {
		return a
	}
	return a.Context.Value(key)
}

// acquireOf gives the acquire that ctx belongs to, nil if there is none.
func acquireOf(ctx context.Context) *acquire {
	if a, ok := ctx.(*acquire); ok {
		return a
	}
	a, _ := ctx.Value(acquireKey{}).(*acquire)
	return a
}

func (r *recorder) acquireStart(ctx context.Context) context.Context {
	if !r.active(ctx) {
		return ctx
	}
	r.pending.Add(1)
	return &acquire{Context: ctx, start: r.now()}
}

// slot notes that the acquire of ctx has been handed a connection or a place to dial one: it waits no longer.
func (r *recorder) slot(ctx context.Context) {
	if a := acquireOf(ctx); a != nil {
		r.leaveQueue(a)
	}
}

func (r *recorder) leaveQueue(a *acquire) {
	if !a.slotted.Swap(true) {
		r.pending.Add(-1)
	}
}

// requeue notes that the acquire of ctx lost what it was handed and waits again.
func (r *recorder) requeue(ctx context.Context) {
	if a := acquireOf(ctx); a != nil && a.slotted.Swap(false) {
		r.pending.Add(1)
	}
}

// acquireEnd ends an Acquire. conn and err are both nil if a PrepareConn hook panicked.
func (r *recorder) acquireEnd(ctx context.Context, conn *pgx.Conn, err error) {
	a := acquireOf(ctx)
	if a == nil {
		return
	}
	now := r.now()
	r.leaveQueue(a)
	if conn == nil {
		// A dial that took too long also says DeadlineExceeded, but then the caller's time is not up.
		if errors.Is(err, context.DeadlineExceeded) && errors.Is(ctx.Err(), context.DeadlineExceeded) {
			r.timeouts.Add(1)
		}
		return
	}
	if r.ended.Load() {
		return
	}
	r.histograms.wait.Record(a.Context, seconds(now-a.start), r.poolOpts...)
	s := stateOf(conn)
	s.reset()
	s.held, s.acquiredAt, s.acquireCtx, s.holder = true, now, a.Context, nil
	if name := operationName(a.Context); name != "" {
		s.holder = r.ops.named(name)
	}
}

func (r *recorder) release(conn *pgx.Conn) {
	s := stateOf(conn)
	if !s.held {
		return
	}
	ctx, opts := s.acquireCtx, r.poolOpts
	if s.holder != nil {
		opts = s.holder.use
	}
	s.held, s.acquireCtx, s.holder = false, nil, nil
	if !r.ended.Load() {
		r.histograms.use.Record(ctx, seconds(r.now()-s.acquiredAt), opts...)
	}
}

func (r *recorder) queryStart(ctx context.Context, conn *pgx.Conn, sql string) {
	if !r.active(ctx) {
		return
	}
	s := stateOf(conn)
	s.push(queryCall, r.ops.forQuery(ctx, s.text(sql)), r.now())
}

func (r *recorder) batchStart(ctx context.Context, conn *pgx.Conn, batch *pgx.Batch) {
	if !r.active(ctx) {
		return
	}
	s := stateOf(conn)
	s.push(batchCall, r.ops.forBatch(ctx, s, batch.QueuedQueries), r.now())
}

func (r *recorder) copyStart(ctx context.Context, conn *pgx.Conn, table pgx.Identifier) {
	if !r.active(ctx) {
		return
	}
	op := r.ops.forCopy(ctx, table)
	stateOf(conn).push(copyCall, op, r.now())
}

// prepareStart starts a Prepare of the caller's own. One that pgx does inside a query is part of the query.
func (r *recorder) prepareStart(ctx context.Context, conn *pgx.Conn, name, sql string) {
	if !r.active(ctx) {
		return
	}
	s := stateOf(conn)
	if s.depth > 0 {
		return
	}
	s.remember(name, sql)
	s.push(prepareCall, r.ops.forPrepare(ctx, sql), r.now())
}

// prepareEnd ends a Prepare.
func (r *recorder) prepareEnd(ctx context.Context, conn *pgx.Conn, already bool, err error) {
	switch s := stateOf(conn); {
	case already: // pgx asked the server nothing
		s.pop(prepareCall)
	case err != nil && s.inside(copyCall): // pgx ends no CopyFrom whose table it could not describe
		r.callEnd(ctx, conn, copyCall, err)
	default:
		r.callEnd(ctx, conn, prepareCall, err)
	}
}

func (r *recorder) queryEnd(ctx context.Context, conn *pgx.Conn, data pgx.TraceQueryEndData) {
	op := r.callEnd(ctx, conn, queryCall, data.Err)
	if op != nil && r.histograms.rows != nil && data.Err == nil && data.CommandTag.Select() {
		r.histograms.rows.Record(ctx, data.CommandTag.RowsAffected(), op.success...)
	}
}

// callEnd records the operation that ends, and gives it, or nil if there was none to record.
func (r *recorder) callEnd(ctx context.Context, conn *pgx.Conn, kind callKind, err error) *operation {
	s := stateOf(conn)
	if s.depth == 0 {
		return nil
	}
	now := r.now()
	c, ok := s.pop(kind)
	if !ok || r.ended.Load() {
		return nil
	}
	opts := c.op.success
	if err != nil {
		if f, failed := classify(err); failed {
			opts = r.ops.failure(c.op, f)
		}
	}
	r.histograms.operation.Record(ctx, seconds(now-c.start), opts...)
	r.ops.count(c.op)
	return c.op
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
	r.slot(ctx) // in case the BeforeConnect hook was set again after ours
	if !r.active(ctx) {
		return ctx
	}
	return &connect{Context: ctx, start: r.now()}
}

func (r *recorder) connectEnd(ctx context.Context, err error) {
	c, ok := ctx.Value(connectKey{}).(*connect)
	if !ok || err != nil || r.ended.Load() {
		return
	}
	r.histograms.create.Record(c.Context, seconds(r.now()-c.start), r.poolOpts...)
}

// end stops the recording for good and ends the series that the SDK can end.
func (r *recorder) end(ctx context.Context) {
	if !r.ended.Swap(true) {
		r.histograms.finish(ctx, r)
	}
}

func seconds(d time.Duration) float64 { return float64(d) / float64(time.Second) }
