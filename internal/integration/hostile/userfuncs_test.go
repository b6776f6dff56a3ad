package hostile

import (
	"context"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/metric"

	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

// TestBadNameFunctionBlocksOnlyItsCaller makes the function of WithOperationName misbehave.
func TestBadNameFunctionBlocksOnlyItsCaller(t *testing.T) {
	t.Parallel()
	database := withThings(t)
	release := make(chan struct{})
	for _, tt := range []struct {
		name string
		do   func(ctx context.Context, pool *pgxpool.Pool)
		want string // the result of an Exec
		more []func(context.Context, *pgxpool.Pool) error
	}{
		{"panics", func(context.Context, *pgxpool.Pool) { panic("mine") }, "error: <nil>", steps},
		// pgx itself loses a connection if a goroutine ends within SendBatch or a similar call, for whatever reason.
		{"ends its goroutine", func(context.Context, *pgxpool.Pool) { runtime.Goexit() }, "goroutine ended", steps[:2]},
		{"uses the pool", func(ctx context.Context, pool *pgxpool.Pool) { _, _ = pool.Exec(ctx, "SELECT 3") }, "error: <nil>", steps},
		{"resets the pool", func(_ context.Context, pool *pgxpool.Pool) { pool.Reset() }, "error: <nil>", steps},
		{"blocks", func(context.Context, *pgxpool.Pool) { <-release }, "error: <nil>", steps},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := measure(t)
			defer m.end()
			var pool *pgxpool.Pool
			called := make(chan struct{}, 100)
			made, inst, err := otelpool.NewWithConfig(t.Context(), database, otelpool.WithMeterProvider(m.provider),
				otelpool.WithOperationName(func(ctx context.Context, _ string) string {
					if ctx.Value(inside{}) == nil {
						called <- struct{}{}
						tt.do(context.WithValue(ctx, inside{}, true), pool)
					}
					return ""
				}))
			testutil.NoError(t, err)
			pool = made
			came := make(chan string, len(steps))
			go func() { came <- outcome(deadline(t), pool, steps[0]) }()
			<-called
			m.goesOn(t)
			inst.Held()
			if tt.name == "blocks" {
				select {
				case result := <-came:
					t.Errorf("it did not block: %s", result)
				default:
				}
				close(release)
			}
			if got := <-came; got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			} else {
				recordFigure(t, "three readers went on, the caller got %s", got)
			}
			for _, step := range tt.more {
				outcome(deadline(t), pool, step)
			}
			testutil.Eventually(t, "nothing is in use", func() bool { return numbers(pool)[0] == 0 })
			testutil.Equal(t, "pending", m.value(t, "db.client.connection.pending_requests"), 0)
			postgrestest.ClosePool(t, pool)
			testutil.Check(t, inst.Unregister())
		})
	}
}

// TestBadLoggerBlocksNothing sets a harmful logger, and makes the pool log.
func TestBadLoggerBlocksNothing(t *testing.T) {
	t.Parallel()
	database := withThings(t)
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	for _, tt := range []struct {
		name string
		do   func(pool *pgxpool.Pool)
	}{
		{"panics", func(*pgxpool.Pool) { panic("mine") }},
		{"ends its goroutine", func(*pgxpool.Pool) { runtime.Goexit() }},
		{"blocks", func(*pgxpool.Pool) { <-release }},
		{"uses the pool", func(pool *pgxpool.Pool) { _, _ = pool.Exec(context.Background(), "SELECT 3") }},
		{"closes the pool", func(pool *pgxpool.Pool) { pool.Close() }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := measure(t)
			defer m.end()
			var pool *pgxpool.Pool
			made := make(chan struct{})
			var once sync.Once
			logged := make(chan struct{})
			handler := handlerFunc(func() {
				<-made
				once.Do(func() { close(logged) })
				tt.do(pool)
			})
			pool, inst, err := otelpool.NewWithConfig(t.Context(), database, otelpool.WithMeterProvider(m.provider),
				otelpool.WithLongHold(time.Millisecond), otelpool.WithLogger(slog.New(handler)))
			testutil.NoError(t, err)
			close(made)
			for range 20 {
				for _, step := range steps {
					if got := outcome(otelpool.WithScope(deadline(t), ""), pool, step); strings.HasPrefix(got, "panic") || got == "goroutine ended" {
						t.Errorf("the caller sees %s", got)
					}
				}
			}
			select {
			case <-logged:
			case <-time.After(waitLimit):
				t.Fatal("nothing was logged")
			}
			m.goesOn(t)
			inst.Held()
			recordFigure(t, "no caller noticed, three readers went on")
			testutil.Check(t, inst.Unregister())
			postgrestest.ClosePool(t, pool)
		})
	}
}

type handlerFunc func()

func (handlerFunc) Enabled(context.Context, slog.Level) bool    { return true }
func (h handlerFunc) Handle(context.Context, slog.Record) error { h(); return nil }
func (h handlerFunc) WithAttrs([]slog.Attr) slog.Handler        { return h }
func (h handlerFunc) WithGroup(string) slog.Handler             { return h }

// TestCallbackMayUseCollectedPool makes another instrument's callback query the pool, during the collections of three
// readers.
func TestCallbackMayUseCollectedPool(t *testing.T) {
	t.Parallel()
	m := measure(t)
	pool, inst, err := otelpool.NewWithConfig(t.Context(), onDatabase(t, 2), otelpool.WithMeterProvider(m.provider), otelpool.WithLongHold(time.Hour))
	testutil.NoError(t, err)
	meter := m.provider.Meter("program")
	rows, err := meter.Int64ObservableGauge("rows")
	testutil.NoError(t, err)
	registration, err := meter.RegisterCallback(func(ctx context.Context, o metric.Observer) error {
		var n int64
		err := pool.QueryRow(ctx, "SELECT count(*) FROM pg_class").Scan(&n)
		o.ObserveInt64(rows, n)
		inst.Held()
		return err
	}, rows)
	testutil.NoError(t, err)
	for range 5 {
		m.goesOn(t)
	}
	m.end()
	testutil.Check(t, registration.Unregister())
	if got := m.value(t, "pgxpool.acquires"); got < 5 {
		t.Errorf("%v acquires", got)
	}
	postgrestest.ClosePool(t, pool)
	testutil.Check(t, inst.Unregister())
}
