package otelpool_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

// TestPoolOfCopiedConfigIsNotCounted builds two pools from one instrumented configuration and its copy. Only the one that is
// registered, or else the first that is used, is measured.
func TestPoolOfCopiedConfigIsNotCounted(t *testing.T) {
	t.Parallel()
	for _, registered := range []bool{false, true} {
		t.Run(map[bool]string{false: "first used", true: "registered"}[registered], func(t *testing.T) {
			t.Parallel()
			var log logBuffer
			tel := newTelemetry(t)
			config := parse(t, database(t))
			config.MaxConns = 4
			var other *pgxpool.Pool
			config.PrepareConn = func(ctx context.Context, _ *pgx.Conn) (bool, error) {
				if use, _ := ctx.Value(useOther{}).(bool); use {
					return true, other.Ping(context.WithValue(ctx, useOther{}, false))
				}
				return true, nil
			}
			inst := instrument(t, config, otelpool.WithMeterProvider(tel.provider), otelpool.WithPoolName("test"), log.option())
			ours := newPool(t, config.Copy())
			other = newPool(t, config.Copy())
			if registered {
				register(t, inst, ours)
			}
			execute(t, ours, t.Context(), "SELECT 1")
			for range 8 {
				execute(t, other, t.Context(), "SELECT FROM pg_class")
			}
			held := postgrestest.Hold(t, other, 3)
			execute(t, ours, context.WithValue(t.Context(), useOther{}, true), "SELECT 1")
			if !registered {
				register(t, inst, ours)
			}
			checkEqual(t, "holds", len(inst.Held()), 0)
			postgrestest.Release(held)
			other.Reset()
			settled(t, other, 0)
			m := tel.collect(t)
			m.check(t, map[string]int64{
				"pgxpool.acquires{result=ok}":              2,
				"pgxpool.connections.opened":               1,
				"pgxpool.connections.closed{reason=other}": 0,
				"pgxpool.overflow.opened":                  0,
				"db.client.connection.pending_requests":    0,
				"pgxpool.peak":                             1,
			})
			m.checkCounts(t, map[string]uint64{waitTime: 2, useTime + "{db.query.summary=SELECT}": 2, "db.client.connection.create_time": 1, operationKey("SELECT", ""): 2})
			const message = "another pool has this pool's hooks: its events are not recorded"
			entry := log.await(t, message, 1)[0]
			checkEqual(t, "pool", entry["pool"], any("test"))
			checkEqual(t, "entries", len(log.entries(t, message)), 1)
		})
	}
}

func TestRegisteredPoolIsMeasuredAfterCopy(t *testing.T) {
	t.Parallel()
	tel := newTelemetry(t)
	config := parse(t, database(t))
	inst := instrument(t, config, otelpool.WithMeterProvider(tel.provider), otelpool.WithPoolName("test"),
		otelpool.WithLogger(slog.New(slog.DiscardHandler)))
	other, ours := newPool(t, config.Copy()), newPool(t, config.Copy())
	query(t, other)
	query(t, ours)
	register(t, inst, ours)
	before := tel.collect(t)
	query(t, other)
	conn := acquire(t, ours)
	checkEqual(t, "holds", len(inst.Held()), 1)
	conn.Release()
	query(t, ours)
	after := tel.collect(t)
	for key, want := range map[string]uint64{waitTime: 2, useTime: 1, useTime + "{db.query.summary=SELECT}": 1, operationKey("SELECT", ""): 1} {
		checkEqual(t, "growth of "+key, after.count(key)-before.count(key), want)
	}
	ours.Reset()
	testutil.Eventually(t, "its connection is closed", func() bool { return tel.collect(t).value(t, "pgxpool.connections.closed{reason=other}") == 1 })
}

// TestBackgroundDialsOfCopyAreNoHijacks has the pool of a copied configuration dial before anyone uses it.
func TestBackgroundDialsOfCopyAreNoHijacks(t *testing.T) {
	t.Parallel()
	tel := newTelemetry(t)
	config := parse(t, database(t))
	inst := instrument(t, config, otelpool.WithMeterProvider(tel.provider))
	ours := newPool(t, config.Copy())
	register(t, inst, ours)
	config.MinConns = 2
	other := newPool(t, config)
	quiet(t, other)
	for range 3 {
		tel.collect(t).check(t, map[string]int64{"pgxpool.connections.closed{reason=hijacked}": 0})
		wait(110 * time.Millisecond) // two comparisons that far apart would confirm it
	}
}

// useOther is the key of whether PrepareConn uses another pool.
type useOther struct{}
