package otelpool

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/otelpool/otelpool-go/otelpool/internal/instruments"
	"github.com/otelpool/otelpool-go/otelpool/internal/poolstate"
)

// TraceQueryStart implements pgx.QueryTracer.
func (h *hooks) TraceQueryStart(ctx context.Context, pc *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	parent := ctx            // of our span, which must not be a child of another tracer's
	if h.next.Query != nil { // cheaper than calling a tracer that does nothing
		ctx = h.next.Query.TraceQueryStart(ctx, pc, data)
	}
	if h.active(ctx, h.histograms.Duration) {
		c := connOf(h.state, pc)
		s := c.statement(data.SQL)
		op, listens := h.operations.ForQuery(ctx, &s, &c.recent)
		var n *note
		if h.tracing != nil && !c.foreign {
			var name instruments.Name // of the text, which mostly needs no look-up
			if op.Capped {
				name = h.operations.Name(ctx, s)
			}
			n = h.tracing.query(parent, op, name, s, data.Args)
		}
		h.begin(pc, c, poolstate.QueryCall, op, n, roleOf(op, listens))
		if h.comments != nil {
			h.comments.set(n.context(ctx), c, poolstate.QueryCall, op)
		}
	}
	return ctx
}

// TraceQueryEnd implements pgx.QueryTracer.
func (h *hooks) TraceQueryEnd(ctx context.Context, pc *pgx.Conn, data pgx.TraceQueryEndData) {
	if h.live.Load() {
		h.end(ctx, pc, poolstate.QueryCall, data.Err, returnedRows(data.CommandTag, data.Err))
	}
	if h.next.Query != nil {
		h.next.Query.TraceQueryEnd(ctx, pc, data)
	}
}

// returnedRows returns how many rows a query returned, or unknownRows if it failed or is not a SELECT.
func returnedRows(tag pgconn.CommandTag, err error) int64 {
	if err != nil || !tag.Select() {
		return unknownRows
	}
	return tag.RowsAffected()
}

type batchKey struct{ of *hooks }

// batch is the context of a batch. pgx ends a batch that fails early twice, the second time when its results are closed.
// By then another batch may be open, and must not be taken for it.
type batch struct {
	context.Context
	of    *hooks
	ended bool
}

func (b *batch) Value(key any) any {
	if key == (batchKey{b.of}) {
		return b
	}
	return b.Context.Value(key)
}

// TraceBatchStart implements pgx.BatchTracer.
func (h *hooks) TraceBatchStart(ctx context.Context, pc *pgx.Conn, data pgx.TraceBatchStartData) context.Context {
	parent := ctx
	ctx = h.next.TraceBatchStart(ctx, pc, data)
	if !h.active(ctx, h.histograms.Duration) {
		return ctx
	}
	if ctx != nil {
		ctx = &batch{Context: ctx, of: h}
	}
	c := connOf(h.state, pc)
	queries := data.Batch.QueuedQueries
	name := h.batchName(ctx, c, queries)
	op := h.operations.Named(name)
	var n *note
	switch {
	case h.tracing == nil, c.foreign:
	case len(queries) == 1:
		n = h.tracing.query(parent, op, name, c.statement(queries[0].SQL), queries[0].Arguments)
	default:
		n = h.tracing.batch(parent, op, name, c, queries)
	}
	listens := len(queries) > 0 && instruments.Listens(queries[0].SQL)
	h.begin(pc, c, poolstate.BatchCall, op, n, roleOf(op, listens))
	if h.comments != nil {
		h.comments.set(n.context(ctx), c, poolstate.BatchCall, op)
	}
	return ctx
}

// batchName returns the name of a batch, which is one operation: the name of a single query, else the name that the
// caller chose, else "BATCH name" if all queries have one name, else "BATCH" (semantic conventions, note on
// db.query.summary). A single query of a sqlc batch command is also "BATCH name".
func (h *hooks) batchName(ctx context.Context, c *conn, queries []*pgx.QueuedQuery) instruments.Name {
	if len(queries) == 1 {
		return h.operations.NameOfBatchOfOne(ctx, c.statement(queries[0].SQL))
	}
	if caller := instruments.NameFrom(ctx); caller != "" {
		return instruments.Name{Text: caller, Source: instruments.Chosen}
	}
	if len(queries) == 0 {
		return instruments.BatchName(instruments.Name{})
	}
	first := h.operations.Name(ctx, c.statement(queries[0].SQL))
	for i, q := range queries[1:] {
		// Most batches repeat one text, which needs no second look-up.
		if q.SQL != queries[i].SQL && h.operations.Name(ctx, c.statement(q.SQL)) != first {
			return instruments.BatchName(instruments.Name{})
		}
	}
	return instruments.BatchName(first)
}

// TraceBatchQuery implements pgx.BatchTracer. A batch is one operation, so its queries are not recorded.
func (h *hooks) TraceBatchQuery(ctx context.Context, pc *pgx.Conn, data pgx.TraceBatchQueryData) {
	if h.tracing != nil {
		h.tracing.batchQuery(ctx, connOf(h.state, pc), data)
	}
	h.next.TraceBatchQuery(ctx, pc, data)
}

// TraceBatchEnd implements pgx.BatchTracer.
func (h *hooks) TraceBatchEnd(ctx context.Context, pc *pgx.Conn, data pgx.TraceBatchEndData) {
	if !h.endedBefore(ctx) {
		h.end(ctx, pc, poolstate.BatchCall, data.Err, unknownRows)
	}
	h.next.TraceBatchEnd(ctx, pc, data)
}

// endedBefore reports whether the batch of ctx has ended before, and notes that it has.
func (h *hooks) endedBefore(ctx context.Context) bool {
	if ctx == nil {
		return false
	}
	b, ok := ctx.Value(batchKey{h}).(*batch)
	if !ok {
		return false
	}
	before := b.ended
	b.ended = true
	return before
}

// TraceCopyFromStart implements pgx.CopyFromTracer.
func (h *hooks) TraceCopyFromStart(ctx context.Context, pc *pgx.Conn, data pgx.TraceCopyFromStartData) context.Context {
	parent := ctx
	ctx = h.next.TraceCopyFromStart(ctx, pc, data)
	if h.active(ctx, h.histograms.Duration) {
		c, name := connOf(h.state, pc), h.operations.CopyName(ctx, data.TableName)
		op := h.operations.Named(name)
		var n *note
		if h.tracing != nil && !c.foreign {
			n = h.tracing.copyFrom(parent, op, name, data.TableName)
		}
		h.begin(pc, c, poolstate.CopyCall, op, n, roleOf(op, false))
		if h.comments != nil {
			h.comments.set(n.context(ctx), c, poolstate.CopyCall, op)
		}
	}
	return ctx
}

// TraceCopyFromEnd implements pgx.CopyFromTracer.
func (h *hooks) TraceCopyFromEnd(ctx context.Context, pc *pgx.Conn, data pgx.TraceCopyFromEndData) {
	h.end(ctx, pc, poolstate.CopyCall, data.Err, unknownRows)
	h.next.TraceCopyFromEnd(ctx, pc, data)
}

// TracePrepareStart implements pgx.PrepareTracer. A Prepare that pgx does inside a query is part of the query. The text
// is remembered even if nothing is recorded now, because recording may begin during the life of the statement.
func (h *hooks) TracePrepareStart(ctx context.Context, pc *pgx.Conn, data pgx.TracePrepareStartData) context.Context {
	parent := ctx
	ctx = h.next.TracePrepareStart(ctx, pc, data)
	c := connOf(h.state, pc)
	if !c.Idle() || h.state.Stopped() {
		return ctx
	}
	c.preparing = preparing{data.Name, data.SQL, parent}
	var op *instruments.Operation
	if h.active(ctx, h.histograms.Duration) {
		op = h.operations.Named(h.operations.PrepareName(ctx, data.SQL))
	}
	h.begin(pc, c, poolstate.PrepareCall, op, nil, poolstate.RoleControl)
	if h.comments != nil {
		h.comments.set(ctx, c, poolstate.PrepareCall, op)
	}
	return ctx
}

// TracePrepareEnd implements pgx.PrepareTracer.
func (h *hooks) TracePrepareEnd(ctx context.Context, pc *pgx.Conn, data pgx.TracePrepareEndData) {
	h.prepareEnd(ctx, pc, data)
	h.next.TracePrepareEnd(ctx, pc, data)
}

func (h *hooks) prepareEnd(ctx context.Context, pc *pgx.Conn, data pgx.TracePrepareEndData) {
	c := connOf(h.state, pc)
	defer func() { c.preparing = preparing{} }() // do not keep the context of the call
	switch {
	case data.Err != nil && c.Inside(poolstate.CopyCall): // pgx does not end a CopyFrom whose table it could not describe
		h.end(ctx, pc, poolstate.CopyCall, data.Err, unknownRows)
		return
	case !c.Inside(poolstate.PrepareCall):
		return
	case data.Err == nil:
		c.remember()
	}
	if data.AlreadyPrepared || !h.live.Load() { // the server was not asked, or nothing is recorded
		c.CancelCall(poolstate.PrepareCall)
		h.uncomment(c)
	} else {
		h.end(ctx, pc, poolstate.PrepareCall, data.Err, unknownRows)
	}
}

// begin starts a call. op is nil if the call is not recorded, and n is nil if there is nothing to keep with it.
func (h *hooks) begin(pc *pgx.Conn, c *conn, kind poolstate.CallKind, op *instruments.Operation, n *note, does poolstate.Role) {
	if c.foreign {
		return
	}
	if c.Inside(poolstate.CopyCall) && !pc.PgConn().IsBusy() {
		c.CancelCall(poolstate.CopyCall) // pgx gave it up without an event, before it asked the server
	}
	var id poolstate.Operation
	if op != nil {
		id = poolstate.Operation(op.ID)
	}
	var kept poolstate.Note
	if n != nil {
		kept = n
	}
	c.BeginCall(kind, id, does, h.state.Now(), kept)
}

// roleOf returns the role of an operation in its hold. listens comes from the text, because the name is often that of
// the surrounding work.
func roleOf(op *instruments.Operation, listens bool) poolstate.Role {
	switch {
	case op.Control:
		return poolstate.RoleControl
	case listens:
		return poolstate.RoleListen
	}
	return poolstate.RoleWork
}

// end records the operation of the call that ends, if there is one to record. rows is how many it returned, or unknownRows.
func (h *hooks) end(ctx context.Context, pc *pgx.Conn, kind poolstate.CallKind, err error, rows int64) {
	if !h.live.Load() {
		return
	}
	c := connOf(h.state, pc)
	h.uncomment(c)
	if c.Idle() {
		return
	}
	call, ok := c.EndCall(kind, pc.PgConn().TxStatus() != 'I', h.state.Now())
	if !ok {
		return
	}
	n, _ := call.Note.(*note)
	op := h.operations.ByID(uint32(call.Operation))
	recorded := op != nil && !h.state.Stopped() // op is nil if the call began under the hooks of another configuration
	if kind == poolstate.PrepareCall && recorded && h.tracing != nil {
		n = h.tracing.prepared(c.preparing.parent, op, c.preparing.sql, call.Took)
	}
	f := failureOf(err)
	if !recorded {
		n.end(f, rows)
		return
	}
	in := n.context(ctx) // so that the exemplar links to the call's own span
	to := &op.Duration
	if err != nil {
		if f.Failed() {
			failures := h.operations.Failure(op, f)
			failures.Add()
			to = &failures.Duration
		}
		if pc.IsClosed() && ctx != nil && ctx.Err() != nil && (f.ErrorType == instruments.ErrorTypeCanceled || f.ErrorType == instruments.ErrorTypeTimeout) {
			c.gaveUp = true // never reset: the rollback that follows on the closed connection fails for another reason
		}
	}
	to.Record(in, call.Took.Seconds())
	op.AddCall(call.Took, c.shard)
	if op.Capped {
		h.counters.Add(operationsCapped, 1)
	}
	if h.histograms.Rows != nil && rows >= 0 {
		op.Rows.Record(in, rows)
	}
	if h.tracing == nil {
		return
	}
	if call.Took >= h.tracing.slow {
		h.slowQuery(in, op, h.operations.ByID(uint32(c.Unit())), n, call.Took, f, rows)
	}
	n.end(f, rows)
}
