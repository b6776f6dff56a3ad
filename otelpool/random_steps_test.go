package otelpool_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

// randomCaller uses pools at random.
type randomCaller struct {
	t           *testing.T
	main, leaky *randomPool
	rand        *rand.Rand
	hijacked    []*pgx.Conn
}

func (w *randomCaller) run(n int) {
	total := 0
	for _, s := range steps {
		total += s.weight
	}
	for range n {
		at := w.rand.IntN(total)
		for _, s := range steps {
			if at -= s.weight; at < 0 {
				s.do(w)
				break
			}
		}
	}
}

// acquire acquires and counts the result. It returns nil if the acquire failed.
func (w *randomCaller) acquire(x *randomPool, ctx context.Context, prepare func() (bool, error)) *randomHold {
	if w.rand.IntN(4) == 0 {
		ctx = otelpool.WithOperation(ctx, operationNames[w.rand.IntN(len(operationNames))])
	}
	a := &attempt{prepare: prepare}
	ctx = context.WithValue(ctx, attemptKey{}, a)
	start := time.Now()
	conn, err := x.pool.Acquire(ctx)
	x.acquiring.Add(int64(time.Since(start)))
	switch {
	case err == nil:
		x.results[asOK].Add(1)
		return &randomHold{Conn: conn, x: x, earliest: a.prepared, since: time.Now()}
	case errors.Is(err, context.DeadlineExceeded):
		x.results[asTimeout].Add(1)
	case errors.Is(err, context.Canceled):
		x.results[asCanceled].Add(1)
	case errors.Is(err, errNotToday):
		x.results[asError].Add(1)
	default:
		x.results[asError].Add(1)
		w.t.Errorf("acquire: %v", err)
	}
	return nil
}

func (w *randomCaller) acquireRelease() { w.acquire(w.main, context.Background(), nil).release() }

// hold acquires from the main pool, has do use the connection, and releases it.
func (w *randomCaller) hold(do func(l *randomHold)) {
	if l := w.acquire(w.main, context.Background(), nil); l != nil {
		defer l.release()
		do(l)
	}
}

func (w *randomCaller) query() {
	w.hold(func(l *randomHold) { execute(w.t, l, context.Background(), "SELECT 1") })
}

// soon returns a time in which a short wait may or may not end.
func (w *randomCaller) soon() time.Duration {
	return time.Duration(w.rand.IntN(300)) * time.Microsecond
}

func (w *randomCaller) deadline() {
	ctx, cancel := context.WithTimeout(context.Background(), w.soon())
	defer cancel()
	w.acquire(w.main, ctx, nil).release()
}

func (w *randomCaller) cancelBefore() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	w.acquire(w.main, ctx, nil).release()
}

func (w *randomCaller) cancelDuring() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	defer time.AfterFunc(w.soon(), cancel).Stop()
	w.acquire(w.main, ctx, nil).release()
}

// nested acquires a second connection with a deadline.
func (w *randomCaller) nested() {
	ctx := otelpool.WithScope(context.Background(), "")
	outer := w.acquire(w.main, ctx, nil)
	if outer == nil {
		return
	}
	short, cancel := context.WithTimeout(ctx, time.Millisecond)
	defer cancel()
	w.main.nestedAtMost.Add(1)
	inner := w.acquire(w.main, short, nil)
	if w.rand.IntN(2) == 0 {
		outer, inner = inner, outer
	}
	inner.release()
	outer.release()
}

func (w *randomCaller) prepareFails() {
	w.acquire(w.main, context.Background(), func() (bool, error) { return true, errNotToday }).release()
}

// prepareRefuses has PrepareConn refuse a connection or two, and then accept one or fail.
func (w *randomCaller) prepareRefuses() {
	refusals, fail := 1+w.rand.IntN(2), w.rand.IntN(2) == 0
	w.acquire(w.main, context.Background(), func() (bool, error) {
		if refusals--; refusals >= 0 {
			return false, nil
		}
		if fail {
			return false, errNotToday
		}
		return true, nil
	}).release()
}

func (w *randomCaller) allIdle() {
	for _, conn := range w.main.pool.AcquireAllIdle(context.Background()) {
		conn.Release()
	}
}

func (w *randomCaller) transaction() {
	w.hold(func(l *randomHold) {
		tx, err := l.Begin(context.Background())
		if err == nil && w.rand.IntN(2) == 0 {
			err = tx.Rollback(context.Background())
		} else if err == nil {
			err = tx.Commit(context.Background())
		}
		testutil.Check(w.t, err)
	})
}

// batches sends a batch that fails early, or an empty one.
func (w *randomCaller) batches() {
	w.hold(func(l *randomHold) {
		b := new(pgx.Batch)
		if w.rand.IntN(2) == 0 {
			b.Queue("SELECT nonsense")
		}
		if err := l.SendBatch(context.Background(), b).Close(); (err != nil) != (b.Len() > 0) {
			w.t.Errorf("batch of %d: %v", b.Len(), err)
		}
	})
}

// hijack hijacks a connection and goes on using it.
func (w *randomCaller) hijack() { w.hijackFrom(w.main) }

func (w *randomCaller) hijackFrom(x *randomPool) {
	l := w.acquire(x, context.Background(), nil)
	if l == nil {
		return
	}
	conn := l.Hijack()
	x.hijacked.Add(1)
	l.long()
	execute(w.t, conn, context.Background(), "SELECT 1")
	w.hijacked = append(w.hijacked, conn)
	if len(w.hijacked) > 2 {
		w.closeHijacked()
	}
}

func (w *randomCaller) closeHijacked() {
	for _, conn := range w.hijacked {
		testutil.Check(w.t, conn.Close(context.Background()))
	}
	w.hijacked = nil
}

func (w *randomCaller) forgetCommit() {
	w.hold(func(l *randomHold) {
		execute(w.t, l, context.Background(), "BEGIN")
		w.main.inTransaction.Add(1)
	})
}

func (w *randomCaller) forgetRows() {
	w.hold(func(l *randomHold) {
		_, err := l.Query(context.Background(), "SELECT 1")
		testutil.Check(w.t, err)
		w.main.busy.Add(1)
	})
}

// breakConn closes a connection before it is released: by Close, or by canceling a query.
func (w *randomCaller) breakConn() {
	w.hold(func(l *randomHold) {
		if w.rand.IntN(2) == 0 {
			_ = l.Conn.Conn().Close(context.Background())
			return
		}
		l.gaveUp = true
		ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		defer cancel()
		if _, err := l.Exec(ctx, "SELECT pg_sleep(2)"); err == nil { // not longer, for the reason given in calls
			w.t.Error("slept")
		}
	})
}

func (w *randomCaller) holdLong() {
	w.hold(func(*randomHold) { wait(randomLongHold + time.Millisecond) })
}

// useForeign uses the pool whose events are not the main pool's.
func (w *randomCaller) useForeign() {
	conn, err := w.main.foreign.Acquire(context.Background())
	if err != nil {
		w.t.Error(err)
		return
	}
	execute(w.t, conn, context.Background(), "SELECT 1")
	if w.rand.IntN(20) == 0 {
		_ = conn.Hijack().Close(context.Background())
		return
	}
	conn.Release()
}

func (w *randomCaller) reset() { w.main.pool.Reset() }

func (w *randomCaller) leakyRelease() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	w.acquire(w.leaky, ctx, nil).release()
}

func (w *randomCaller) leakyHijack() { w.hijackFrom(w.leaky) }

// leak has PrepareConn panic, so that pgx loses the slot. One slot is always left.
func (w *randomCaller) leak() {
	x := w.leaky
	if x.leaked.Add(1) >= leakyConns {
		x.leaked.Add(-1)
		return
	}
	start := time.Now()
	got := recovering(func() {
		ctx := context.WithValue(context.Background(), attemptKey{}, &attempt{prepare: func() (bool, error) { panic("mine") }})
		_, _ = x.pool.Acquire(ctx)
	})
	x.acquiring.Add(int64(time.Since(start)))
	x.results[asError].Add(1)
	if got != "mine" {
		w.t.Errorf("recovered %v", got)
	}
}

// steps are the steps of a caller, and how often it takes each of about ten thousand. Those that cost a dial are rare.
var steps = []struct {
	weight int
	do     func(*randomCaller)
}{
	{5600, (*randomCaller).acquireRelease},
	{900, (*randomCaller).query},
	{500, (*randomCaller).deadline},
	{400, (*randomCaller).cancelBefore},
	{400, (*randomCaller).cancelDuring},
	{500, (*randomCaller).nested},
	{200, (*randomCaller).prepareFails},
	{150, (*randomCaller).allIdle},
	{100, (*randomCaller).transaction},
	{80, (*randomCaller).batches},
	{60, (*randomCaller).closeHijacked},
	{15, (*randomCaller).hijack},
	{12, (*randomCaller).forgetCommit},
	{12, (*randomCaller).forgetRows},
	{10, (*randomCaller).breakConn},
	{12, (*randomCaller).prepareRefuses},
	{15, (*randomCaller).holdLong},
	{3, (*randomCaller).reset},
	{100, (*randomCaller).useForeign},
	{300, (*randomCaller).leakyRelease},
	{10, (*randomCaller).leakyHijack},
	{2, (*randomCaller).leak},
}

// randomHold is a connection that a randomCaller holds.
type randomHold struct {
	*pgxpool.Conn
	x               *randomPool
	earliest, since time.Time // the hold began between them
	gaveUp          bool      // an operation on it was canceled
}

// release releases the connection and counts what is known of the release. nil is ignored.
func (l *randomHold) release() {
	if l == nil {
		return
	}
	if l.Conn.Conn().IsClosed() {
		if l.gaveUp {
			l.x.canceled.Add(1)
		} else {
			l.x.broken.Add(1)
		}
	}
	if time.Since(l.since) >= randomLongHold {
		l.x.longAtLeast.Add(1)
	}
	l.Release()
	l.long()
}

// long counts a hold that has ended if it may have been a long one.
func (l *randomHold) long() {
	if time.Since(l.earliest) >= randomLongHold {
		l.x.longAtMost.Add(1)
	}
}
