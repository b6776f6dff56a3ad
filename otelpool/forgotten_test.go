package otelpool_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric/noop"

	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

func TestSharedDefaultNameIsLoggedOnce(t *testing.T) {
	t.Parallel()
	const message = "several pools have the default name: they are reported as one"
	for _, tt := range []struct {
		name string
		opts [2][]otelpool.Option
		want int
	}{
		{"default names", [2][]otelpool.Option{}, 1},
		{"one chosen", [2][]otelpool.Option{{otelpool.WithPoolName("a")}}, 0},
		{"same chosen", [2][]otelpool.Option{{otelpool.WithPoolName("a")}, {otelpool.WithPoolName("a")}}, 0},
		{"told apart by an attribute", [2][]otelpool.Option{{otelpool.WithAttributes(attribute.String("shard", "a"))}}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var log logBuffer
			tel := newTelemetry(t)
			create := func(opts []otelpool.Option) *otelpool.Instrumentation {
				opts = append([]otelpool.Option{otelpool.WithMeterProvider(tel.provider), log.option()}, opts...)
				_, inst := newInstrumented(t, parse(t, database(t)), opts...)
				return inst
			}
			unregister(t, create(tt.opts[0]))
			create(tt.opts[0]) // alone: the one before has left
			checkEqual(t, "entries of a pool alone", len(log.entries(t, message)), 0)
			create(tt.opts[1])
			if tt.want > 0 {
				log.await(t, message, tt.want)
				create(tt.opts[1])
				create(tt.opts[1])
			}
			checkEqual(t, "entries", len(log.entries(t, message)), tt.want)
		})
	}
}

func TestMissingRegisterIsLoggedAfterMinute(t *testing.T) {
	t.Parallel()
	const message = "pool is used but not registered: its gauges and counters are missing"
	noEnd := func(*otelpool.Instrumentation, *pgxpool.Pool) error { return nil }
	for name, tt := range map[string]struct {
		end      func(*otelpool.Instrumentation, *pgxpool.Pool) error
		want     int
		measured bool
	}{
		"forgotten":    {noEnd, 1, true},
		"registered":   {func(inst *otelpool.Instrumentation, pool *pgxpool.Pool) error { return inst.Register(pool) }, 0, true},
		"unregistered": {func(inst *otelpool.Instrumentation, _ *pgxpool.Pool) error { return inst.Unregister() }, 0, true},
		"not measured, with another BeforeConnect": {noEnd, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var log logBuffer
				config := parse(t, database(t))
				opts := []otelpool.Option{otelpool.WithMeterProvider(newTelemetry(t).provider), log.option()}
				if !tt.measured {
					opts = append(opts, otelpool.WithMeterProvider(noop.NewMeterProvider()))
				}
				inst := instrument(t, config, opts...)
				if !tt.measured {
					config.BeforeConnect = nil
				}
				pool := newPool(t, config)
				time.Sleep(time.Hour)
				acquire(t, pool).Release()
				time.Sleep(59 * time.Second)
				checkEqual(t, "entries before", log.String(), "")
				testutil.NoError(t, tt.end(inst, pool))
				for range 3 {
					time.Sleep(time.Minute)
					acquire(t, pool).Release()
				}
				synctest.Wait()
				checkEqual(t, "entries", len(log.entries(t, message)), tt.want)
				checkEqual(t, "lines", strings.Count(log.String(), "\n"), tt.want)
			})
		})
	}
}

// TestConnectionsWithoutPoolAreLogged uses an instrumented configuration for connections that no pool has.
func TestConnectionsWithoutPoolAreLogged(t *testing.T) {
	t.Parallel()
	const message = "connections are used without a pool: only their durations are measured"
	for name, tt := range map[string]struct {
		pool bool // there is one, which is idle
		want int
	}{"without": {false, 1}, "beside a pool": {true, 0}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var log logBuffer
				config := parse(t, database(t))
				instrument(t, config, otelpool.WithMeterProvider(newTelemetry(t).provider), log.option())
				for range 2 {
					conn, err := pgx.ConnectConfig(t.Context(), config.ConnConfig)
					testutil.NoError(t, err)
					defer func() { _ = conn.Close(context.Background()) }()
				}
				if tt.pool {
					config.MinConns = 1
					newPool(t, config)
				}
				time.Sleep(2 * time.Minute)
				synctest.Wait()
				checkEqual(t, "entries", len(log.entries(t, message)), tt.want)
			})
		})
	}
}
