package otelpool_test

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/multitracer"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

// TestRegisterAddsGauges uses a pool before Register. Histograms record from the beginning, gauges exist from Register
// on.
func TestRegisterAddsGauges(t *testing.T) {
	t.Parallel()
	tel := newTelemetry(t)
	config := parse(t, database(t))
	inst := instrument(t, config, otelpool.WithMeterProvider(tel.provider))
	pool := newPool(t, config)
	execute(t, pool, t.Context(), "SELECT 1")
	if keys := gaugeKeys(tel.collect(t)); len(keys) > 0 {
		t.Errorf("gauges before Register: %v", keys)
	}
	register(t, inst, pool)
	m := tel.collect(t)
	m.check(t, map[string]int64{idle: 1})
	m.checkCounts(t, map[string]uint64{operationKey("SELECT", ""): 1})
	unregister(t, inst)
}

func TestRegisterReportsExistingPool(t *testing.T) {
	t.Parallel()
	tel := newTelemetry(t)
	pool := newPool(t, parse(t, database(t)))
	inst := registerBare(t, pool, otelpool.WithMeterProvider(tel.provider), otelpool.WithBaseSize(2))
	conn := acquire(t, pool)
	m := tel.collect(t)
	conn.Release()
	m.check(t, map[string]int64{used: 1, "pgxpool.size": 2})
	for _, key := range []string{pendingRequests, "db.client.connection.timeouts", "pgxpool.operations.capped"} {
		if _, ok := m[key]; ok {
			t.Errorf("%s is reported, though it is not known without hooks", key)
		}
	}
	unregister(t, inst)
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
		newInstrumented(t, config, otelpool.WithMeterProvider(tel.provider), otelpool.WithPoolName(name))
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
	inst := instrument(t, config, otelpool.WithMeterProvider(newTelemetry(t).provider))
	pool := newPool(t, config)
	pool.Close()
	register(t, inst, pool)
	unregister(t, inst)
}

func TestRegisterRefusesOtherPools(t *testing.T) {
	t.Parallel()
	f := setup(t, 1, nil)
	other := newPool(t, parse(t, database(t)))
	provider := otelpool.WithMeterProvider(f.provider)
	existing := registerBare(t, other, provider, otelpool.WithPoolName("other"))
	twice, second := parse(t, database(t)), parse(t, database(t))
	first := instrument(t, twice, provider)
	instrument(t, second, provider)
	join := func(tracer pgx.QueryTracer) *pgxpool.Pool {
		c := twice.Copy()
		c.ConnConfig.Tracer = multitracer.New(c.ConnConfig.Tracer, tracer)
		return newPool(t, c)
	}
	joined, mixed := join(twice.ConnConfig.Tracer), join(second.ConnConfig.Tracer)
	for name, tt := range map[string]struct {
		do   func() error
		want string
	}{
		"same pool":                   {func() error { return f.inst.Register(f.pool) }, "already registered"},
		"pool of another":             {func() error { return f.inst.Register(other) }, "not built from the instrumented configuration"},
		"joined twice":                {func() error { return first.Register(joined) }, "several tracers"},
		"joined with another":         {func() error { return first.Register(mixed) }, "several tracers"},
		"nil pool":                    {func() error { return f.inst.Register(nil) }, "pool is nil"},
		"pool without hooks":          {func() error { return existing.Register(other) }, "not built from the instrumented configuration"},
		"package level, instrumented": {func() error { _, err := otelpool.Register(f.pool, provider); return err }, "already instrumented"},
		"package level, again":        {func() error { _, err := otelpool.Register(other, provider); return err }, "already registered"},
	} {
		t.Run(name, func(t *testing.T) {
			testutil.ErrorContains(t, tt.do(), tt.want)
		})
	}
	if got := f.collect(t).value(t, "db.client.connection.max"); got == 0 {
		t.Error("the refused calls removed gauges")
	}
}

func TestRegisterRefusesSecondName(t *testing.T) {
	t.Parallel()
	tel := newTelemetry(t)
	provider := otelpool.WithMeterProvider(tel.provider)
	one, other := newPool(t, parse(t, "host=localhost")), newPool(t, parse(t, "host=localhost"))
	registerBare(t, one, provider, otelpool.WithPoolName("b"))
	registerBare(t, other, provider, otelpool.WithPoolName("a"))
	_, err := otelpool.Register(other, provider, otelpool.WithPoolName("b"))
	testutil.ErrorContains(t, err, "already registered")
}

func TestRegisterFindsLoweredMaxConns(t *testing.T) {
	t.Parallel()
	config := parse(t, "host=localhost pool_max_conns=8")
	inst := instrument(t, config, otelpool.WithBaseSize(6))
	config.MaxConns = 4
	pool := newPool(t, config)
	testutil.ErrorContains(t, inst.Register(pool), "base size 6 is not between 1 and MaxConns (4)")
}
