package otelpool_test

import (
	"context"
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

// checkGauges checks what must hold at any moment.
func (x *mix) checkGauges(t *testing.T, m metrics, age time.Duration) {
	v := func(key string) int64 { n, _ := m[key].(int64); return n }
	if v(used) > v("pgxpool.peak") || v("pgxpool.peak") > v("db.client.connection.max") || v("db.client.connection.max") == 0 {
		t.Errorf("used %d, peak %d, max %d", v(used), v("pgxpool.peak"), v("db.client.connection.max"))
	}
	// A place whose connection was hijacked may seem taken until that is found out.
	pending, peak, most := v(pendingRequests), v("pgxpool.pending.peak"), int64(propertyWorkers)
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
	if got, want := after.count(waitTime), after.value(t, "pgxpool.acquires{result=ok}"); got != uint64(want) {
		t.Errorf("%d waits, %d acquires ended well", got, want)
	}
	var uses int64
	for _, key := range after.keys(useTime) {
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
	waits := after.sum(waitTime) - before.sum(waitTime)
	all, least := time.Duration(x.acquiring.Load()).Seconds(), time.Duration(x.within.Load()).Seconds()
	if phases < waits*0.999999 || phases > all*1.000001 || phases < least*0.999999 || least == 0 {
		t.Errorf("phases make %v s, those that ended well took %v s, all seen from without %v s, from within %v s", phases, waits, all, least)
	}
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

var operationNames = []string{"get_user", "list_orders", "pay", "nightly"}
