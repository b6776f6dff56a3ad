package otelpool_test

import (
	"context"
	"fmt"
	"log/slog"
	"math"
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

	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/otelpool"
)

const (
	// seedEnv is the environment variable with the seed of a run that is to be repeated, as far as the scheduler does.
	seedEnv = "OTELPOOL_TEST_SEED"

	randomSteps    = 36_000
	randomRounds   = 4
	randomCallers  = 12
	randomConns    = 8
	leakyConns     = 4
	randomLongHold = 50 * time.Millisecond
)

// TestRandomUseIsCountedExactly has callers use two pools at random, in rounds. One pool loses slots (docs/pgx-facts.md,
// row 2). A copy of the other's configuration is used for a third pool, whose events do not belong to it, and after each round
// the other is replaced by a new pool with its name. Readers of both temporalities collect all the time. Between rounds all
// counters must equal what the callers did.
func TestRandomUseIsCountedExactly(t *testing.T) {
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
			t.Logf("to repeat this run set %s=%d", seedEnv, seed)
		}
	})
	steps := randomSteps
	if testing.Short() {
		steps /= 2
	}
	main, leaky := newRandomPool(t, randomConns), newRandomPool(t, leakyConns)
	callers := make([]*randomCaller, randomCallers)
	for i := range callers {
		callers[i] = &randomCaller{t: t, main: main, leaky: leaky, rand: rand.New(rand.NewPCG(seed, uint64(i)))}
	}
	for round := range randomRounds {
		stop := make(chan struct{})
		var readers sync.WaitGroup
		readers.Go(func() { main.watch(t, stop) })
		readers.Go(func() { main.watchDeltas(t, stop) })
		readers.Go(func() { leaky.watch(t, stop) })
		before, leakyBefore := main.begin(t), leaky.begin(t)
		var wg sync.WaitGroup
		for _, w := range callers {
			wg.Go(func() { w.run(steps / randomRounds / randomCallers) })
		}
		wg.Wait()
		ok := t.Run(fmt.Sprint("round ", round), func(t *testing.T) {
			// Not parallel: they would wait until other tests have ended.
			t.Run("main pool", func(t *testing.T) { main.check(t, before) })
			t.Run("leaky pool", func(t *testing.T) { leaky.check(t, leakyBefore) })
		})
		close(stop)
		readers.Wait()
		if !ok {
			break
		}
		main.checkDeltas(t)
		main.replace(t)
	}
	for _, w := range callers {
		w.closeHijacked()
	}
}

// randomPool is a pool with the numbers of what the callers did to it.
type randomPool struct {
	fixture
	*twoReaders                 // whose deltas are those of all counters
	config      *pgxpool.Config // before Instrument
	foreign     *pgxpool.Pool   // made of a copy of the instrumented configuration
	opened      int64           // dials of the pools before
	mu          sync.Mutex      // guards deltas

	results                 [4]atomic.Int64 // acquires by result, as in resultNames
	acquiring, traced       atomic.Int64    // nanoseconds spent in Acquire, and between its first and last tracers
	inTransaction, busy     atomic.Int64    // connections released so
	broken, canceled        atomic.Int64
	hijacked, leaked        atomic.Int64
	longAtLeast, longAtMost atomic.Int64
	nestedAtMost            atomic.Int64
}

// watchDeltas collects by the second reader until stop is closed.
func (x *randomPool) watchDeltas(t *testing.T, stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		case <-time.After(10 * time.Millisecond):
			x.collectDeltas(t)
		}
	}
}

func (x *randomPool) collectDeltas(t *testing.T) {
	x.mu.Lock()
	defer x.mu.Unlock()
	_, counters := (telemetry{x.delta, x.telemetry.provider}).collectCounters(t)
	for key, n := range counters {
		if n < 0 {
			t.Errorf("counter %s grew by %v", key, n)
		}
		x.deltas[key] += n
	}
}

// checkDeltas compares the sums of deltas with the cumulative values. The pool is at rest.
func (x *randomPool) checkDeltas(t *testing.T) {
	t.Helper()
	x.collectDeltas(t)
	_, counters := x.collectCounters(t)
	x.mu.Lock()
	defer x.mu.Unlock()
	for key, want := range counters {
		if got := x.deltas[key]; math.Abs(got-want) > 1e-6*want {
			t.Errorf("the deltas of %s add up to %v, the cumulative value is %v", key, got, want)
		}
	}
}

// watch collects by the first reader until stop is closed.
func (x *randomPool) watch(t *testing.T, stop <-chan struct{}) {
	began := time.Now()
	last := map[string]float64{}
	for {
		select {
		case <-stop:
			return
		case <-time.After(10 * time.Millisecond):
		}
		m, counters := x.collectCounters(t)
		for key, n := range last {
			if now, ok := counters[key]; !ok || now < n {
				t.Errorf("counter %s went from %v to %v", key, n, now)
			}
		}
		last = counters
		x.checkGauges(t, m, time.Since(began))
	}
}

// checkGauges checks what must hold at any moment.
func (x *randomPool) checkGauges(t *testing.T, m metrics, age time.Duration) {
	checkIdentities(t, m)
	v := func(key string) int64 { n, _ := m[key].(int64); return n }
	if peak := v("pgxpool.peak"); v(used) > peak || peak > randomConns {
		t.Errorf("used %d, peak %d of %d connections", v(used), peak, randomConns)
	}
	if got := v(pendingRequests); got > randomCallers {
		t.Errorf("pending %d of %d callers", got, randomCallers)
	}
	// The slot of a hijacked connection counts until the hijack shows.
	if got := v("pgxpool.pending.peak"); got > randomCallers+x.hijacked.Load() {
		t.Errorf("peak of pending %d of %d callers", got, randomCallers)
	}
	for _, key := range []string{"pgxpool.oldest_wait", "pgxpool.oldest_hold"} {
		if got, _ := m[key].(float64); got > age.Seconds()+1 {
			t.Errorf("%s is %v s after %v", key, got, age)
		}
	}
	held := x.inst.Held()
	if certain := slices.DeleteFunc(slices.Clone(held), func(h otelpool.Hold) bool { return h.MaybeHijacked }); len(certain) > randomConns {
		t.Errorf("%d held of %d connections", len(certain), randomConns)
	}
	for _, h := range held {
		if h.Age < 0 || h.Since.IsZero() || !slices.Contains(unitNames, h.Operation) {
			t.Errorf("held for %v, since %v, by %q", h.Age, h.Since, h.Operation)
		}
	}
}

// begin sets the numbers of a round to 0 and returns the metrics before it.
func (x *randomPool) begin(t *testing.T) metrics {
	t.Helper()
	for i := range x.results {
		x.results[i].Store(0)
	}
	for _, n := range []*atomic.Int64{&x.acquiring, &x.traced, &x.inTransaction, &x.busy, &x.broken, &x.canceled, &x.longAtLeast, &x.longAtMost, &x.nestedAtMost} {
		n.Store(0)
	}
	return x.collect(t)
}

// check compares the metrics of a round with what the callers did. All connections are released.
func (x *randomPool) check(t *testing.T, before metrics) {
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
			after.value(t, "pgxpool.connections.opened")-closed == int64(stat.TotalConns())
	}
	for deadline := time.Now().Add(time.Minute); !balanced() && time.Now().Before(deadline); {
		wait(time.Millisecond)
	}
	if stat := x.pool.Stat(); !balanced() {
		t.Errorf("%d acquired, %d being dialed, %d in all; %d opened, %d hijacked, closed: %v", stat.AcquiredConns(), stat.ConstructingConns(),
			stat.TotalConns(), after.value(t, "pgxpool.connections.opened"), x.hijacked.Load(), closings(after))
	}
	checkEqual(t, "connections opened", after.value(t, "pgxpool.connections.opened"), x.opened+x.pool.Stat().NewConnsCount())
	checkEqual(t, "connections being closed", after.value(t, "pgxpool.closing"), 0)
	x.checkCounts(t, before, after)
	x.checkTimes(t, before, after)
	atRest(t, x.fixture, leaked)
	stillCounts(t, x.fixture, int64(x.pool.Stat().MaxConns())-leaked, leaked)
}

// checkCounts compares counters and numbers of samples.
func (x *randomPool) checkCounts(t *testing.T, before, after metrics) {
	t.Helper()
	grew := func(key string) int64 { return after.value(t, key) - before.value(t, key) }
	for i, name := range resultNames {
		checkEqual(t, "acquires with result "+name, grew("pgxpool.acquires{result="+name+"}"), x.results[i].Load())
	}
	checkEqual(t, "timeouts", grew("db.client.connection.timeouts"), x.results[asTimeout].Load())
	checkEqual(t, "samples of wait_time", int64(after.count(waitTime)), after.value(t, "pgxpool.acquires{result=ok}"))
	uses, _ := after.holds()
	checkEqual(t, "samples of use_time", int64(uses), after.value(t, "pgxpool.acquires{result=ok}")-x.hijacked.Load())
	for reason, want := range map[string]int64{"in_transaction": x.inTransaction.Load(), "busy": x.busy.Load(), "broken": x.broken.Load()} {
		checkEqual(t, "closed, "+reason, grew("pgxpool.connections.closed{reason="+reason+"}"), want)
	}
	// A caller may also have given up while its connection was pinged.
	least, most := x.canceled.Load(), x.canceled.Load()+x.results[asTimeout].Load()+x.results[asCanceled].Load()
	if got := grew("pgxpool.connections.closed{reason=canceled}"); got < least || got > most {
		t.Errorf("closed, canceled: %d, want %d to %d", got, least, most)
	}
	checkEqual(t, "closed, hijacked", after.value(t, "pgxpool.connections.closed{reason=hijacked}"), x.hijacked.Load())
	// It takes a while to find out which connections are hijacked, so each may count as a hold once.
	if got, least, most := grew("pgxpool.long_holds"), x.longAtLeast.Load(), x.longAtMost.Load()+x.hijacked.Load(); got < least || got > most {
		t.Errorf("%d long holds, want %d to %d", got, least, most)
	}
	if got, most := grew("pgxpool.nested_acquires"), x.nestedAtMost.Load(); got > most || most > 0 && got == 0 {
		t.Errorf("%d nested acquires, want 1 to %d, or 0 of 0", got, most)
	}
}

// checkTimes compares the sum of the phases with the time of all acquires, and with that of the successful ones.
func (x *randomPool) checkTimes(t *testing.T, before, after metrics) {
	t.Helper()
	var phases float64
	for _, name := range phaseNames {
		phases += after.phase(t, name) - before.phase(t, name)
	}
	waits := after.sum(waitTime) - before.sum(waitTime)
	all, least := time.Duration(x.acquiring.Load()).Seconds(), time.Duration(x.traced.Load()).Seconds()
	if phases < waits*0.999999 {
		t.Errorf("the phases add up to %v s, the successful acquires took %v s", phases, waits)
	}
	if phases > all*1.000001 {
		t.Errorf("the phases add up to %v s, all acquires took %v s", phases, all)
	}
	if least == 0 || phases < least*0.999999 {
		t.Errorf("the phases add up to %v s, by tracers the acquires took %v s", phases, least)
	}
}

var resultNames = [4]string{"ok", "timeout", "canceled", "error"}

const (
	asOK = iota
	asTimeout
	asCanceled
	asError
)

// attempt is an acquire. Its context leads to it.
type attempt struct {
	prepare  func() (bool, error) // called by PrepareConn; nil accepts the connection
	prepared time.Time            // of the last call of PrepareConn
	begun    time.Time            // when the last tracer saw it start; zero after the first tracer saw it end
}

type attemptKey struct{}

// acquireTimer is a tracer that adds up the time of acquires. A pool has it as its first tracer and as its last. The sum
// is from the last start event to the first end event, so a tracer between them must measure at least as much.
type acquireTimer struct {
	noQueries
	sum *atomic.Int64
}

func (acquireTimer) TraceAcquireStart(ctx context.Context, _ *pgxpool.Pool, _ pgxpool.TraceAcquireStartData) context.Context {
	if a, ok := ctx.Value(attemptKey{}).(*attempt); ok {
		a.begun = time.Now()
	}
	return ctx
}

func (w acquireTimer) TraceAcquireEnd(ctx context.Context, _ *pgxpool.Pool, _ pgxpool.TraceAcquireEndData) {
	if a, ok := ctx.Value(attemptKey{}).(*attempt); ok && !a.begun.IsZero() {
		w.sum.Add(int64(time.Since(a.begun)))
		a.begun = time.Time{}
	}
}

func newRandomPool(t *testing.T, conns int32) *randomPool {
	t.Helper()
	x := &randomPool{twoReaders: newTwoReaders()}
	x.telemetry = telemetry{x.cumulative, x.twoReaders.provider}
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
	x.config = config
	x.start(t)
	t.Cleanup(func() {
		x.foreign.Close()
		if x.leaked.Load() > 0 {
			go x.pool.Close() // never returns
		} else {
			postgrestest.ClosePool(t, x.pool)
		}
		unregister(t, x.inst)
	})
	return x
}

// start creates the pool.
func (x *randomPool) start(t *testing.T) {
	t.Helper()
	config := x.config.Copy()
	x.inst = instrument(t, config, otelpool.WithMeterProvider(x.telemetry.provider), otelpool.WithPoolName("test"),
		otelpool.WithPeakWindow(time.Second), otelpool.WithLongHold(randomLongHold), otelpool.WithLogger(slog.New(slog.DiscardHandler)))
	var err error
	config.ConnConfig.Tracer = multitracer.New(acquireTimer{sum: &x.traced}, config.ConnConfig.Tracer, acquireTimer{sum: &x.traced})
	if x.pool, err = pgxpool.NewWithConfig(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	register(t, x.inst, x.pool)
	if x.foreign, err = pgxpool.NewWithConfig(t.Context(), config.Copy()); err != nil {
		t.Fatal(err)
	}
}

// replace closes the pool and creates another one with its name.
func (x *randomPool) replace(t *testing.T) {
	t.Helper()
	x.opened += x.pool.Stat().NewConnsCount()
	x.foreign.Close()
	postgrestest.ClosePool(t, x.pool)
	unregister(t, x.inst)
	x.start(t)
}

var operationNames = []string{"get_user", "list_orders", "pay", "nightly"}

// unitNames are the units of work of all holds: what an acquire is named, or what it runs first, if that is anything.
var unitNames = append([]string{"", "SELECT", "SELECT pg_sleep", "BATCH"}, operationNames...)
