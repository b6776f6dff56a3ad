package poolz_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/otelpool/otelpool-go/exporters/poolz"
	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

// TestSlowViewersDoNotDelayOthers has 50 viewers that read a byte a second, and 150 normal ones.
func TestSlowViewersDoNotDelayOthers(t *testing.T) {
	const slow, fast, looks = 50, 150, 5
	h := poolz.Handler([]*otelpool.Instrumentation{newPool(t, "main", strings.Repeat("<", 255))})
	var writing atomic.Int64
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		writing.Add(1)
		defer writing.Add(-1)
		h.ServeHTTP(w, r)
		_ = http.NewResponseController(w).Flush() // else the server may wait for a slow viewer later
	}))
	// Otherwise the system's buffers grow to megabytes, and take a whole page.
	s.Config.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		_ = conn.(*net.TCPConn).SetWriteBuffer(4 << 10)
		return ctx
	}
	s.Start()
	defer s.Close()

	ctx, leave := context.WithCancel(t.Context())
	var slowViewers sync.WaitGroup
	defer slowViewers.Wait()
	defer leave()
	for range slow {
		conn, err := net.Dial("tcp", s.Listener.Addr().String())
		testutil.NoError(t, err)
		_ = conn.(*net.TCPConn).SetReadBuffer(4 << 10)
		// A single page would fit into the system's buffers.
		fmt.Fprint(conn, strings.Repeat("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 1000))
		slowViewers.Go(func() { readSlowly(ctx, conn) })
	}
	testutil.Eventually(t, "the slow viewers wait", func() bool { return writing.Load() == slow })

	client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: fast}}
	defer client.CloseIdleConnections()
	var fastViewers sync.WaitGroup
	for i := range fast {
		fastViewers.Go(func() {
			for range looks {
				res, err := client.Get(s.URL + []string{"/", "/report.json", "/history.json", "/report.txt"}[i%4])
				if err != nil {
					t.Error(err)
					return
				}
				_, err = io.Copy(io.Discard, res.Body)
				if res.Body.Close(); err != nil || res.StatusCode != http.StatusOK {
					t.Errorf("%v, status %d", err, res.StatusCode)
				}
			}
		})
	}
	fastViewers.Wait()
	testutil.Eventually(t, "the others are served", func() bool { return writing.Load() <= slow })
	if n := writing.Load(); n < slow {
		t.Errorf("%d slow viewers still wait, of %d: they were not slow", n, slow)
	}
	leave()
	slowViewers.Wait()
	testutil.Eventually(t, "no goroutine is left", func() bool { return writing.Load() == 0 && !running() })
}

// readSlowly reads a byte a second until ctx ends.
func readSlowly(ctx context.Context, conn net.Conn) {
	defer conn.Close()
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for b := make([]byte, 1); ; {
		select {
		case <-ticker.C:
			_, _ = conn.Read(b)
		case <-ctx.Done():
			return
		}
	}
}

// TestNothingRunsWithoutViewers creates a handler and requests the page once.
func TestNothingRunsWithoutViewers(t *testing.T) {
	inst := newPool(t, "main", "checkout")
	h := poolz.Handler([]*otelpool.Instrumentation{inst})
	for range 2 {
		if running() {
			t.Error("a goroutine runs")
		}
		get(h, "/")
	}
	if n := testing.AllocsPerRun(10, func() { poolz.Handler([]*otelpool.Instrumentation{inst}) }); n > 5 {
		t.Errorf("a handler costs %v allocations", n)
	}
}

// ours matches a function of the package that is not a test.
var ours = regexp.MustCompile(`exporters/poolz\.(?:\(|[a-z]|Handler)`)

// running reports whether a goroutine runs, or was started by, a function of the package.
func running() bool {
	all := make([]byte, 4<<20)
	return ours.Match(all[:runtime.Stack(all, true)])
}
