package otelpool_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

// logBuffer keeps log entries, each of which is a line of JSON.
type logBuffer struct{ testutil.Buffer }

// option returns the option that has a pool log to l.
func (l *logBuffer) option() otelpool.Option {
	return otelpool.WithLogger(slog.New(slog.NewJSONHandler(l, nil)))
}

// entries returns the entries with that message.
func (l *logBuffer) entries(t testing.TB, message string) []map[string]any {
	t.Helper()
	var found []map[string]any
	for decoder := json.NewDecoder(strings.NewReader(l.String())); decoder.More(); {
		var entry map[string]any
		testutil.NoError(t, decoder.Decode(&entry))
		if entry["msg"] == message {
			found = append(found, entry)
		}
	}
	return found
}

// await waits for n entries with that message.
func (l *logBuffer) await(t testing.TB, message string, n int) []map[string]any {
	t.Helper()
	testutil.Eventually(t, message+" is logged", func() bool { return len(l.entries(t, message)) >= n })
	return l.entries(t, message)
}

// stuckHandler calls a function, which blocks or panics, for each log entry.
type stuckHandler struct {
	slog.Handler
	handle func()
}

func (h stuckHandler) Enabled(context.Context, slog.Level) bool { return true }

func (h stuckHandler) Handle(context.Context, slog.Record) error { h.handle(); return nil }

// TestStuckLoggerDisturbsNobody has more to log than reports wait for a logger that blocks or panics.
func TestStuckLoggerDisturbsNobody(t *testing.T) {
	t.Parallel()
	blocked := make(chan struct{})
	t.Cleanup(func() { close(blocked) })
	for name, handle := range map[string]func(){
		"blocks": func() { <-blocked },
		"panics": func() { panic("no") },
	} {
		stuck := func(t *testing.T, opt otelpool.Option, use func(f fixture)) (f fixture, called *atomic.Int64) {
			called = new(atomic.Int64)
			f = setup(t, 1, nil, opt, otelpool.WithLogger(slog.New(stuckHandler{handle: func() { called.Add(1); handle() }})))
			use(f)
			testutil.Eventually(t, "the logger "+name, func() bool { return called.Load() > 0 })
			return f, called
		}
		t.Run(name+" at long holds", func(t *testing.T) {
			t.Parallel()
			f, _ := stuck(t, otelpool.WithLongHold(time.Millisecond), func(f fixture) {
				for range 100 {
					conn := acquire(t, f.pool)
					wait(time.Millisecond)
					conn.Release()
				}
			})
			checkEqual(t, "long holds", f.collect(t).value(t, "pgxpool.long_holds"), 100)
			unregister(t, f.inst)
		})
		t.Run(name+" at slow acquires", func(t *testing.T) {
			t.Parallel()
			f, called := stuck(t, otelpool.WithSlowAcquire(time.Millisecond), func(f fixture) {
				defer acquire(t, f.pool).Release()
				for range 20 {
					timeOut(t, f.pool, t.Context(), 2*time.Millisecond)
				}
			})
			acquire(t, f.pool).Release()
			checkEqual(t, "lines", called.Load(), 1)
		})
	}
}
