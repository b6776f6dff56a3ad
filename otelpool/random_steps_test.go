package otelpool_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/otelpool"
)

// worker is a caller who does at random what callers do.
type worker struct {
	t           *testing.T
	main, leaky *mix
	rand        *rand.Rand
	hijacked    []*pgx.Conn
}

func (w *worker) run(n int) {
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

// acquire keeps the books of an acquire. It gives nil if that failed, which is as it may be.
func (w *worker) acquire(x *mix, ctx context.Context, prepare func() (bool, error)) *lease {
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
		return &lease{conn, x, a.prepared, time.Now()}
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

func (w *worker) acquireRelease() { w.acquire(w.main, context.Background(), nil).release() }

func (w *worker) query() {
	if l := w.acquire(w.main, context.Background(), nil); l != nil {
		w.exec(l, "SELECT 1")
		l.release()
	}
}

func (w *worker) exec(l *lease, sql string) {
	if _, err := l.Exec(context.Background(), sql); err != nil {
		w.t.Errorf("%s: %v", sql, err)
	}
}

// soon gives a time of the order of an acquire that waits a little.
func (w *worker) soon() time.Duration { return time.Duration(w.rand.IntN(300)) * time.Microsecond }

func (w *worker) deadline() {
	ctx, cancel := context.WithTimeout(context.Background(), w.soon())
	defer cancel()
	w.acquire(w.main, ctx, nil).release()
}

func (w *worker) cancelBefore() {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	w.acquire(w.main, ctx, nil).release()
}

func (w *worker) cancelDuring() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	defer time.AfterFunc(w.soon(), cancel).Stop()
	w.acquire(w.main, ctx, nil).release()
}

// nested takes a second connection, but does not wait for it for ever.
func (w *worker) nested() {
	ctx := otelpool.WithScope(context.Background())
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

func (w *worker) prepareFails() {
	w.acquire(w.main, context.Background(), func() (bool, error) { return true, errNotToday }).release()
}

// prepareRefuses refuses a connection or two, and then may fail.
func (w *worker) prepareRefuses() {
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

func (w *worker) allIdle() {
	for _, conn := range w.main.pool.AcquireAllIdle(context.Background()) {
		conn.Release()
	}
}

func (w *worker) transaction() {
	l := w.acquire(w.main, context.Background(), nil)
	if l == nil {
		return
	}
	defer l.release()
	tx, err := l.Begin(context.Background())
	if err != nil {
		w.t.Error(err)
		return
	}
	end := tx.Commit
	if w.rand.IntN(2) == 0 {
		end = tx.Rollback
	}
	if err := end(context.Background()); err != nil {
		w.t.Error(err)
	}
}

// batches sends a batch that fails early, or an empty one.
func (w *worker) batches() {
	l := w.acquire(w.main, context.Background(), nil)
	if l == nil {
		return
	}
	defer l.release()
	b := new(pgx.Batch)
	if w.rand.IntN(2) == 0 {
		b.Queue("SELECT nonsense")
	}
	if err := l.SendBatch(context.Background(), b).Close(); (err != nil) != (b.Len() > 0) {
		w.t.Errorf("batch of %d: %v", b.Len(), err)
	}
}

// hijack takes a connection out of the pool and goes on using it.
func (w *worker) hijack() { w.hijackFrom(w.main) }

func (w *worker) hijackFrom(x *mix) {
	l := w.acquire(x, context.Background(), nil)
	if l == nil {
		return
	}
	conn := l.Hijack()
	x.hijacked.Add(1)
	l.long()
	if _, err := conn.Exec(context.Background(), "SELECT 1"); err != nil {
		w.t.Error(err)
	}
	w.hijacked = append(w.hijacked, conn)
	if len(w.hijacked) > 2 {
		w.closeHijacked()
	}
}

func (w *worker) closeHijacked() {
	for _, conn := range w.hijacked {
		if err := conn.Close(context.Background()); err != nil {
			w.t.Error(err)
		}
	}
	w.hijacked = nil
}

func (w *worker) forgetCommit() {
	if l := w.acquire(w.main, context.Background(), nil); l != nil {
		w.exec(l, "BEGIN")
		w.main.inTransaction.Add(1)
		l.release()
	}
}

func (w *worker) forgetRows() {
	if l := w.acquire(w.main, context.Background(), nil); l != nil {
		if _, err := l.Query(context.Background(), "SELECT 1"); err != nil {
			w.t.Error(err)
		}
		w.main.busy.Add(1)
		l.release()
	}
}

// breakConn has the connection closed before it is released: by its owner, or by a query that is canceled.
func (w *worker) breakConn() {
	l := w.acquire(w.main, context.Background(), nil)
	if l == nil {
		return
	}
	defer l.release()
	if w.rand.IntN(2) == 0 {
		_ = l.Conn.Conn().Close(context.Background())
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	if _, err := l.Exec(ctx, "SELECT pg_sleep(10)"); err == nil { // pgx asks the server to end it
		w.t.Error("slept")
	}
}

func (w *worker) holdLong() {
	if l := w.acquire(w.main, context.Background(), nil); l != nil {
		wait(longEnough + time.Millisecond)
		l.release()
	}
}

func (w *worker) reset() { w.main.pool.Reset() }

func (w *worker) leakyRelease() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	w.acquire(w.leaky, ctx, nil).release()
}

func (w *worker) leakyHijack() { w.hijackFrom(w.leaky) }

// leak has PrepareConn panic, after which pgx never gives the place back. At least one is left.
func (w *worker) leak() {
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

// steps are what it does, and how often in ten thousand times. What costs a dial is rare.
var steps = []struct {
	weight int
	do     func(*worker)
}{
	{5600, (*worker).acquireRelease},
	{900, (*worker).query},
	{500, (*worker).deadline},
	{400, (*worker).cancelBefore},
	{400, (*worker).cancelDuring},
	{500, (*worker).nested},
	{200, (*worker).prepareFails},
	{150, (*worker).allIdle},
	{100, (*worker).transaction},
	{80, (*worker).batches},
	{60, (*worker).closeHijacked},
	{15, (*worker).hijack},
	{12, (*worker).forgetCommit},
	{12, (*worker).forgetRows},
	{10, (*worker).breakConn},
	{12, (*worker).prepareRefuses},
	{15, (*worker).holdLong},
	{3, (*worker).reset},
	{300, (*worker).leakyRelease},
	{10, (*worker).leakyHijack},
	{2, (*worker).leak},
}

// lease is a connection that a worker has.
type lease struct {
	*pgxpool.Conn
	x               *mix
	earliest, since time.Time // the hold began between them
}

// release keeps the books of a release. Nil is ignored.
func (l *lease) release() {
	if l == nil {
		return
	}
	if l.Conn.Conn().IsClosed() {
		l.x.broken.Add(1)
	}
	if time.Since(l.since) >= longEnough {
		l.x.longAtLeast.Add(1)
	}
	l.Release()
	l.long()
}

// long counts a hold that is over if it may have been a long one.
func (l *lease) long() {
	if time.Since(l.earliest) >= longEnough {
		l.x.longAtMost.Add(1)
	}
}
