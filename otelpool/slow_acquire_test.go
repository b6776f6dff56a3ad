package otelpool_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"

	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
	"github.com/otelpool/otelpool-go/otelpool/diagnose"
)

const slowMessage = "callers wait for a connection"

// bubblePool is a pool of one connection in a bubble of testing/synctest, which "checkout" holds in a transaction, with the
// result of a SELECT 'hunter2'.
type bubblePool struct {
	pool *pgxpool.Pool
	inst *otelpool.Instrumentation
	conn *pgxpool.Conn
	log  *logBuffer

	release func() // ends the transaction and releases the connection; a second call does nothing
}

func newBubblePool(t *testing.T, provider metric.MeterProvider, opts ...otelpool.Option) bubblePool {
	t.Helper()
	b := bubblePool{log: new(logBuffer)}
	config := parse(t, database(t))
	config.MaxConns = 1
	b.pool, b.inst = newInstrumented(t, config,
		append([]otelpool.Option{otelpool.WithMeterProvider(provider), otelpool.WithPoolName("test"), b.log.option()}, opts...)...)
	b.conn = acquireWith(t, b.pool, otelpool.WithOperation(t.Context(), "checkout"))
	for _, sql := range []string{"BEGIN", "SELECT 'hunter2'"} {
		execute(t, b.conn, t.Context(), sql)
	}
	b.release = sync.OnceFunc(func() {
		execute(t, b.conn, context.Background(), "ROLLBACK")
		b.conn.Release()
	})
	t.Cleanup(b.release)
	return b
}

// after returns the entries that are logged when d has passed.
func (b bubblePool) after(t *testing.T, d time.Duration) []map[string]any {
	t.Helper()
	time.Sleep(d) // of the bubble
	synctest.Wait()
	return b.log.entries(t, slowMessage)
}

func TestWaitingCallerIsLoggedOnceAMinute(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBubblePool(t, newTelemetry(t).provider)
		ctx, cancel := context.WithCancel(t.Context())
		acquireAside(b.pool, ctx)
		checkEqual(t, "entries before a second", len(b.after(t, 900*time.Millisecond)), 0)
		entries := b.after(t, 8*time.Second)
		if len(entries) != 1 {
			t.Fatalf("when the reason shows: %v", entries)
		}
		entry := entries[0]
		for key, want := range map[string]any{
			"level": "WARN", "pool": "test", "in_use": 1.0, "max": 1.0, "waiting": 1.0, "timed_out": nil,
		} {
			checkEqual(t, key, entry[key], want)
		}
		if waited := time.Duration(entry["waited"].(float64)); waited < time.Second || waited > 9*time.Second {
			t.Errorf("logged after a wait of %v", waited)
		}
		if by := entry["held_by"].(string); !strings.HasPrefix(by, "checkout holds 1, the oldest for ") || !strings.HasSuffix(by, "s (1 idle in a transaction)") {
			t.Errorf("held by %q", by)
		}
		checkEqual(t, "finding", entry["finding"], any(string(diagnose.IdleInTransaction)))
		checkEqual(t, "operation", entry["operation"], any("checkout"))
		checkEqual(t, "entries of a minute", len(b.after(t, 50*time.Second)), 1)
		checkEqual(t, "entries of the next", len(b.after(t, 12*time.Second)), 2)
		if summary, advice := entry["summary"].(string), entry["advice"].(string); !strings.HasPrefix(summary, `"checkout" leaves transactions open`) || advice == "" {
			t.Errorf("summary %q, advice %q", summary, advice)
		}
		cancel()
		checkEqual(t, "entries without a caller", len(b.after(t, 10*time.Minute)), 2)
		if strings.Contains(b.log.String(), "hunter2") {
			t.Errorf("the query shows in %s", b.log)
		}
	})
}

// TestSlowAcquireIsLoggedWhenItEnds has acquires that end between two looks for callers who wait.
func TestSlowAcquireIsLoggedWhenItEnds(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		end      func(b bubblePool, acquire context.CancelFunc)
		deadline time.Duration
		timedOut any
	}{
		"got one":   {end: func(b bubblePool, _ context.CancelFunc) { b.release() }},
		"canceled":  {end: func(_ bubblePool, cancel context.CancelFunc) { cancel() }},
		"timed out": {end: func(bubblePool, context.CancelFunc) {}, deadline: 10 * time.Millisecond, timedOut: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBubblePool(t, newTelemetry(t).provider, otelpool.WithSlowAcquire(100*time.Millisecond))
				time.Sleep(10 * time.Second)
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if tt.deadline > 0 {
					ctx, cancel = context.WithTimeout(ctx, tt.deadline)
					defer cancel()
				}
				acquireAside(b.pool, ctx)
				checkEqual(t, "entries before", len(b.after(t, 5*time.Millisecond)), 0)
				time.Sleep(200 * time.Millisecond)
				if tt.deadline == 0 {
					checkEqual(t, "entries while it waits", len(b.log.entries(t, slowMessage)), 0)
				}
				tt.end(b, cancel)
				entries := b.after(t, 11*time.Second) // the reason is over
				if len(entries) != 1 {
					t.Fatalf("entries %v", entries)
				}
				entry := entries[0]
				checkEqual(t, "timed out", entry["timed_out"], tt.timedOut)
				want := 205 * time.Millisecond
				if tt.deadline > 0 {
					want = tt.deadline
				}
				if waited := time.Duration(entry["waited"].(float64)); waited < want {
					t.Errorf("waited %v, want %v", waited, want)
				}
			})
		})
	}
}

func TestSlowAcquireIsNotLogged(t *testing.T) {
	t.Parallel()
	noReader := otelpool.WithMeterProvider(noop.NewMeterProvider())
	for name, tt := range map[string]struct {
		opts   []otelpool.Option
		before func(t *testing.T, b bubblePool)
		want   int
	}{
		"turned off":                  {opts: []otelpool.Option{otelpool.WithSlowAcquire(0)}},
		"unregistered":                {before: func(t *testing.T, b bubblePool) { checkEqual(t, "error", b.inst.Unregister(), nil) }},
		"no reader":                   {opts: []otelpool.Option{noReader}},
		"no reader, but chosen":       {opts: []otelpool.Option{noReader, otelpool.WithSlowAcquire(2 * time.Second)}, want: 1},
		"no reader, turned off":       {opts: []otelpool.Option{noReader, otelpool.WithSlowAcquire(0)}},
		"shorter than the threshold":  {opts: []otelpool.Option{otelpool.WithSlowAcquire(time.Hour)}},
		"longer than the threshold":   {opts: []otelpool.Option{otelpool.WithSlowAcquire(4 * time.Second)}, want: 1},
		"the last threshold is valid": {opts: []otelpool.Option{otelpool.WithSlowAcquire(0), otelpool.WithSlowAcquire(time.Second)}, want: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBubblePool(t, newTelemetry(t).provider, tt.opts...)
				if tt.before != nil {
					tt.before(t, b)
				}
				ctx, cancel := context.WithCancel(t.Context())
				acquireAside(b.pool, ctx)
				checkEqual(t, "entries", len(b.after(t, 10*time.Second)), tt.want)
				cancel()
				synctest.Wait()
			})
		})
	}
}

func TestTopHoldersAreLogged(t *testing.T) {
	t.Parallel()
	var text testutil.Buffer
	f := setup(t, 10, nil, otelpool.WithSlowAcquire(time.Minute), otelpool.WithLogger(slog.New(slog.NewTextHandler(&text, nil))))
	var held []*pgxpool.Conn
	for unit, n := range map[string]int{"four": 4, "three": 3, "two\nlevel=ERROR": 2, "one": 1} {
		for range n {
			held = append(held, named(t, f, unit))
		}
	}
	defer postgrestest.Release(held)
	timeOut(t, f.pool, t.Context(), time.Millisecond)
	testutil.Eventually(t, "it is logged", func() bool { return strings.Contains(text.String(), slowMessage) })
	line := text.String()
	if strings.Count(line, "\n") != 1 {
		t.Errorf("more than a line: %s", line)
	}
	four, three := strings.Index(line, "four holds 4, the oldest for"), strings.Index(line, "three holds 3, the oldest for")
	two := strings.Index(line, `two\nlevel=ERROR holds 2, the oldest for`)
	if four < 0 || three < four || two < three || strings.Contains(line, "one holds") || !strings.Contains(line, "(4 idle)") {
		t.Errorf("want the three who hold most: %s", line)
	}
}

func TestTimeoutErrorFindsWhenAsked(t *testing.T) {
	t.Parallel()
	f := sized(t, otelpool.Sizing{PoolSize: 1, Timeout: 100 * time.Millisecond}, nil)
	held := dialAll(t, f.pool, 1)
	defer postgrestest.Release(held)
	var timeout *otelpool.AcquireTimeoutError
	testutil.Eventually(t, "it is said that deadlines are short", func() bool {
		_, err := f.pool.Acquire(t.Context())
		var ok bool
		if timeout, ok = errors.AsType[*otelpool.AcquireTimeoutError](err); !ok {
			t.Fatalf("error %v is a %T", err, err)
		}
		return len(timeout.Findings()) > 0
	})
	if first, again := timeout.Findings(), timeout.Findings(); &first[0] != &again[0] {
		t.Errorf("found %v, then %v", first, again)
	}
	if password := f.pool.Config().ConnConfig.Password; password != "" && strings.Contains(fmt.Sprintf("%#v", timeout), password) {
		t.Errorf("the password shows in %#v", timeout)
	}
	for name, without := range map[string]*otelpool.AcquireTimeoutError{"nil": nil, "made by hand": {Pool: "test"}} {
		if found := without.Findings(); found != nil {
			t.Errorf("%s: found %v", name, found)
		}
	}
}
