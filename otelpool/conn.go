package otelpool

import (
	"context"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"go.opentelemetry.io/otel/trace"

	"github.com/otelpool/otelpool-go/otelpool/internal/instruments"
	"github.com/otelpool/otelpool-go/otelpool/internal/poolstate"
	"github.com/otelpool/otelpool-go/otelpool/internal/resize"
)

// connKey is the key of a connection's state in PgConn().CustomData(). A short key is found faster.
const connKey = "otelpool"

// conn is the state of one connection, kept in its custom data. It belongs to the owner of the connection.
type conn struct {
	*poolstate.Conn
	state *poolstate.Pool
	wire  *wire // nil if it is not known

	prepared  preparedTexts
	preparing preparing

	recent instruments.Recent

	gaveUp bool // the context of an operation ended, so pgx closed the connection

	holder trace.SpanContext // of the work that last released it, if callers were waiting and acquires have spans

	shard uint32 // in which it counts

	foreign bool // it belongs to another pool, whose configuration was copied from ours
}

// preparing is the Prepare that runs on a connection, the zero value if none does.
type preparing struct {
	name, sql string
	parent    context.Context // of its span
}

// shards numbers connections, so that those used at the same time mostly count in different shards.
var shards atomic.Uint32

// connOf returns the state of a connection. It creates the state if there is none.
func connOf(state *poolstate.Pool, pc *pgx.Conn) *conn {
	data := pc.PgConn().CustomData()
	if c, ok := data[connKey].(*conn); ok {
		return c
	}
	w := wireOf(pc.PgConn().Frontend())
	c := &conn{Conn: state.NewConn(originOf(pc, w)), state: state, wire: w, shard: shards.Add(1)}
	if data != nil { // pgx always makes one; a nil map must not become a panic in a caller
		data[connKey] = c
	}
	return c
}

func originOf(pc *pgx.Conn, w *wire) poolstate.Origin {
	origin := poolstate.Origin{ProcessID: pc.PgConn().PID()}
	if w != nil {
		origin.Waits, origin.Answers = w.waits, w.answers
	}
	return origin
}

// knownConn returns the state of a connection, nil if there is none.
func knownConn(pc *pgx.Conn) *conn {
	c, _ := pc.PgConn().CustomData()[connKey].(*conn)
	return c
}

// disown marks the connection as another pool's, so that its events are not recorded.
func disown(state *poolstate.Pool, pc *pgx.Conn) {
	if c := connOf(state, pc); !c.foreign {
		c.foreign = true
		state.Disown(c.Conn)
	}
}

// remember keeps the text of the statement that the caller has prepared.
func (c *conn) remember() {
	name, sql := c.preparing.name, c.preparing.sql
	if name == "" || name == sql {
		c.prepared.remove(name)
	} else {
		c.prepared.put(name, instruments.PreparedStatement(sql))
	}
}

// statement returns the statement for sql, which may be the name of a prepared statement.
func (c *conn) statement(sql string) instruments.Statement {
	if c.prepared.current != nil {
		if known, ok := c.prepared.get(sql); ok {
			return known
		}
	}
	return instruments.Statement{SQL: sql}
}

// reclaim returns a new state for a connection that was mistaken for another pool's before the pool was registered.
func reclaim(state *poolstate.Pool, pc *pgx.Conn, was *conn) *conn {
	c := &conn{Conn: state.NewConn(was.Origin()), state: state, wire: was.wire, prepared: was.prepared, shard: was.shard}
	pc.PgConn().CustomData()[connKey] = c
	state.Opened(c.Conn)
	return c
}

// closeReason returns why pgx will close a connection that is being released, or KeptOpen. It makes the checks that
// pgxpool is about to make. Other reasons are not known yet: the connection may be too old, or AfterRelease may refuse
// it.
func (c *conn) closeReason(pc *pgx.Conn) poolstate.CloseReason {
	switch pg := pc.PgConn(); {
	case pc.IsClosed() && c.gaveUp:
		return poolstate.CloseCanceled
	case pc.IsClosed():
		return poolstate.CloseBroken
	case pg.IsBusy() && !resize.Surplus(pc): // a Sizing makes a surplus connection busy, so that pgxpool closes it
		return poolstate.CloseBusy
	case pg.TxStatus() != 'I':
		return poolstate.CloseInTransaction
	}
	return poolstate.KeptOpen
}
