package rig

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/otelpool"
)

// Callers is the number of goroutines that use a pool concurrently.
const Callers = 64

// Load is a number of callers that use a pool repeatedly until they are stopped.
type Load struct {
	side    *Side
	work    []Work
	timeout time.Duration // of one caller's acquire and work
	pause   time.Duration
	stop    chan struct{}
	done    sync.WaitGroup

	phase atomic.Pointer[phase]

	mu        sync.Mutex
	latencies []time.Duration // of successful works in the phase
	count     atomic.Int64
}

// phase is a part of a load's time. It shows when the service works again.
type phase struct {
	began     time.Time
	seen      [Callers]atomic.Bool
	remaining atomic.Int64
	first     atomic.Int64 // nanoseconds since its start
	all       atomic.Int64
}

// Work is the work of a caller with a connection. It returns the error of the work.
type Work func(ctx context.Context, c *pgxpool.Conn, l *Counts) error

// Start starts a load whose callers do the kinds of work in turns, with a pause after each.
func Start(side *Side, timeout, pause time.Duration, work ...Work) *Load {
	l := &Load{side: side, work: work, timeout: timeout, pause: pause, stop: make(chan struct{})}
	l.Mark()
	for i := range Callers {
		l.done.Go(func() { l.call(i) })
	}
	return l
}

// Mark begins a new phase.
func (l *Load) Mark() {
	p := &phase{began: time.Now()}
	p.remaining.Store(Callers)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.latencies = nil
	l.phase.Store(p)
}

// Recovered reports whether every caller has had a success that began in this phase. If so, it returns when the first
// and the last caller had it.
func (l *Load) Recovered() (first, all time.Duration, ok bool) {
	p := l.phase.Load()
	all = time.Duration(p.all.Load())
	return time.Duration(p.first.Load()), all, all > 0
}

// Await waits until every caller has had a success in this phase.
func (l *Load) Await(t testing.TB) {
	t.Helper()
	Eventually(t, l.side.Name+": every caller succeeds", func() bool { _, _, ok := l.Recovered(); return ok })
}

// Stop stops the callers and waits for them.
func (l *Load) Stop() {
	close(l.stop)
	l.done.Wait()
}

// Done returns the number of successful works in all phases.
func (l *Load) Done() int64 { return l.count.Load() }

// Latencies returns the latencies of successful works in this phase.
func (l *Load) Latencies() []time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.latencies)
}

func (l *Load) call(caller int) {
	random := rand.New(rand.NewPCG(uint64(caller), 1))
	for turn := caller; ; turn++ {
		p, began := l.phase.Load(), time.Now()
		err := l.once(turn, l.work[turn%len(l.work)])
		pause := l.pause
		if err == nil {
			l.succeeded(p, caller, began)
		} else {
			pause = 10 * time.Millisecond // a refused caller waits before it tries again
		}
		select {
		case <-l.stop:
			return
		case <-time.After(pause/2 + time.Duration(random.Int64N(int64(pause)+1))):
		}
	}
}

func (l *Load) succeeded(p *phase, caller int, began time.Time) {
	l.count.Add(1)
	l.mu.Lock()
	if p == l.phase.Load() {
		l.latencies = append(l.latencies, time.Since(began))
	}
	l.mu.Unlock()
	if p.seen[caller].Swap(true) {
		return
	}
	since := int64(time.Since(p.began))
	p.first.CompareAndSwap(0, since)
	if p.remaining.Add(-1) == 0 {
		p.all.Store(since)
	}
}

// once acquires a connection and uses it. Every second caller names its hold; the others have a named scope.
func (l *Load) once(turn int, work Work) error {
	ctx, cancel := context.WithTimeout(context.Background(), l.timeout)
	defer cancel()
	holder := "scope"
	acquireCtx := otelpool.WithScope(ctx, holder)
	if turn%2 == 0 {
		holder = fmt.Sprintf("job_%d", turn%6)
		acquireCtx = otelpool.WithOperation(ctx, holder)
	}
	conn, err := l.side.Pool.Acquire(acquireCtx)
	l.side.Counts.countAcquire(acquireCtx, err)
	if err != nil {
		return err
	}
	defer func() {
		conn.Release()
		l.side.Counts.count(l.side.Counts.uses, holder)
	}()
	return work(ctx, conn, l.side.Counts)
}
