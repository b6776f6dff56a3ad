package otelpool_test

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/multitracer"
	"github.com/jackc/pgx/v5/pgxpool"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelpool/otelpool-go/otelpool"
)

const (
	// seedEnv is the environment variable that repeats a run of the property test, as far as the scheduler lets it.
	seedEnv = "OTELPOOL_TEST_SEED"

	propertySteps   = 108_000
	propertyRounds  = 4
	propertyWorkers = 12
	propertyConns   = 8
	leakyConns      = 4
	longEnough      = 50 * time.Millisecond
)

func TestARandomMixOfAllOdditiesLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	if text := os.Getenv(seedEnv); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("%s: %v", seedEnv, err)
		}
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the seed was %d: set %s to it", seed, seedEnv)
		}
	})
	main, leaky := newMix(t, propertyConns), newMix(t, leakyConns)
	workers := make([]*worker, propertyWorkers)
	for i := range workers {
		workers[i] = &worker{t: t, main: main, leaky: leaky, rand: rand.New(rand.NewPCG(seed, uint64(i)))}
	}
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for i := range 2 {
		readers.Go(func() { main.watch(t, i, stop) })
	}
	readers.Go(func() { leaky.watch(t, 0, stop) })
	for range propertyRounds {
		before, leakyBefore := main.begin(t), leaky.begin(t)
		var wg sync.WaitGroup
		for _, w := range workers {
			wg.Go(func() { w.run(propertySteps / propertyRounds / propertyWorkers) })
		}
		wg.Wait()
		main.check(t, before)
		leaky.check(t, leakyBefore)
	}
	close(stop)
	readers.Wait()
	for _, w := range workers {
		w.closeHijacked()
	}
}

// mix is a pool with what the test knows to have done to it.
type mix struct {
	fixture
	readers [2]*sdkmetric.ManualReader

	results                     [4]atomic.Int64 // acquires by result, as in resultNames
	acquiring, within           atomic.Int64    // nanoseconds spent in Acquire, seen from without and from within
	inTransaction, busy, broken atomic.Int64
	hijacked, leaked            atomic.Int64
	longAtLeast, longAtMost     atomic.Int64
	nestedAtMost                atomic.Int64
}

var resultNames = [4]string{"ok", "timeout", "canceled", "error"}

const (
	asOK = iota
	asTimeout
	asCanceled
	asError
)

// attempt is an acquire, known to the hooks by its context.
type attempt struct {
	prepare  func() (bool, error) // nil if PrepareConn has no objection
	prepared time.Time            // when PrepareConn was called last
	begun    time.Time            // when all tracers knew of it, until the first knows of its end
}

type attemptKey struct{}

// within adds up what acquires take. It is the first and the last of a pool's tracers, so that any between them sees no
// less of an acquire.
type within struct{ sum *atomic.Int64 }

func (within) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return ctx
}
func (within) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func (within) TraceAcquireStart(ctx context.Context, _ *pgxpool.Pool, _ pgxpool.TraceAcquireStartData) context.Context {
	if a, ok := ctx.Value(attemptKey{}).(*attempt); ok {
		a.begun = time.Now()
	}
	return ctx
}

func (w within) TraceAcquireEnd(ctx context.Context, _ *pgxpool.Pool, _ pgxpool.TraceAcquireEndData) {
	if a, ok := ctx.Value(attemptKey{}).(*attempt); ok && !a.begun.IsZero() {
		w.sum.Add(int64(time.Since(a.begun)))
		a.begun = time.Time{}
	}
}

func newMix(t *testing.T, conns int32) *mix {
	t.Helper()
	x := &mix{readers: [2]*sdkmetric.ManualReader{sdkmetric.NewManualReader(), sdkmetric.NewManualReader()}}
	x.telemetry = telemetry{x.readers[0], sdkmetric.NewMeterProvider(sdkmetric.WithReader(x.readers[0]), sdkmetric.WithReader(x.readers[1]))}
	config := parse(t, database(t))
	config.MaxConns = conns
	config.PrepareConn = func(ctx context.Context, _ *pgx.Conn) (bool, error) {
		a, ok := ctx.Value(attemptKey{}).(*attempt)
		if !ok {
			return true, nil
		}
		a.prepared = time.Now()
		if a.prepare == nil {
			return true, nil
		}
		return a.prepare()
	}
	var err error
	x.inst, err = otelpool.Instrument(config, otelpool.WithMeterProvider(x.provider), otelpool.WithPoolName("test"),
		otelpool.WithPeakWindow(time.Second), otelpool.WithLongHold(longEnough), otelpool.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		t.Fatal(err)
	}
	config.ConnConfig.Tracer = multitracer.New(within{&x.within}, config.ConnConfig.Tracer, within{&x.within})
	if x.pool, err = pgxpool.NewWithConfig(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	if err := x.inst.Register(x.pool); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if x.leaked.Load() > 0 {
			go x.pool.Close() // it would wait for ever
		} else {
			closePool(t, x.pool)
		}
		if err := x.inst.Unregister(); err != nil {
			t.Error(err)
		}
	})
	return x
}

// watch collects by one of the readers until it is told to stop.
func (x *mix) watch(t *testing.T, reader int, stop <-chan struct{}) {
	tel := telemetry{x.readers[reader], x.provider}
	began := time.Now()
	last := map[string]float64{}
	for {
		select {
		case <-stop:
			return
		case <-time.After(10 * time.Millisecond):
		}
		m, counters := tel.collectCounters(t)
		for key, n := range last {
			if now, ok := counters[key]; !ok || now < n {
				t.Errorf("counter %s went from %v to %v", key, n, now)
			}
		}
		last = counters
		x.checkGauges(t, m, time.Since(began))
	}
}

// collectCounters collects, and tells what may never fall.
func (tel telemetry) collectCounters(t testing.TB) (metrics, map[string]float64) {
	var rm metricdata.ResourceMetrics
	if err := tel.reader.Collect(context.Background(), &rm); err != nil {
		t.Error(err)
	}
	all, counters := metrics{}, map[string]float64{}
	for _, scope := range rm.ScopeMetrics {
		if scope.Scope.Name != otelpool.ScopeName {
			continue
		}
		for _, m := range scope.Metrics {
			all.add(t, m)
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					if data.IsMonotonic {
						counters[seriesKey(m.Name, p.Attributes)] = float64(p.Value)
					}
				}
			case metricdata.Sum[float64]:
				for _, p := range data.DataPoints {
					if data.IsMonotonic {
						counters[seriesKey(m.Name, p.Attributes)] = p.Value
					}
				}
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					counters[seriesKey(m.Name, p.Attributes)+" sum"] = p.Sum
					counters[seriesKey(m.Name, p.Attributes)+" count"] = float64(p.Count)
				}
			}
		}
	}
	return all, counters
}

// checkGauges checks what must hold at any moment.
func (x *mix) checkGauges(t *testing.T, m metrics, age time.Duration) {
	v := func(key string) int64 { n, _ := m[key].(int64); return n }
	if v(used) > v("pgxpool.peak") || v("pgxpool.peak") > v("db.client.connection.max") || v("db.client.connection.max") == 0 {
		t.Errorf("used %d, peak %d, max %d", v(used), v("pgxpool.peak"), v("db.client.connection.max"))
	}
	// A place whose connection was hijacked may seem taken until that is found out.
	pending, peak, most := v("db.client.connection.pending_requests"), v("pgxpool.pending.peak"), int64(propertyWorkers)
	if pending > most || peak > most+x.hijacked.Load() {
		t.Errorf("pending %d, peak %d, of %d callers", pending, peak, most)
	}
	for key, value := range m {
		switch n := value.(type) {
		case int64:
			if n < 0 {
				t.Errorf("%s is %d", key, n)
			}
		case float64:
			if n < 0 {
				t.Errorf("%s is %v", key, n)
			}
		}
	}
	for _, key := range []string{"pgxpool.oldest_wait", "pgxpool.oldest_hold"} {
		if got, _ := m[key].(float64); got > age.Seconds()+1 {
			t.Errorf("%s is %v s after %v", key, got, age)
		}
	}
	held := x.inst.Held()
	if len(held) > int(v("db.client.connection.max")) {
		t.Errorf("%d held, of %d connections", len(held), v("db.client.connection.max"))
	}
	for _, h := range held {
		if h.Age < 0 || h.Since.IsZero() || h.Operation != "" && !slices.Contains(operationNames, h.Operation) {
			t.Errorf("held by %q for %v since %v", h.Operation, h.Age, h.Since)
		}
	}
}

var operationNames = []string{"get_user", "list_orders", "pay", "nightly"}

// begin gives what the counters say before a round.
func (x *mix) begin(t *testing.T) metrics {
	t.Helper()
	for i := range x.results {
		x.results[i].Store(0)
	}
	for _, n := range []*atomic.Int64{&x.acquiring, &x.within, &x.inTransaction, &x.busy, &x.broken, &x.longAtLeast, &x.longAtMost, &x.nestedAtMost} {
		n.Store(0)
	}
	return x.collect(t)
}

// check compares what was measured of a round with what the test did. Nothing is in use any more.
func (x *mix) check(t *testing.T, before metrics) {
	t.Helper()
	leaked := x.leaked.Load()
	var after metrics
	balanced := func() bool {
		after = x.collect(t)
		var closed int64
		for _, n := range closings(after) {
			closed += n
		}
		stat := x.pool.Stat()
		return int64(stat.AcquiredConns()) == leaked && stat.ConstructingConns() == 0 &&
			after.value(t, "pgxpool.connections.opened")-closed-x.hijacked.Load() == int64(stat.TotalConns())
	}
	for deadline := time.Now().Add(time.Minute); !balanced() && time.Now().Before(deadline); {
		wait(time.Millisecond)
	}
	if stat := x.pool.Stat(); !balanced() {
		t.Errorf("%d acquired and not given back, %d being dialed, %d in all; %d opened, %d hijacked, closed: %v", stat.AcquiredConns(), stat.ConstructingConns(),
			stat.TotalConns(), after.value(t, "pgxpool.connections.opened"), x.hijacked.Load(), closings(after))
	}
	if got, want := after.value(t, "pgxpool.connections.opened"), x.pool.Stat().NewConnsCount(); got != want {
		t.Errorf("%d opened, pgx says %d", got, want)
	}
	x.checkCounts(t, before, after)
	x.checkTimes(t, before, after)
	atRest(t, x.fixture, leaked)
	stillCounts(t, x.fixture, int64(x.pool.Stat().MaxConns())-leaked, leaked)
}

func (x *mix) checkCounts(t *testing.T, before, after metrics) {
	t.Helper()
	grew := func(key string) int64 { return after.value(t, key) - before.value(t, key) }
	for i, name := range resultNames {
		if got, want := grew("pgxpool.acquires{result="+name+"}"), x.results[i].Load(); got != want {
			t.Errorf("%d acquires ended with %s, want %d", got, name, want)
		}
	}
	if got, want := grew("db.client.connection.timeouts"), x.results[asTimeout].Load(); got != want {
		t.Errorf("%d timeouts, want %d", got, want)
	}
	if got, want := after.count("db.client.connection.wait_time"), after.value(t, "pgxpool.acquires{result=ok}"); got != uint64(want) {
		t.Errorf("%d waits, %d acquires ended well", got, want)
	}
	var uses int64
	for _, key := range after.keys("db.client.connection.use_time") {
		uses += int64(after.count(key))
	}
	if want := after.value(t, "pgxpool.acquires{result=ok}") - x.hijacked.Load(); uses != want {
		t.Errorf("%d uses, want %d", uses, want)
	}
	for reason, want := range map[string]int64{"in_transaction": x.inTransaction.Load(), "busy": x.busy.Load(), "broken": x.broken.Load()} {
		if got := grew("pgxpool.connections.closed{reason=" + reason + "}"); got != want {
			t.Errorf("%d closed for reason %s, want %d", got, reason, want)
		}
	}
	// Nobody says which connection was hijacked, so one that was may be taken for a hold once.
	if got, least, most := grew("pgxpool.long_holds"), x.longAtLeast.Load(), x.longAtMost.Load()+x.hijacked.Load(); got < least || got > most {
		t.Errorf("%d long holds, want %d to %d", got, least, most)
	}
	if got, most := grew("pgxpool.nested_acquires"), x.nestedAtMost.Load(); got > most || most > 0 && got == 0 {
		t.Errorf("%d nested acquires, want at most %d", got, most)
	}
}

// checkTimes compares the phases with the time that all acquires took, of which wait_time has those that ended well.
func (x *mix) checkTimes(t *testing.T, before, after metrics) {
	t.Helper()
	var phases float64
	for _, name := range []string{"queue", "connect", "ping", "prepare"} {
		key := "pgxpool.acquire.phase_time{phase=" + name + "}"
		phases += after.seconds(t, key) - before.seconds(t, key)
	}
	waits := after.sum("db.client.connection.wait_time") - before.sum("db.client.connection.wait_time")
	all, least := time.Duration(x.acquiring.Load()).Seconds(), time.Duration(x.within.Load()).Seconds()
	if phases < waits*0.999999 || phases > all*1.000001 || phases < least*0.999999 || least == 0 {
		t.Errorf("phases make %v s, those that ended well took %v s, all seen from without %v s, from within %v s", phases, waits, all, least)
	}
}

// worker is a caller who does at random what callers do.
type worker struct {
	t           *testing.T
	main, leaky *mix
	rand        *rand.Rand
	hijacked    []*pgx.Conn
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

// lease is a connection that a worker has.
type lease struct {
	*pgxpool.Conn
	x               *mix
	earliest, since time.Time // the hold began between them
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

func TestTwentyThousandAcquiresByTwoHundredCallersLeaveEveryGaugeWhereStatIs(t *testing.T) {
	t.Parallel()
	const callers, acquires, conns = 200, 100, 8
	f := setup(t, conns, nil, otelpool.WithPeakWindow(time.Second), otelpool.WithLongHold(time.Minute), otelpool.WithBaseSize(5))
	var wg, all sync.WaitGroup
	all.Add(conns) // as many callers hold one at the same time once, or it is chance whether all are ever in use
	for caller := range callers {
		wg.Go(func() {
			for i := range acquires {
				conn, err := f.pool.Acquire(context.Background())
				if caller < conns && i == 0 {
					all.Done()
					all.Wait()
				}
				if err != nil {
					t.Error(err)
					continue
				}
				if i%20 == 0 {
					if _, err := conn.Exec(context.Background(), "SELECT 1"); err != nil {
						t.Error(err)
					}
				}
				conn.Release()
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	var highest, highestPending int64 // of all peaks: on a busy machine the last window may have seen fewer
	for working := true; working; {
		select {
		case <-done:
			working = false
		case <-time.After(5 * time.Millisecond):
			m := f.collect(t)
			peak, pending := m.value(t, "pgxpool.peak"), m.value(t, "pgxpool.pending.peak")
			if peak > conns || pending > callers {
				t.Errorf("peak %d, pending peak %d", peak, pending)
			}
			highest, highestPending = max(highest, peak), max(highestPending, pending)
		}
	}
	if highest != conns {
		t.Errorf("the highest peak was %d of %d connections", highest, conns)
	}
	m, stat := f.collect(t), f.pool.Stat()
	for key, want := range map[string]int64{
		used:                                    int64(stat.AcquiredConns()),
		idle:                                    int64(stat.IdleConns()),
		"pgxpool.constructing":                  int64(stat.ConstructingConns()),
		"db.client.connection.max":              int64(stat.MaxConns()),
		"db.client.connection.pending_requests": 0,
		"db.client.connection.timeouts":         0,
		"pgxpool.acquires{result=ok}":           callers * acquires,
		"pgxpool.acquires{result=timeout}":      0,
		"pgxpool.acquires{result=canceled}":     0,
		"pgxpool.acquires{result=error}":        0,
		"pgxpool.long_holds":                    0,
		"pgxpool.nested_acquires":               0,
		"pgxpool.overflow":                      0,
		"pgxpool.connections.opened":            int64(stat.TotalConns()),
	} {
		if got := m.value(t, key); got != want {
			t.Errorf("%s is %d, want %d", key, got, want)
		}
	}
	if stat.AcquiredConns() != 0 || stat.ConstructingConns() != 0 {
		t.Errorf("the pool is not at rest: %d acquired, %d being dialed", stat.AcquiredConns(), stat.ConstructingConns())
	}
	for _, key := range []string{"db.client.connection.wait_time", "db.client.connection.use_time"} {
		if got := m.count(key); got != callers*acquires {
			t.Errorf("%s has %d samples, want %d", key, got, callers*acquires)
		}
	}
	if closed := closings(m); len(closed) > 0 {
		t.Errorf("closed: %v", closed)
	}
	if highestPending < 1 {
		t.Errorf("the highest pending peak was %d, though callers are many more than connections", highestPending)
	}
	atRest(t, f, 0)
	stillCounts(t, f, conns, 0)
}
