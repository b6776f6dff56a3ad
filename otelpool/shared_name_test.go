package otelpool_test

import (
	"fmt"
	"maps"
	"runtime"
	"slices"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelpool/otelpool-go/otelpool"
)

// TestLeavingPoolKeepsAllCounters makes each counter of two pools of one name grow, and has the pools leave, one after
// the other.
func TestLeavingPoolKeepsAllCounters(t *testing.T) {
	t.Parallel()
	const name = "shared"
	tel := newTelemetry(t)
	sharedPool(t, tel, "other") // keeps the MeterProvider in use when the last pool of the name leaves
	first, firstInst := sharedPool(t, tel, name)
	second, secondInst := sharedPool(t, tel, name)
	growAll(t, tel, first, name)
	growAll(t, tel, second, name)
	before, instruments := tel.countersOf(t, name)

	t.Run("every counter is in the table", func(t *testing.T) {
		var names, keys []string
		for _, c := range sharedCounters {
			names, keys = append(names, c.name), append(keys, c.key())
		}
		slices.Sort(names)
		if names = slices.Compact(names); !slices.Equal(instruments, names) {
			t.Errorf("the SDK reports %q, the table has %q", instruments, names)
		}
		slices.Sort(keys)
		if reported := slices.Sorted(maps.Keys(before)); !slices.Equal(reported, keys) {
			t.Errorf("the SDK reports\n%q\nthe table has\n%q", reported, keys)
		}
		for key, value := range before {
			if value <= 0 {
				t.Errorf("%s is %v: no step made it grow", key, value)
			}
		}
	})
	t.Run("one of two leaves", func(t *testing.T) {
		unregister(t, firstInst)
		checkKept(t, tel, name, before)
	})
	t.Run("the last one leaves", func(t *testing.T) {
		unregister(t, secondInst)
		checkKept(t, tel, name, before)
	})
	t.Run("another one comes", func(t *testing.T) {
		_, inst := sharedPool(t, tel, name)
		checkKept(t, tel, name, before)
		unregister(t, inst)
	})
	t.Run("one without hooks comes", func(t *testing.T) {
		pool := newPool(t, parse(t, database(t)))
		registerBare(t, pool, otelpool.WithMeterProvider(tel.provider), otelpool.WithPoolName(name),
			otelpool.WithAttributes(attribute.String("team", "a")))
		checkKept(t, tel, name, before)
	})
}

// twoReaders are a MeterProvider with a reader of each temporality.
type twoReaders struct {
	provider          *sdkmetric.MeterProvider
	delta, cumulative *sdkmetric.ManualReader
	deltas            map[string]float64 // sums: of acquires by pool name
}

func newTwoReaders() *twoReaders {
	r := &twoReaders{
		delta: sdkmetric.NewManualReader(sdkmetric.WithTemporalitySelector(func(sdkmetric.InstrumentKind) metricdata.Temporality {
			return metricdata.DeltaTemporality
		})),
		cumulative: sdkmetric.NewManualReader(),
		deltas:     make(map[string]float64),
	}
	r.provider = sdkmetric.NewMeterProvider(sdkmetric.WithReader(r.delta), sdkmetric.WithReader(r.cumulative))
	return r
}

// acquires collects by both readers. It returns the acquires of a name: the sum of all deltas, and the cumulative value.
func (r *twoReaders) acquires(t *testing.T, name string) (deltas, cumulative float64) {
	t.Helper()
	each := func(reader *sdkmetric.ManualReader, use func(name string, value float64)) {
		eachCounter((telemetry{reader, r.provider}).read(t), func(instrument string, set attribute.Set, value float64) {
			if value < 0 {
				t.Errorf("%s: %v of %s", instrument, value, set.Encoded(attribute.DefaultEncoder()))
			}
			if instrument == "pgxpool.acquires" {
				name, _ := set.Value("db.client.connection.pool.name")
				use(name.AsString(), value)
			}
		})
	}
	each(r.delta, func(name string, value float64) { r.deltas[name] += value })
	each(r.cumulative, func(n string, value float64) {
		if n == name {
			cumulative += value
		}
	})
	return r.deltas[name], cumulative
}

// use makes a pool of that name, acquires from it n times, and ends it.
func (r *twoReaders) use(t *testing.T, name string, n int) {
	t.Helper()
	pool, inst := newInstrumented(t, parse(t, database(t)), otelpool.WithMeterProvider(r.provider), otelpool.WithPoolName(name))
	defer pool.Close()
	for range n {
		execute(t, pool, t.Context(), "SELECT 1")
	}
	unregister(t, inst)
}

// TestCountersGoOnInNextPool has a pool be made anew under its name four times: as the only one of its MeterProvider and
// beside another, collected while there is none of the name or not.
func TestCountersGoOnInNextPool(t *testing.T) {
	t.Parallel()
	for _, beside := range []bool{false, true} {
		for _, collected := range []bool{false, true} {
			t.Run(fmt.Sprintf("beside another %t, collected meanwhile %t", beside, collected), func(t *testing.T) {
				t.Parallel()
				r := newTwoReaders()
				if beside {
					newInstrumented(t, parse(t, database(t)), otelpool.WithMeterProvider(r.provider), otelpool.WithPoolName("other"))
				}
				for i := range 4 {
					r.use(t, "main", 10)
					if collected || i == 3 {
						deltas, cumulative := r.acquires(t, "main")
						checkEqual(t, fmt.Sprintf("pool %d: sum of deltas", i), deltas, float64(10*(i+1)))
						checkEqual(t, fmt.Sprintf("pool %d: cumulative", i), cumulative, float64(10*(i+1)))
					}
				}
			})
		}
	}
}

// TestLatestRetiredNameIsRemembered has more names retire than are remembered, then one more.
func TestLatestRetiredNameIsRemembered(t *testing.T) {
	t.Parallel()
	r := newTwoReaders()
	for i := range 150 {
		r.use(t, fmt.Sprint("tenant ", i), 0)
	}
	r.use(t, "main", 3)
	r.use(t, "main", 4)
	_, main := r.acquires(t, "main")
	checkEqual(t, "acquires of the latest name", main, 7)
	series := make(map[string]bool)
	eachCounter((telemetry{r.cumulative, r.provider}).read(t), func(_ string, set attribute.Set, _ float64) {
		name, _ := set.Value("db.client.connection.pool.name")
		series[name.AsString()] = true
	})
	checkEqual(t, "names that are reported", len(series), 100)
}

// TestCountersNeverFallWhilePoolsLeave collects without a pause while pools of one name are used and leave.
func TestCountersNeverFallWhilePoolsLeave(t *testing.T) {
	t.Parallel()
	r := newTwoReaders()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 15 {
			r.use(t, "same", 20)
		}
	}()
	var last float64
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		deltas, cumulative := r.acquires(t, "same")
		if cumulative < last || deltas > 300 {
			t.Fatalf("cumulative %v after %v, sum of deltas %v", cumulative, last, deltas)
		}
		last = cumulative
	}
	deltas, cumulative := r.acquires(t, "same")
	checkEqual(t, "sum of deltas", deltas, 300)
	checkEqual(t, "cumulative", cumulative, 300)
}

// TestProviderIsNotKeptAlive has a MeterProvider become garbage after the pools that it had.
func TestProviderIsNotKeptAlive(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*otelpool.Instrumentation) error{
		"unregistered":         (*otelpool.Instrumentation).Unregister,
		"closed and forgotten": func(*otelpool.Instrumentation) error { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			collected := make(chan struct{})
			func() {
				tel := newTelemetry(t)
				runtime.AddCleanup(tel.provider, func(struct{}) { close(collected) }, struct{}{})
				pool, inst, err := otelpool.New(t.Context(), database(t), otelpool.WithMeterProvider(tel.provider))
				if err != nil {
					t.Fatal(err)
				}
				acquire(t, pool).Release()
				pool.Close()
				if err := end(inst); err != nil {
					t.Error(err)
				}
			}()
			awaitGarbage(t, "the provider", collected)
		})
	}
}
