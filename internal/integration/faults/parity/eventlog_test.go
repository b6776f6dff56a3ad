package parity_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// eventLog records what a program sees of a pool: the events of its hooks and its tracer, and the results of its
// calls.
type eventLog struct {
	mu    sync.Mutex
	conns []*pgx.Conn // known connections, in the order of their first event
	lines []line
	quiet bool
}

type line struct {
	conn int // number of the connection, 0 for none
	text string
	late bool // from a goroutine of pgxpool's own, so its position is random
}

func (d *eventLog) add(conn *pgx.Conn, late bool, format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.quiet {
		return
	}
	d.lines = append(d.lines, line{d.number(conn), fmt.Sprintf(format, args...), late})
}

// number returns the number of a connection. The caller must hold the lock.
func (d *eventLog) number(conn *pgx.Conn) int {
	if conn == nil {
		return 0
	}
	at := slices.Index(d.conns, conn)
	if at < 0 {
		at = len(d.conns)
		d.conns = append(d.conns, conn)
	}
	return at + 1
}

func (d *eventLog) record(format string, args ...any) { d.add(nil, false, format, args...) }

// transcript returns the log line by line. Lines with a random position come separately, by connection, because the
// events of one connection have an order. In unordered logs all lines do.
func (d *eventLog) transcript(unordered bool) []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var told []string
	of := make(map[int][]string)
	for _, l := range d.lines {
		if l.conn > 0 {
			of[l.conn] = append(of[l.conn], l.text)
		}
		if !l.late {
			told = append(told, l.text)
		}
	}
	if unordered {
		slices.Sort(told)
	}
	var lives []string
	for _, texts := range of {
		lives = append(lives, "a connection: "+strings.Join(texts, "; "))
	}
	slices.Sort(lives)
	return append(told, lives...)
}

// describe returns an error as a program can distinguish it: its types, from outside to inside, and its text.
func describe(err error) string {
	if err == nil {
		return "no error"
	}
	var types []string
	for e := err; e != nil; e = errors.Unwrap(e) {
		types = append(types, fmt.Sprintf("%T", e))
	}
	return fmt.Sprintf("%s %q", strings.Join(types, " of "), err)
}

type markKey string

// mark returns a context with a value by which the test recognizes it in later events.
func mark(ctx context.Context, key, value string) context.Context {
	return context.WithValue(ctx, markKey(key), value)
}

// marks returns the values in a context: those of the caller and of the starts of events.
func marks(ctx context.Context) string {
	var found []string
	for _, key := range []string{"caller", "acquire", "connect", "query", "batch", "copy", "prepare"} {
		if value, ok := ctx.Value(markKey(key)).(string); ok {
			found = append(found, key+"="+value)
		}
	}
	return strings.Join(found, ",")
}

// hook wraps the hooks of a scenario with hooks that record their calls.
func (d *eventLog) hook(c *pgxpool.Config, which hooks) {
	if before := c.BeforeConnect; which.beforeConnect {
		c.BeforeConnect = func(ctx context.Context, cc *pgx.ConnConfig) (err error) {
			if before != nil {
				err = before(ctx, cc)
			}
			d.add(nil, false, "BeforeConnect [%s] %s", marks(ctx), describe(err))
			return err
		}
	}
	if after := c.AfterConnect; which.afterConnect {
		c.AfterConnect = func(ctx context.Context, conn *pgx.Conn) (err error) {
			if after != nil {
				err = after(ctx, conn)
			}
			d.add(conn, false, "AfterConnect [%s] %s", marks(ctx), describe(err))
			return err
		}
	}
	if prepare := c.PrepareConn; which.prepareConn {
		c.PrepareConn = func(ctx context.Context, conn *pgx.Conn) (ok bool, err error) {
			ok = true
			if prepare != nil {
				ok, err = prepare(ctx, conn)
			}
			d.add(conn, false, "PrepareConn [%s] %v %s", marks(ctx), ok, describe(err))
			return ok, err
		}
	}
	// With this hook a release goes on after Release returns, so only scenarios that wait for it have the hook.
	if release := c.AfterRelease; release != nil && which.afterRelease {
		c.AfterRelease = func(conn *pgx.Conn) (keep bool) {
			keep = release(conn)
			d.add(conn, true, "AfterRelease %v", keep)
			return keep
		}
	}
	if closing := c.BeforeClose; which.beforeClose {
		c.BeforeClose = func(conn *pgx.Conn) {
			if closing != nil {
				closing(conn)
			}
			d.add(conn, true, "BeforeClose")
		}
	}
	if ping := c.ShouldPing; which.shouldPing {
		c.ShouldPing = func(ctx context.Context, params pgxpool.ShouldPingParams) (yes bool) {
			if ping != nil {
				yes = ping(ctx, params)
			}
			d.add(params.Conn, false, "ShouldPing [%s] %v %v", marks(ctx), params.IdleDuration >= 0, yes)
			return yes
		}
	}
}

// hooks says which hooks a pool has.
type hooks struct {
	beforeConnect, afterConnect, prepareConn, afterRelease, beforeClose, shouldPing bool
}

var allHooks = hooks{true, true, true, true, true, true}
