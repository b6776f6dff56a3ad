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

// diary writes down what a program sees of a pool: events of its hooks and of its tracer, and what its calls gave.
type diary struct {
	mu    sync.Mutex
	conns []*pgx.Conn // known ones, in the order of their first event
	lines []line
	quiet bool
}

type line struct {
	conn int // its number, 0 for none
	text string
	late bool // it comes from a goroutine of pgxpool's own, so its place among the others is chance
}

func (d *diary) add(conn *pgx.Conn, late bool, format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.quiet {
		return
	}
	d.lines = append(d.lines, line{d.number(conn), fmt.Sprintf(format, args...), late})
}

// number gives the number of a connection. Caller must hold the lock.
func (d *diary) number(conn *pgx.Conn) int {
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

// note writes down what a call gave.
func (d *diary) note(format string, args ...any) { d.add(nil, false, format, args...) }

// transcript gives the diary line by line, but what came when it liked is given apart, connection by connection: what
// happened to one has an order. In unordered diaries only that is.
func (d *diary) transcript(unordered bool) []string {
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

// telling gives an error as a program may tell it from others: its types, from outside to inside, and its text.
func telling(err error) string {
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

// mark gives a context by which an event is recognised as the caller's.
func mark(ctx context.Context, key, value string) context.Context {
	return context.WithValue(ctx, markKey(key), value)
}

// marks tells which marks a context has: those of the caller and of the starts of events.
func marks(ctx context.Context) string {
	var found []string
	for _, key := range []string{"caller", "acquire", "connect", "query", "batch", "copy", "prepare"} {
		if value, ok := ctx.Value(markKey(key)).(string); ok {
			found = append(found, key+"="+value)
		}
	}
	return strings.Join(found, ",")
}

// hook puts hooks that write into the diary around those that a scenario has set.
func (d *diary) hook(c *pgxpool.Config, which hooks) {
	if before := c.BeforeConnect; which.beforeConnect {
		c.BeforeConnect = func(ctx context.Context, cc *pgx.ConnConfig) (err error) {
			if before != nil {
				err = before(ctx, cc)
			}
			d.add(nil, false, "BeforeConnect [%s] %s", marks(ctx), telling(err))
			return err
		}
	}
	if after := c.AfterConnect; which.afterConnect {
		c.AfterConnect = func(ctx context.Context, conn *pgx.Conn) (err error) {
			if after != nil {
				err = after(ctx, conn)
			}
			d.add(conn, false, "AfterConnect [%s] %s", marks(ctx), telling(err))
			return err
		}
	}
	if prepare := c.PrepareConn; which.prepareConn {
		c.PrepareConn = func(ctx context.Context, conn *pgx.Conn) (ok bool, err error) {
			ok = true
			if prepare != nil {
				ok, err = prepare(ctx, conn)
			}
			d.add(conn, false, "PrepareConn [%s] %v %s", marks(ctx), ok, telling(err))
			return ok, err
		}
	}
	// With it a release goes on after Release, so only scenarios that wait for that have it.
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

// hooks are which hooks a pool has.
type hooks struct {
	beforeConnect, afterConnect, prepareConn, afterRelease, beforeClose, shouldPing bool
}

var allHooks = hooks{true, true, true, true, true, true}
