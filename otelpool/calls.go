package otelpool

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/otelpool/otelpool-go/otelpool/internal/instruments"
	"github.com/otelpool/otelpool-go/otelpool/internal/poolstate"
)

// TraceQueryStart implements pgx.QueryTracer.
func (h *hooks) TraceQueryStart(ctx context.Context, pc *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	if h.next.Query != nil { // without anything to record, a call for nothing costs as much as the rest
		ctx = h.next.Query.TraceQueryStart(ctx, pc, data)
	}
	if h.active(ctx, h.histograms.Duration) {
		c := connOf(h.state, pc)
		h.begin(pc, c, poolstate.QueryCall, h.operations.ForQuery(ctx, c.statement(data.SQL)))
	}
	return ctx
}

// TraceQueryEnd implements pgx.QueryTracer.
func (h *hooks) TraceQueryEnd(ctx context.Context, pc *pgx.Conn, data pgx.TraceQueryEndData) {
	if h.live.Load() {
		op := h.end(ctx, pc, poolstate.QueryCall, data.Err)
		if op != nil && h.histograms.Rows != nil && data.Err == nil && data.CommandTag.Select() {
			op.Rows.Record(ctx, data.CommandTag.RowsAffected())
		}
	}
	if h.next.Query != nil {
		h.next.Query.TraceQueryEnd(ctx, pc, data)
	}
}

type innerBatchKey struct{}

// TraceBatchStart implements pgx.BatchTracer. pgx refuses a batch on a connection whose batch is still open, and ends it
// twice. It gets a context of its own, so that its second end is not taken for the other's.
func (h *hooks) TraceBatchStart(ctx context.Context, pc *pgx.Conn, data pgx.TraceBatchStartData) context.Context {
	ctx = h.next.TraceBatchStart(ctx, pc, data)
	if !h.active(ctx, h.histograms.Duration) {
		return ctx
	}
	c := connOf(h.state, pc)
	if c.Inside(poolstate.BatchCall) && ctx != nil {
		ctx = context.WithValue(ctx, innerBatchKey{}, new(bool))
	}
	h.begin(pc, c, poolstate.BatchCall, h.batchOperation(ctx, c, data.Batch.QueuedQueries))
	return ctx
}

// batchOperation returns the operation of a batch, which is one operation. Its name is that of the caller; of a single
// query the query's; of queries that are all alike "BATCH name"; else "BATCH" (semantic conventions, note on
// db.query.summary).
func (h *hooks) batchOperation(ctx context.Context, c *conn, queries []*pgx.QueuedQuery) *instruments.Operation {
	if len(queries) == 1 {
		return h.operations.ForQuery(ctx, c.statement(queries[0].SQL))
	}
	if caller := instruments.NameFrom(ctx); caller != "" {
		return h.operations.Named(instruments.Name{Text: caller, Source: instruments.Chosen})
	}
	if len(queries) == 0 {
		return h.operations.ForBatch(instruments.Name{})
	}
	first := h.operations.Name(ctx, c.statement(queries[0].SQL))
	for i, q := range queries[1:] {
		// Batches mostly repeat one text, which then needs no look-up.
		if q.SQL != queries[i].SQL && h.operations.Name(ctx, c.statement(q.SQL)) != first {
			return h.operations.ForBatch(instruments.Name{})
		}
	}
	return h.operations.ForBatch(first)
}

// TraceBatchQuery implements pgx.BatchTracer. A batch is one operation, so its queries are not recorded.
func (h *hooks) TraceBatchQuery(ctx context.Context, pc *pgx.Conn, data pgx.TraceBatchQueryData) {
	h.next.TraceBatchQuery(ctx, pc, data)
}

// TraceBatchEnd implements pgx.BatchTracer.
func (h *hooks) TraceBatchEnd(ctx context.Context, pc *pgx.Conn, data pgx.TraceBatchEndData) {
	if !endedBefore(ctx) {
		h.end(ctx, pc, poolstate.BatchCall, data.Err)
	}
	h.next.TraceBatchEnd(ctx, pc, data)
}

// endedBefore reports whether the batch of ctx was refused and has ended before.
func endedBefore(ctx context.Context) bool {
	if ctx == nil {
		return false
	}
	ended, ok := ctx.Value(innerBatchKey{}).(*bool)
	if !ok || *ended {
		return ok
	}
	*ended = true
	return false
}

// TraceCopyFromStart implements pgx.CopyFromTracer.
func (h *hooks) TraceCopyFromStart(ctx context.Context, pc *pgx.Conn, data pgx.TraceCopyFromStartData) context.Context {
	ctx = h.next.TraceCopyFromStart(ctx, pc, data)
	if h.active(ctx, h.histograms.Duration) {
		h.begin(pc, connOf(h.state, pc), poolstate.CopyCall, h.operations.ForCopy(ctx, data.TableName))
	}
	return ctx
}

// TraceCopyFromEnd implements pgx.CopyFromTracer.
func (h *hooks) TraceCopyFromEnd(ctx context.Context, pc *pgx.Conn, data pgx.TraceCopyFromEndData) {
	h.end(ctx, pc, poolstate.CopyCall, data.Err)
	h.next.TraceCopyFromEnd(ctx, pc, data)
}

// TracePrepareStart implements pgx.PrepareTracer. A Prepare that pgx does inside a query is part of the query. The text
// is remembered even while there is nothing to record for, since the statement may outlast that.
func (h *hooks) TracePrepareStart(ctx context.Context, pc *pgx.Conn, data pgx.TracePrepareStartData) context.Context {
	ctx = h.next.TracePrepareStart(ctx, pc, data)
	c := connOf(h.state, pc)
	if !c.Idle() || h.state.Stopped() {
		return ctx
	}
	c.preparing.name, c.preparing.sql = data.Name, data.SQL
	var op *instruments.Operation
	if h.active(ctx, h.histograms.Duration) {
		op = h.operations.ForPrepare(ctx, data.SQL)
	}
	h.begin(pc, c, poolstate.PrepareCall, op)
	return ctx
}

// TracePrepareEnd implements pgx.PrepareTracer.
func (h *hooks) TracePrepareEnd(ctx context.Context, pc *pgx.Conn, data pgx.TracePrepareEndData) {
	h.prepareEnd(ctx, pc, data)
	h.next.TracePrepareEnd(ctx, pc, data)
}

func (h *hooks) prepareEnd(ctx context.Context, pc *pgx.Conn, data pgx.TracePrepareEndData) {
	c := connOf(h.state, pc)
	switch {
	case data.Err != nil && c.Inside(poolstate.CopyCall): // pgx ends no CopyFrom whose table it could not describe
		h.end(ctx, pc, poolstate.CopyCall, data.Err)
		return
	case !c.Inside(poolstate.PrepareCall):
		return
	case data.Err == nil:
		c.remember()
	}
	c.preparing.name, c.preparing.sql = "", ""
	if data.AlreadyPrepared || !h.live.Load() { // the server was not asked, or there is nothing to record for
		c.CancelCall(poolstate.PrepareCall)
	} else {
		h.end(ctx, pc, poolstate.PrepareCall, data.Err)
	}
}

// begin starts a call. op is nil if it is not recorded.
func (h *hooks) begin(pc *pgx.Conn, c *conn, kind poolstate.CallKind, op *instruments.Operation) {
	if c.foreign {
		return
	}
	if c.Inside(poolstate.CopyCall) && !pc.PgConn().IsBusy() {
		c.CancelCall(poolstate.CopyCall) // pgx gave it up before it asked the server, without an event
	}
	var id poolstate.Operation
	names := false
	if op != nil {
		id, names = poolstate.Operation(op.ID), !op.Control && kind != poolstate.PrepareCall
	}
	c.BeginCall(kind, id, names, h.state.Now())
}

// end records the operation of the call that ends, and returns it, or nil if there is none to record.
func (h *hooks) end(ctx context.Context, pc *pgx.Conn, kind poolstate.CallKind, err error) *instruments.Operation {
	if !h.live.Load() {
		return nil
	}
	c := connOf(h.state, pc)
	if c.Idle() {
		return nil
	}
	id, took, ok := c.EndCall(kind, h.state.Now())
	if !ok || h.state.Stopped() {
		return nil
	}
	op := h.operations.ByID(uint32(id))
	if op == nil { // it began by the hooks of another configuration, which shares the connection
		return nil
	}
	to := &op.Duration
	if err != nil {
		if f, failed := classify(err); failed {
			to = h.operations.Failure(op, f)
		}
	}
	to.Record(ctx, took.Seconds())
	if op.Capped {
		h.counters.Add(operationsCapped, 1)
	}
	return op
}
