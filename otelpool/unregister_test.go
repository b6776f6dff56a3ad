package otelpool_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

func TestUnregisterStopsRecording(t *testing.T) {
	t.Parallel()
	f := setup(t, 1, nil)
	f.exec(t, t.Context(), "SELECT 1")
	before := f.collect(t).count(operationKey("SELECT", ""))
	held := acquire(t, f.pool)
	unregister(t, f.inst)
	held.Release()
	f.exec(t, otelpool.WithOperation(t.Context(), "later"), "SELECT 1")
	m := f.collect(t)
	m.checkCounts(t, map[string]uint64{operationKey("SELECT", ""): before})
	if keys := m.keys("db.client.operation.duration{db.query.summary=later"); len(keys) > 0 {
		t.Errorf("recorded after Unregister: %v", keys)
	}
	if keys := gaugeKeys(m); len(keys) > 0 {
		t.Errorf("gauges after Unregister: %v", keys)
	}
	testutil.NoError(t, f.inst.Unregister())
	testutil.ErrorContains(t, f.inst.Register(f.pool), "unregistered")
}

// TestUnregisterMayBeRepeated unregisters, without Register, an instrumentation whose options are nil, and a nil one.
func TestUnregisterMayBeRepeated(t *testing.T) {
	t.Parallel()
	inst := instrument(t, parse(t, "host=localhost"), nil, otelpool.WithOperationName(nil), otelpool.WithMeterProvider(nil))
	for _, i := range []*otelpool.Instrumentation{nil, inst, inst} {
		testutil.NoError(t, i.Unregister())
	}
}

func TestUnregisterKeepsOtherPools(t *testing.T) {
	t.Parallel()
	tel := newTelemetry(t)
	var insts []*otelpool.Instrumentation
	for _, name := range []string{"a", "b", "b"} {
		_, inst := newInstrumented(t, parse(t, database(t)), otelpool.WithMeterProvider(tel.provider),
			otelpool.WithPoolName(name), otelpool.WithAttributes(attribute.String("name", name)))
		insts = append(insts, inst)
	}
	maxOf := func(name string) (n int64) {
		n, _ = tel.collect(t)["db.client.connection.max{name="+name+"}"].(int64)
		return n
	}
	one := maxOf("a")
	if one == 0 {
		t.Error("a pool may have 0 connections")
	}
	checkEqual(t, "maximum of two pools of one name", maxOf("b"), 2*one)
	for i, want := range []struct{ a, b int64 }{{0, 2 * one}, {0, one}, {0, 0}} {
		unregister(t, insts[i])
		checkEqual(t, fmt.Sprintf("maximum of a after Unregister %d", i), maxOf("a"), want.a)
		checkEqual(t, fmt.Sprintf("maximum of b after Unregister %d", i), maxOf("b"), want.b)
	}
}

func TestClosedPoolsLeaveNothing(t *testing.T) {
	// Not parallel: it looks at all goroutines of the process. Pools of earlier tests that pgx cannot close have some.
	goroutines := func() int {
		stacks := make([]byte, 16<<20)
		return strings.Count(string(stacks[:runtime.Stack(stacks, true)]), "pgxpool.(*Pool)")
	}
	before := goroutines()
	tel := newTelemetry(t)
	for i := range 20 {
		pool, inst := newInstrumented(t, parse(t, database(t)),
			otelpool.WithMeterProvider(tel.provider), otelpool.WithPoolName(fmt.Sprint("pool", i)))
		execute(t, pool, t.Context(), "SELECT 1")
		if i == 0 && len(gaugeKeys(tel.collect(t))) == 0 {
			t.Fatal("no gauges while the pool is open")
		}
		pool.Close()
		unregister(t, inst)
	}
	if keys := gaugeKeys(tel.collect(t)); len(keys) > 0 {
		t.Errorf("gauges are left: %v", keys)
	}
	testutil.Eventually(t, "no goroutine of a pool is left", func() bool { return goroutines() <= before })
}

// TestUnregisterDuringRegisterLeavesNothing calls both at the same time, two hundred times.
func TestUnregisterDuringRegisterLeavesNothing(t *testing.T) {
	t.Parallel()
	tel := newTelemetry(t)
	for range 200 {
		config := parse(t, "host=localhost")
		inst := instrument(t, config, otelpool.WithMeterProvider(tel.provider))
		pool := newPool(t, config)
		registered := make(chan error, 1)
		go func() { registered <- inst.Register(pool) }()
		unregister(t, inst)
		if err := <-registered; err != nil && !strings.Contains(err.Error(), "unregistered") {
			t.Error(err)
		}
		if left := tel.collect(t).keys("pgxpool.size"); len(left) > 0 {
			t.Fatalf("gauges are left: %v", left)
		}
		pool.Close()
	}
}

// TestHeldInCallbackDoesNotDeadlock has a callback of the program call Held, during a collection for which Register or
// Unregister waits.
func TestHeldInCallbackDoesNotDeadlock(t *testing.T) {
	t.Parallel()
	for _, what := range []string{"Register", "Unregister"} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			tel := newTelemetry(t)
			config := parse(t, "host=localhost")
			inst := instrument(t, config, otelpool.WithMeterProvider(tel.provider))
			pool := newPool(t, config)
			call := func() error { return inst.Register(pool) }
			if what == "Unregister" {
				register(t, inst, pool)
				call = inst.Unregister
			}
			inCallback, goOn := make(chan struct{}), make(chan struct{})
			foreignCallback(t, tel, inCallback, goOn, func() { inst.Held() })
			collected := aside(func() { tel.collect(t) })
			<-inCallback
			called := aside(func() { testutil.Check(t, call()) })
			wait(50 * time.Millisecond) // most likely the call waits by then
			close(goOn)
			awaitEnd(t, collected)
			awaitEnd(t, called)
		})
	}
}

func awaitEnd(t *testing.T, ended <-chan struct{}) {
	t.Helper()
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		t.Fatal("deadlock")
	}
}

// foreignCallback registers a callback of another library. The first call waits until leave is closed, and calls then.
func foreignCallback(t *testing.T, tel telemetry, entered, leave chan struct{}, then func()) {
	t.Helper()
	meter := tel.provider.Meter("other")
	gauge, err := meter.Int64ObservableGauge("other")
	testutil.NoError(t, err)
	first := true
	_, err = meter.RegisterCallback(func(context.Context, metric.Observer) error {
		if first {
			first = false
			close(entered)
			<-leave
			then()
		}
		return nil
	}, gauge)
	testutil.NoError(t, err)
}

// TestCallbackMayUnregisterOtherProvider has a callback of one MeterProvider unregister a pool of another, while pools of
// both come and go.
func TestCallbackMayUnregisterOtherProvider(t *testing.T) {
	t.Parallel()
	p, q := newTelemetry(t), newTelemetry(t)
	register := func(tel telemetry, name string) *otelpool.Instrumentation {
		_, inst := newInstrumented(t, parse(t, "host=localhost"), otelpool.WithMeterProvider(tel.provider), otelpool.WithPoolName(name))
		return inst
	}
	first, second := register(q, "first"), register(q, "second")
	entered, leave := make(chan struct{}), make(chan struct{})
	foreignCallback(t, p, entered, leave, func() { _ = first.Unregister() })
	collecting := aside(func() { p.collect(t) })
	<-entered
	third, err := pgxpool.New(t.Context(), "host=localhost")
	testutil.NoError(t, err)
	defer third.Close()
	waiting := aside(func() { // for the collection
		inst, err := otelpool.Register(third, otelpool.WithMeterProvider(p.provider))
		testutil.Check(t, errors.Join(err, inst.Unregister()))
	})
	unregister(t, second) // does not wait: the collection is of the other MeterProvider
	close(leave)
	awaitEnd(t, collecting)
	awaitEnd(t, waiting)
}

func TestPoolsComeAndGoConcurrentSafe(t *testing.T) {
	t.Parallel()
	readers := [2]*sdkmetric.ManualReader{sdkmetric.NewManualReader(), sdkmetric.NewManualReader()}
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(readers[0]), sdkmetric.WithReader(readers[1]))
	first, second := telemetry{readers[0], provider}, telemetry{readers[1], provider}
	shared := []attribute.KeyValue{attribute.String("zone", "z"), attribute.String("app", "a")}
	comeAndGo := func() {
		var pools sync.WaitGroup
		for i := range 6 {
			pools.Go(func() {
				for j := range 5 {
					pool, inst, err := otelpool.New(context.Background(), database(t), otelpool.WithMeterProvider(provider),
						otelpool.WithPoolName(fmt.Sprint(i*j%4)), otelpool.WithAttributes(shared...), otelpool.WithAttributes(shared...))
					if err != nil {
						t.Error(err)
						return
					}
					load(pool, 4, 3)
					pool.Close()
					unregister(t, inst)
				}
			})
		}
		pools.Wait()
	}
	testutil.During(func() { testutil.During(comeAndGo, func() { first.collect(t) }) }, func() { second.collect(t) })
	if keys := gaugeKeys(first.collect(t)); len(keys) > 0 {
		t.Errorf("gauges are left: %v", keys)
	}
}
