package otelpool_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
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
	tel, connString := newTelemetry(t), database(t)
	sharedPool(t, tel, connString, "other") // keeps the MeterProvider in use when the last pool of the name leaves
	first, firstInst := sharedPool(t, tel, connString, name)
	second, secondInst := sharedPool(t, tel, connString, name)
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
	unregister := func(t *testing.T, inst *otelpool.Instrumentation) {
		t.Helper()
		if err := inst.Unregister(); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("one of two leaves", func(t *testing.T) {
		unregister(t, firstInst)
		checkKept(t, tel, name, before)
	})
	t.Run("the last one leaves", func(t *testing.T) {
		unregister(t, secondInst)
		if left, _ := tel.countersOf(t, name); len(left) > 0 {
			t.Errorf("still reported: %v", left)
		}
	})
	t.Run("another one comes", func(t *testing.T) {
		_, inst := sharedPool(t, tel, connString, name)
		checkKept(t, tel, name, before)
		unregister(t, inst)
	})
	t.Run("one without hooks comes", func(t *testing.T) {
		pool, err := pgxpool.New(t.Context(), connString)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(pool.Close)
		inst, err := otelpool.Register(pool, otelpool.WithMeterProvider(tel.provider), otelpool.WithPoolName(name),
			otelpool.WithAttributes(attribute.String("team", "a")))
		if err != nil {
			t.Fatal(err)
		}
		checkKept(t, tel, name, before)
		unregister(t, inst)
	})
}

// TestPoolsOfOneNameAreAddedUp has two pools of one name leave one after the other.
func TestPoolsOfOneNameAreAddedUp(t *testing.T) {
	t.Parallel()
	tel := newTelemetry(t)
	connString := database(t)
	var insts []*otelpool.Instrumentation
	for range 2 {
		config := parse(t, connString)
		config.MaxConns = 1
		pool, inst, err := otelpool.NewWithConfig(t.Context(), config, otelpool.WithMeterProvider(tel.provider), otelpool.WithPoolName("same"))
		if err != nil {
			t.Fatal(err)
		}
		defer pool.Close()
		insts = append(insts, inst)
		deadlinePasses(t, pool)
	}
	counters := map[string]int64{"db.client.connection.timeouts": 2, "pgxpool.acquires{result=ok}": 2, "pgxpool.connections.opened": 2}
	tel.collect(t).check(t, counters)
	if err := insts[0].Unregister(); err != nil {
		t.Fatal(err)
	}
	after := tel.collect(t)
	after.check(t, counters)
	after.check(t, map[string]int64{"db.client.connection.max": 1}) // the gauges of the pool that left are gone
	if err := insts[1].Unregister(); err != nil {
		t.Fatal(err)
	}
	if keys := gaugeKeys(tel.collect(t)); len(keys) > 0 {
		t.Errorf("left: %v", keys)
	}
}

// TestCountersGoOnInNextPool has a pool leave and another of its name come, while a third one stays. It reads by both
// temporalities.
func TestCountersGoOnInNextPool(t *testing.T) {
	t.Parallel()
	delta := sdkmetric.NewManualReader(sdkmetric.WithTemporalitySelector(func(sdkmetric.InstrumentKind) metricdata.Temporality {
		return metricdata.DeltaTemporality
	}))
	cumulative := sdkmetric.NewManualReader()
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(delta), sdkmetric.WithReader(cumulative))
	begin := func(name string) (*pgxpool.Pool, *otelpool.Instrumentation) {
		pool, inst, err := otelpool.New(t.Context(), database(t), otelpool.WithMeterProvider(provider), otelpool.WithPoolName(name))
		if err != nil {
			t.Fatal(err)
		}
		return pool, inst
	}
	other, otherInst := begin("other")
	defer other.Close()
	defer func() { _ = otherInst.Unregister() }()
	acquires := func(reader *sdkmetric.ManualReader) (n int64) {
		eachCounter((telemetry{reader, provider}).read(t), func(instrument string, set attribute.Set, value float64) {
			if instrument != "pgxpool.acquires" {
				return
			}
			if value < 0 {
				t.Errorf("%s: %v of %s", instrument, value, set.Encoded(attribute.DefaultEncoder()))
			}
			if name, _ := set.Value("db.client.connection.pool.name"); name.AsString() == "main" {
				n += int64(value)
			}
		})
		return n
	}
	for i, want := range []struct{ delta, cumulative int64 }{{10, 10}, {2, 12}} {
		pool, inst := begin("main")
		for range want.delta {
			if _, err := pool.Exec(t.Context(), "SELECT 1"); err != nil {
				t.Fatal(err)
			}
		}
		checkEqual(t, fmt.Sprintf("pool %d: delta", i), acquires(delta), want.delta)
		checkEqual(t, fmt.Sprintf("pool %d: sum", i), acquires(cumulative), want.cumulative)
		pool.Close()
		if err := inst.Unregister(); err != nil {
			t.Error(err)
		}
	}
}
