package otelpool_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/otelpool"
)

// TestRegisterAddsGauges uses a pool before Register. Histograms record from the beginning, gauges exist from Register on.
func TestRegisterAddsGauges(t *testing.T) {
	t.Parallel()
	tel := newTelemetry(t)
	config := parse(t, database(t))
	inst, err := otelpool.Instrument(config, otelpool.WithMeterProvider(tel.provider))
	if err != nil {
		t.Fatal(err)
	}
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	if _, err := pool.Exec(t.Context(), "SELECT 1"); err != nil {
		t.Fatal(err)
	}
	if keys := gaugeKeys(tel.collect(t)); len(keys) > 0 {
		t.Errorf("gauges before Register: %v", keys)
	}
	if err := inst.Register(pool); err != nil {
		t.Fatal(err)
	}
	m := tel.collect(t)
	m.check(t, map[string]int64{idle: 1})
	m.checkCounts(t, map[string]uint64{operationKey("SELECT", ""): 1})
	if err := inst.Unregister(); err != nil {
		t.Error(err)
	}
}

// TestRegisterReportsExistingPool registers a pool without hooks.
func TestRegisterReportsExistingPool(t *testing.T) {
	t.Parallel()
	tel := newTelemetry(t)
	pool, err := pgxpool.New(t.Context(), database(t))
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	inst, err := otelpool.Register(pool, otelpool.WithMeterProvider(tel.provider), otelpool.WithBaseSize(2))
	if err != nil {
		t.Fatal(err)
	}
	conn := acquire(t, pool)
	m := tel.collect(t)
	conn.Release()
	m.check(t, map[string]int64{used: 1, "pgxpool.size": 2})
	for _, key := range []string{pendingRequests, "db.client.connection.timeouts", "pgxpool.operations.capped"} {
		if _, ok := m[key]; ok {
			t.Errorf("%s is reported, though it is not known without hooks", key)
		}
	}
	if err := inst.Unregister(); err != nil {
		t.Error(err)
	}
	if keys := tel.collect(t).keys(""); len(keys) > 0 {
		t.Errorf("left after Unregister: %v", keys)
	}
}

func TestOneConfigurationBuildsManyPools(t *testing.T) {
	t.Parallel()
	tel := newTelemetry(t)
	config := parse(t, database(t))
	config.MaxConns = 3
	for _, name := range []string{"first", "second"} {
		pool, inst, err := otelpool.NewWithConfig(t.Context(), config, otelpool.WithMeterProvider(tel.provider), otelpool.WithPoolName(name))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { pool.Close(); _ = inst.Unregister() })
	}
	for name, changed := range map[string]bool{
		"Tracer": config.ConnConfig.Tracer != nil, "ShouldPing": config.ShouldPing != nil,
		"BeforeConnect": config.BeforeConnect != nil, "PrepareConn": config.PrepareConn != nil,
	} {
		checkEqual(t, "the caller's "+name+" was changed", changed, false)
	}
}

func TestClosedPoolMayBeRegistered(t *testing.T) {
	t.Parallel()
	config := parse(t, database(t))
	inst, err := otelpool.Instrument(config, otelpool.WithMeterProvider(newTelemetry(t).provider))
	if err != nil {
		t.Fatal(err)
	}
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	pool.Close()
	if err := inst.Register(pool); err != nil {
		t.Error(err)
	}
	if err := inst.Unregister(); err != nil {
		t.Error(err)
	}
}

func TestRegisterRefusesOtherPools(t *testing.T) {
	t.Parallel()
	f := setup(t, 1, nil)
	other, err := pgxpool.New(t.Context(), database(t))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	provider := otelpool.WithMeterProvider(f.provider)
	existing, err := otelpool.Register(other, provider, otelpool.WithPoolName("other"))
	if err != nil {
		t.Fatal(err)
	}
	defer existing.Unregister()
	for name, tt := range map[string]struct {
		do   func() error
		want string
	}{
		"same pool":          {func() error { return f.inst.Register(f.pool) }, "registered already"},
		"pool of another":    {func() error { return f.inst.Register(other) }, "not built from the instrumented configuration"},
		"nil pool":           {func() error { return f.inst.Register(nil) }, "pool is nil"},
		"pool without hooks": {func() error { return existing.Register(other) }, "not built from the instrumented configuration"},
		"package level, instrumented": {func() error {
			_, err := otelpool.Register(f.pool, provider)
			return err
		}, "instrumented already"},
		"package level, again": {func() error {
			_, err := otelpool.Register(other, provider)
			return err
		}, "registered already"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := tt.do(); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
		})
	}
	if got := f.collect(t).value(t, "db.client.connection.max"); got == 0 {
		t.Error("the refused calls removed gauges")
	}
}

// TestRegisterRefusesSecondName registers a pool again under the name of another pool.
func TestRegisterRefusesSecondName(t *testing.T) {
	t.Parallel()
	tel := newTelemetry(t)
	register := func(pool *pgxpool.Pool, name string) error {
		_, err := otelpool.Register(pool, otelpool.WithMeterProvider(tel.provider), otelpool.WithPoolName(name))
		return err
	}
	var pools [2]*pgxpool.Pool
	for i := range pools {
		pool, err := pgxpool.New(t.Context(), "host=localhost")
		if err != nil {
			t.Fatal(err)
		}
		defer pool.Close()
		pools[i] = pool
	}
	one, other := pools[0], pools[1]
	if err := errors.Join(register(one, "b"), register(other, "a")); err != nil {
		t.Fatal(err)
	}
	if err := register(other, "b"); err == nil || !strings.Contains(err.Error(), "registered already") {
		t.Errorf("a second registration: %v", err)
	}
}

// TestRegisterFindsLoweredMaxConns lowers MaxConns below the base size after Instrument.
func TestRegisterFindsLoweredMaxConns(t *testing.T) {
	t.Parallel()
	config := parse(t, "host=localhost pool_max_conns=8")
	inst, err := otelpool.Instrument(config, otelpool.WithBaseSize(6))
	if err != nil {
		t.Fatal(err)
	}
	config.MaxConns = 4
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	if err := inst.Register(pool); err == nil || !strings.Contains(err.Error(), "base size 6 is not between 1 and MaxConns (4)") {
		t.Errorf("Register: %v", err)
	}
}
