package otelpgx_test

import (
	"slices"
	"testing"

	"github.com/exaring/otelpgx"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/multitracer"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/metric/noop"

	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

// TestOtelpoolLeavesSpansToOtelpgx compares a pool with otelpgx alone to pools that also have otelpool, in each way
// that the page describes, with and without otelpool's spans.
func TestOtelpoolLeavesSpansToOtelpgx(t *testing.T) {
	defer record() // for the first Example
	connString := postgrestest.Database(t)
	tracer := func() pgx.QueryTracer {
		return otelpgx.NewTracer(otelpgx.WithMeterProvider(noop.NewMeterProvider()))
	}
	alone := record()
	config := parse(t, connString)
	config.ConnConfig.Tracer = tracer()
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	testutil.NoError(t, err)
	drive(t, pool)
	want := alone.spanLines(ours)
	if len(want) < 20 {
		t.Errorf("otelpgx alone made %d spans:\n%s", len(want), lines(want))
	}

	for _, tt := range []struct {
		name  string
		trace func(t *testing.T, config *pgxpool.Config, opts ...otelpool.Option) *otelpool.Instrumentation
	}{
		{"tracer of the configuration", func(t *testing.T, config *pgxpool.Config, opts ...otelpool.Option) *otelpool.Instrumentation {
			config.ConnConfig.Tracer = tracer()
			return instrument(t, config, opts...)
		}},
		{"multitracer, otelpool first", func(t *testing.T, config *pgxpool.Config, opts ...otelpool.Option) *otelpool.Instrumentation {
			inst := instrument(t, config, opts...)
			config.ConnConfig.Tracer = multitracer.New(config.ConnConfig.Tracer, tracer())
			return inst
		}},
		{"multitracer, otelpool last", func(t *testing.T, config *pgxpool.Config, opts ...otelpool.Option) *otelpool.Instrumentation {
			inst := instrument(t, config, opts...)
			config.ConnConfig.Tracer = multitracer.New(tracer(), config.ConnConfig.Tracer)
			return inst
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			both := record()
			drivePool(t, connString, tt.trace)
			if got := both.spanLines(ours); !slices.Equal(got, want) {
				t.Errorf("spans with otelpool:\n%s\nwithout:\n%s", lines(got), lines(want))
			}
			if got := both.spanLines(theirs); len(got) != 1 { // the service's
				t.Errorf("otelpool made spans without being asked:\n%s", lines(got))
			}
			metrics, err := both.metrics()
			testutil.NoError(t, err)
			if len(metrics[theirs]) > 0 {
				t.Errorf("otelpgx recorded %q", metrics[theirs])
			}
			for _, name := range []string{"db.client.operation.duration", "pgxpool.acquires"} {
				if !slices.Contains(metrics[ours], name) {
					t.Errorf("otelpool recorded no %s", name)
				}
			}

			both = record()
			drivePool(t, connString, tt.trace, otelpool.WithTracerProvider(nil))
			if got := both.spanLines(ours); !slices.Equal(got, want) {
				t.Errorf("spans beside those of otelpool:\n%s\nwithout:\n%s", lines(got), lines(want))
			}
			if got := both.spanLines(theirs); len(got) < 10 {
				t.Errorf("otelpool made only these spans:\n%s", lines(got))
			}
		})
	}
}

func drivePool(t *testing.T, connString string, trace func(*testing.T, *pgxpool.Config, ...otelpool.Option) *otelpool.Instrumentation, opts ...otelpool.Option) {
	t.Helper()
	config := parse(t, connString)
	inst := trace(t, config, opts...)
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	testutil.NoError(t, err)
	testutil.NoError(t, inst.Register(pool))
	drive(t, pool)
}

func parse(t *testing.T, connString string) *pgxpool.Config {
	t.Helper()
	config, err := pgxpool.ParseConfig(connString)
	testutil.NoError(t, err)
	config.MaxConns = 1 // so that the temporary table is there
	return config
}

func instrument(t *testing.T, config *pgxpool.Config, opts ...otelpool.Option) *otelpool.Instrumentation {
	t.Helper()
	inst, err := otelpool.Instrument(config, opts...)
	testutil.NoError(t, err)
	t.Cleanup(func() { _ = inst.Unregister() })
	return inst
}
