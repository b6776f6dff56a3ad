package otelpool

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/otelpool/internal/instruments"
	"github.com/otelpool/otelpool-go/otelpool/internal/poolstate"
	"github.com/otelpool/otelpool-go/otelpool/internal/resize"
	"github.com/otelpool/otelpool-go/otelpool/internal/tracerchain"
)

// installConn puts the hooks of a connection into a configuration, around those that it has.
func installConn(connConfig *pgx.ConnConfig, h *hooks) {
	h.next = tracerchain.To(connConfig.Tracer)
	connConfig.Tracer = h
	connConfig.BuildFrontend = buildFrontend(connConfig.BuildFrontend, h.comments)
}

// install puts the hooks into a pool's configuration, around those that it has.
func install(poolConfig *pgxpool.Config, h *hooks) {
	installConn(poolConfig.ConnConfig, h)
	poolConfig.ShouldPing = shouldPing(h, poolConfig.ShouldPing)
	poolConfig.BeforeConnect = beforeConnect(h, poolConfig.BeforeConnect)
	poolConfig.AfterConnect = afterConnect(h, poolConfig.AfterConnect)
	poolConfig.BeforeClose = beforeClose(h, poolConfig.BeforeClose)
	if next := tracerchain.PrepareConn(poolConfig); next != nil {
		poolConfig.PrepareConn = prepareConn(h, next)
	}
}

// shouldPing wraps the hook that pgxpool calls as soon as an acquire has been handed a connection. A connection that
// needs no ping goes straight to the caller; there is nothing to record.
func shouldPing(h *hooks, next func(context.Context, pgxpool.ShouldPingParams) bool) func(context.Context, pgxpool.ShouldPingParams) bool {
	return func(ctx context.Context, params pgxpool.ShouldPingParams) bool {
		pings := next == nil && params.IdleDuration > time.Second // what pgxpool does without a hook
		if next == nil && !pings {
			return false
		}
		a := h.acquireFrom(ctx)
		var at poolstate.Progress
		if a != nil {
			at = a.Enter(poolstate.Ping)
		}
		if next != nil {
			pings = next(ctx, params)
		}
		if pings && a != nil {
			connOf(h.state, params.Conn).Pinging(a, at)
		}
		return pings
	}
}

// beforeConnect wraps the hook that pgxpool calls when an acquire has a slot and dials.
func beforeConnect(h *hooks, next func(context.Context, *pgx.ConnConfig) error) func(context.Context, *pgx.ConnConfig) error {
	return func(ctx context.Context, config *pgx.ConnConfig) error {
		h.pooled.Store(true)
		h.dialing(ctx)
		if next == nil {
			return nil
		}
		err := next(ctx, config)
		if err != nil {
			// Not by the error's own type: a host that the hook cannot reach is not the server, which was not dialed.
			h.connectFailedBy(ctx, err, instruments.ErrorTypeOther, "the BeforeConnect hook failed")
		}
		return err
	}
}

// afterConnect wraps the hook that can still reject a new connection.
func afterConnect(h *hooks, next func(context.Context, *pgx.Conn) error) func(context.Context, *pgx.Conn) error {
	return func(ctx context.Context, pc *pgx.Conn) error {
		if next != nil {
			if err := next(unnamed(ctx), pc); err != nil {
				h.connectFailed(ctx, err, "the AfterConnect hook failed")
				connOf(h.state, pc).ForgetCalls() // what the hook left open
				return err
			}
		}
		if poolstate.IsForeign(ctx) {
			disown(h.state, pc)
			return nil
		}
		h.reports.dialed()
		if overflow := h.state.Opened(connOf(h.state, pc).Conn); overflow {
			h.counters.Add(overflowOpened, 1)
		}
		return nil
	}
}

// beforeClose wraps the hook that pgxpool calls when it closes a connection, whatever the reason. It must not write to the
// connection's custom data: a caller who released the connection with an open batch may be closing that batch now, which
// reads the data.
func beforeClose(h *hooks, next func(*pgx.Conn)) func(*pgx.Conn) {
	return func(pc *pgx.Conn) {
		done := pc.PgConn().CleanupDone()
		if c := knownConn(pc); c == nil {
			h.state.Closed(nil, resize.Surplus(pc), done)
		} else if !c.foreign {
			if c.Pinged() && !pc.IsClosed() { // pgx closes a connection that does not answer
				c.Answered()
			}
			h.state.Closed(c.Conn, resize.Surplus(pc), done)
		}
		if next != nil {
			next(pc)
		}
	}
}

// prepareConn wraps the hook that may refuse a connection; the acquire then waits for another one.
func prepareConn(h *hooks, next func(context.Context, *pgx.Conn) (bool, error)) func(context.Context, *pgx.Conn) (bool, error) {
	return func(ctx context.Context, pc *pgx.Conn) (bool, error) {
		a := h.acquireFrom(ctx)
		var at poolstate.Progress
		if a != nil {
			at = a.Enter(poolstate.Prepare)
			connOf(h.state, pc).Answered() // else pgxpool would have closed it
		}
		ok, err := next(unnamed(ctx), pc)
		if !ok {
			connOf(h.state, pc).ForgetCalls() // what the hook left open
		}
		if a != nil && !ok && err == nil {
			a.Requeue(at)
		}
		return ok, err
	}
}
