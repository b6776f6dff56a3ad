package poolz_test

import (
	"context"
	"net"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/exporters/poolz"
	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

// blocking opens a pool in which the unit of work "waiter" waits for a lock of "holder".
func blocking(t *testing.T) (inst *otelpool.Instrumentation, server *pgx.ConnConfig) {
	t.Helper()
	config := postgrestest.Config(t)
	config.MaxConns = 4
	server = config.ConnConfig.Copy()
	pool, inst, err := otelpool.NewWithConfig(t.Context(), config,
		otelpool.WithMeterProvider(newProvider()), otelpool.WithPoolName("main"))
	testutil.NoError(t, err)
	hold := func(operation string) *pgxpool.Conn {
		conn, err := pool.Acquire(otelpool.WithOperation(context.Background(), operation))
		testutil.NoError(t, err)
		return conn
	}
	const lock = "SELECT pg_advisory_xact_lock(1), 'a secret literal'"
	holder, waiter := hold("holder"), hold("waiter")
	tx, err := holder.Begin(t.Context())
	testutil.NoError(t, err)
	postgrestest.Exec(t, tx, lock)
	var waiting sync.WaitGroup
	waiting.Go(func() {
		if _, err := waiter.Exec(context.Background(), lock); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		testutil.NoError(t, tx.Rollback(context.Background()))
		waiting.Wait()
		holder.Release()
		waiter.Release()
		pool.Close()
		testutil.NoError(t, inst.Unregister())
	})
	return inst, server
}

// whoBlocks matches the tree of who blocks whom.
var whoBlocks = regexp.MustCompile(`<ul class="tree"><li data-key="\d+"><bdi><b>holder</b></bdi>, process \d+: <bdi>idle in transaction for [^<]+</bdi>` +
	`<p class="note">blocks</p><ul><li data-key="\d+"><bdi><b>waiter</b></bdi>, process \d+: <bdi>active for [^<]+</bdi></li></ul></li></ul>`)

func TestServerViewShowsWhoBlocksWhom(t *testing.T) {
	t.Parallel()
	inst, server := blocking(t)
	var dials atomic.Int64
	dial := server.DialFunc
	server.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		dials.Add(1)
		return dial(ctx, network, address)
	}
	h := poolz.Handler([]*otelpool.Instrumentation{inst}, poolz.WithServerView(server))
	if body := get(h, "/").Body.String(); !strings.Contains(body, `href="?server#server"`) || dials.Load() != 0 {
		t.Errorf("%d dials before the view is open, or no link:\n%s", dials.Load(), body)
	}
	start := time.Now()
	var viewers sync.WaitGroup
	for range 50 {
		viewers.Go(func() {
			if w := get(h, "/?server"); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "Who has the server") {
				t.Errorf("status %d: %s", w.Code, w.Body)
			}
		})
	}
	viewers.Wait()
	if n := dials.Load(); n > 1 && time.Since(start) < 5*time.Second {
		t.Errorf("%d dials for 50 viewers", n)
	}
	testutil.Eventually(t, "the page shows the tree, and the finding", func() bool {
		body := get(h, "/?server").Body.String()
		if strings.Contains(body, "secret") || strings.Contains(body, server.Password) && server.Password != "" {
			t.Fatal("the page has a secret: " + body)
		}
		return whoBlocks.MatchString(body) && strings.Contains(body, ": blocked</h3>")
	})
	if most := int64(time.Since(start)/(5*time.Second)) + 1; dials.Load() > most {
		t.Errorf("%d dials, want at most %d", dials.Load(), most)
	}
	if body := get(h, "/?server&pause").Body.String(); strings.Contains(body, "http-equiv") || !strings.Contains(body, "Who has the server") {
		t.Error("the paused view is missing, or reloads itself")
	}
	away := request(http.MethodGet, "/?server")
	away.RemoteAddr = "192.0.2.1:1234"
	if w := serve(h, away); w.Code != http.StatusForbidden {
		t.Errorf("status %d for another machine", w.Code)
	}
}

func TestServerViewReportsReasonIfMissing(t *testing.T) {
	t.Parallel()
	server, err := pgx.ParseConfig("postgres://somebody:a_secret_password@127.0.0.1:1/somewhere?sslmode=disable")
	testutil.NoError(t, err)
	h := poolz.Handler([]*otelpool.Instrumentation{newPool(t, "main", "checkout")}, poolz.WithServerView(server))
	body := get(h, "/?server").Body.String()
	if !strings.Contains(body, "connection refused") || strings.Contains(body, "a_secret_password") || !strings.Contains(body, "checkout") {
		t.Errorf("got %s", body)
	}
}

// TestLeavingViewerDoesNotWaitForServer uses a viewer that leaves, and a server that never answers.
func TestLeavingViewerDoesNotWaitForServer(t *testing.T) {
	t.Parallel()
	server, err := pgx.ParseConfig("host=localhost sslmode=disable")
	testutil.NoError(t, err)
	server.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	h := poolz.Handler(nil, poolz.WithServerView(server))
	ctx, leave := context.WithCancel(t.Context())
	leave()
	done := make(chan struct{})
	go func() {
		defer close(done)
		serve(h, request(http.MethodGet, "/?server").WithContext(ctx))
	}()
	select {
	case <-done:
	case <-time.After(2 * time.Second):
		t.Error("the request of a viewer that left waits for the server")
	}
}

func TestServerIsAskedOnlyWithOption(t *testing.T) {
	t.Parallel()
	for _, opts := range [][]poolz.Option{nil, {poolz.WithServerView(&pgx.ConnConfig{}), poolz.WithServerView(nil)}} {
		w := get(poolz.Handler([]*otelpool.Instrumentation{newPool(t, "main", "checkout")}, opts...), "/?server")
		if w.Code != http.StatusOK || strings.Contains(w.Body.String(), "PostgreSQL") || strings.Contains(w.Body.String(), "?server") {
			t.Errorf("status %d: %s", w.Code, w.Body)
		}
	}
}
