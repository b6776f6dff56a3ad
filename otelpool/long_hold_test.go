package otelpool_test

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/trace"

	"github.com/otelpool/otelpool-go/otelpool"
)

func TestLongHoldIsLoggedDuringAndAfter(t *testing.T) {
	t.Parallel()
	const threshold = 100 * time.Millisecond
	ctx := trace.ContextWithSpanContext(t.Context(), trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{0xab}, SpanID: trace.SpanID{1}}))
	var log *logBuffer
	var f fixture
	var conn *pgxpool.Conn
	var here string
	eventually(t, "the query ends before the hold is a long one", func() bool {
		log = new(logBuffer)
		f = setup(t, 2, func(config *pgxpool.Config) { config.MinConns = 1 }, otelpool.WithLongHold(threshold), log.option())
		eventually(t, "one is dialed", func() bool { return f.pool.Stat().IdleConns() > 0 })
		began := time.Now()
		here = line(1)
		c, err := f.pool.Acquire(otelpool.WithOperation(ctx, "leaky"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Exec(t.Context(), "SELECT * FROM pg_class"); err != nil {
			t.Fatal(err)
		}
		if time.Since(began) < threshold {
			conn = c
			return true
		}
		c.Release()
		return false
	})
	entry := log.await(t, "connection held for long", 1)[0]
	for key, want := range map[string]any{
		"level": "WARN", "pool": "test", "operation": "leaky", "query": "SELECT pg_class", "query_running": false,
		"trace_id": trace.TraceID{0xab}.String(),
	} {
		if entry[key] != want {
			t.Errorf("%s is %v, want %v", key, entry[key], want)
		}
	}
	if age := time.Duration(entry["age"].(float64)); age < threshold {
		t.Errorf("reported at the age of %v", age)
	}
	if stack := entry["stack"].(string); !strings.HasPrefix(stack, "github.com/otelpool/otelpool-go/otelpool_test.TestLongHold") || !strings.Contains(stack, here) {
		t.Errorf("the stack does not begin at %s: %s", here, stack)
	}
	m := f.collect(t)
	if got := m.seconds(t, "pgxpool.oldest_hold"); got < threshold.Seconds() {
		t.Errorf("oldest hold %v s", got)
	}
	if got := m.value(t, "pgxpool.long_holds"); got != 1 {
		t.Errorf("%d long holds, want 1", got)
	}
	held := f.inst.Held()
	if len(held) != 1 || held[0].Operation != "leaky" || held[0].Query != "SELECT pg_class" || held[0].Running || held[0].Nested ||
		held[0].TraceID != (trace.TraceID{0xab}) || held[0].Age < threshold || time.Since(held[0].Since) < threshold {
		t.Errorf("held %+v", held)
	} else if frame := held[0].Stack[0]; fmt.Sprintf("%s:%d", filepath.Base(frame.File), frame.Line) != here {
		t.Errorf("acquired at %s:%d, want %s", frame.File, frame.Line, here)
	}
	conn.Release()
	if entry := log.await(t, "connection released after a long hold", 1)[0]; entry["operation"] != "leaky" {
		t.Errorf("the end is reported as %v", entry)
	}
	if n := len(log.entries(t, "connection held for long")); n != 1 {
		t.Errorf("reported %d times", n)
	}
	if got := f.collect(t).value(t, "pgxpool.long_holds"); got != 1 {
		t.Errorf("%d long holds after its end, want 1", got)
	}
	if held := f.inst.Held(); len(held) != 0 {
		t.Errorf("still held: %+v", held)
	}
}

func TestWithoutStacksKeepsNoStack(t *testing.T) {
	t.Parallel()
	var log logBuffer
	f := setup(t, 1, nil, otelpool.WithLongHold(10*time.Millisecond), otelpool.WithoutStacks(), log.option())
	conn := acquire(t, f.pool)
	entry := log.await(t, "connection held for long", 1)[0]
	if _, ok := entry["stack"]; ok {
		t.Errorf("a stack was kept: %v", entry)
	}
	if held := f.inst.Held(); len(held) != 1 || held[0].Stack != nil {
		t.Errorf("held %+v", held)
	}
	conn.Release()
}

func TestLongHoldIsLoggedWithoutMetrics(t *testing.T) {
	t.Parallel()
	var log logBuffer
	pool, inst, err := otelpool.New(t.Context(), database(t), otelpool.WithMeterProvider(noop.NewMeterProvider()),
		otelpool.WithLongHold(10*time.Millisecond), log.option())
	if err != nil {
		t.Fatal(err)
	}
	conn := acquire(t, pool)
	log.await(t, "connection held for long", 1)
	if err := inst.Unregister(); err != nil {
		t.Error(err)
	}
	if held := inst.Held(); len(held) != 1 {
		t.Errorf("after Unregister, held %+v", held)
	}
	conn.Release()
	if held := inst.Held(); len(held) != 0 {
		t.Errorf("after the release, held %+v", held)
	}
	closePool(t, pool)
}

// TestLongHoldIsFoundBesideForeignConn leaks a connection while the program keeps one that it hijacked, or
// opened by the pool's configuration.
func TestLongHoldIsFoundBesideForeignConn(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(f fixture) (*pgx.Conn, error){
		"hijacked": func(f fixture) (*pgx.Conn, error) {
			conn, err := f.pool.Acquire(t.Context())
			if err != nil {
				return nil, err
			}
			return conn.Hijack(), nil
		},
		"opened": func(f fixture) (*pgx.Conn, error) { return pgx.ConnectConfig(t.Context(), f.pool.Config().ConnConfig) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := setup(t, 4, nil, otelpool.WithLongHold(20*time.Millisecond), otelpool.WithLogger(slog.New(slog.DiscardHandler)))
			conn, err := open(f)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close(context.Background()) }()
			if _, err := conn.Exec(t.Context(), "LISTEN x"); err != nil {
				t.Fatal(err)
			}
			f.collect(t) // it is seen that it is no hold
			leaked, err := f.pool.Acquire(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer leaked.Release()
			eventually(t, "the long hold is seen", func() bool { return f.collect(t).value(t, "pgxpool.long_holds") == 1 })
		})
	}
}
