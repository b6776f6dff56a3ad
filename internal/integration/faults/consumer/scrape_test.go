package consumer_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelpool/otelpool-go/exporters/prometheus"
	"github.com/otelpool/otelpool-go/internal/integration/faults/rig"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

const (
	// writeTimeout is the server's write timeout for slow clients.
	writeTimeout = 2 * time.Second
	// smallBuffer makes a page larger than the buffers of a connection, so that a slow reader blocks the server.
	smallBuffer = 4 << 10
)

// page serves the metrics of the current exporter, or a fixed text for comparison.
type page struct {
	addr    string
	fixed   bool
	current atomic.Pointer[prometheus.Exporter]
	codes   [600]atomic.Int64 // answers by status
	broken  atomic.Int64      // requests without an answer
	slowest atomic.Int64      // slowest answer to a client that reads without delay, in nanoseconds
}

// fixedText has the size of a page.
var fixedText = strings.Repeat("db_pool_size{pool=\"test\"} 8\n", 500)

func (p *page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if p.fixed {
		_, _ = io.WriteString(w, fixedText)
		return
	}
	p.current.Load().ServeHTTP(w, r)
}

// serve starts the server and closes it after the test. It has the timeouts that every server should have.
func serve(t *testing.T, fixed bool, timeout time.Duration) *page {
	t.Helper()
	p := &page{fixed: fixed}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	testutil.NoError(t, err)
	p.addr = listener.Addr().String()
	server := &http.Server{
		Handler:           p,
		ReadHeaderTimeout: timeout, WriteTimeout: timeout, IdleTimeout: timeout, MaxHeaderBytes: 16 << 10,
		ConnContext: func(ctx context.Context, conn net.Conn) context.Context {
			_ = conn.(*net.TCPConn).SetWriteBuffer(smallBuffer) // without it, the page only arrives faster
			return ctx
		},
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	}()
	t.Cleanup(func() {
		testutil.Check(t, server.Close())
		<-done
	})
	return p
}

func (p *page) reader(t *testing.T) sdkmetric.Reader {
	exporter, err := prometheus.New()
	testutil.NoError(t, err)
	p.current.Store(exporter)
	return exporter
}

// get scrapes as Prometheus does, on a new connection, and returns the status, or 0 without an answer.
func (p *page) get(t *testing.T) int {
	began := time.Now()
	transport := &http.Transport{DisableKeepAlives: true, DisableCompression: true}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: rig.Wait}
	request, err := http.NewRequest(http.MethodGet, "http://"+p.addr+"/metrics", nil)
	if err != nil {
		t.Error(err)
		return 0
	}
	response, err := client.Do(request)
	if err == nil {
		_, err = io.Copy(io.Discard, response.Body)
		response.Body.Close()
	}
	if err != nil {
		p.broken.Add(1)
		return 0
	}
	p.codes[response.StatusCode].Add(1)
	for took := int64(time.Since(began)); ; {
		slowest := p.slowest.Load()
		if took <= slowest || p.slowest.CompareAndSwap(slowest, took) {
			return response.StatusCode
		}
	}
}

func (p *page) summary() string {
	var parts []string
	for code := range p.codes {
		if n := p.codes[code].Load(); n > 0 {
			parts = append(parts, fmt.Sprintf("%d times status %d", n, code))
		}
	}
	if n := p.broken.Load(); n > 0 {
		parts = append(parts, fmt.Sprintf("%d requests cut", n))
	}
	return strings.Join(parts, ", ") + fmt.Sprintf(", the slowest after %v", time.Duration(p.slowest.Load()).Round(time.Millisecond))
}

// scrapePause is the time between two requests of a scraper: a hundredth of Prometheus' default.
const scrapePause = 150 * time.Millisecond

func untilStop(n int, stop <-chan struct{}, f func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(scrapePause):
					f(i)
				}
			}
		})
	}
	wg.Wait()
}

// ask opens a connection with small buffers and requests the page.
func (p *page) ask() (*net.TCPConn, error) {
	dialer := net.Dialer{Timeout: rig.Wait, Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		control := c.Control(func(fd uintptr) {
			err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, smallBuffer)
		})
		return errors.Join(control, err)
	}}
	conn, err := dialer.Dial("tcp", p.addr)
	if err != nil {
		return nil, err
	}
	tcp := conn.(*net.TCPConn)
	if _, err := io.WriteString(tcp, "GET /metrics HTTP/1.1\r\nHost: test\r\n\r\n"); err != nil {
		return nil, errors.Join(err, tcp.Close())
	}
	return tcp, nil
}

func (p *page) disconnect(t *testing.T, stop <-chan struct{}) {
	untilStop(8, stop, func(int) {
		conn, err := p.ask()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.ReadFull(conn, make([]byte, 64))
		_ = conn.SetLinger(0) // a reset, not an end
		_ = conn.Close()
		p.broken.Add(1)
	})
	testutil.Equal(t, "status afterwards", p.get(t), http.StatusOK)
}

// readSlowly runs scrapers that read one byte a second. There are more of them than are served at the same time.
func (p *page) readSlowly(t *testing.T, stop <-chan struct{}) {
	var conns []net.Conn
	for range 60 {
		conn, err := p.ask()
		if err != nil {
			t.Error(err)
			break
		}
		conns = append(conns, conn)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		untilStop(1, stop, func(int) {
			for _, conn := range conns {
				_, _ = conn.Read(make([]byte, 1))
			}
			select {
			case <-stop:
			case <-time.After(time.Second):
			}
		})
	})
	wg.Go(func() {
		untilStop(1, stop, func(int) {
			// On a busy machine, the server's write timeout may cut this scrape too.
			if code := p.get(t); code != http.StatusOK && code != http.StatusServiceUnavailable && code != 0 {
				t.Errorf("status %d beside slow readers", code)
			}
		})
	})
	wg.Wait()
	// The slow readers still hold their places until the server closes them.
	rig.Eventually(t, "a scrape beside slow readers", func() bool { return p.get(t) == http.StatusOK })
	for _, conn := range conns {
		_ = conn.Close()
	}
}

func (p *page) scrapeConcurrently(t *testing.T, stop <-chan struct{}) {
	var wg sync.WaitGroup
	for range 500 {
		wg.Go(func() {
			if code := p.get(t); code != http.StatusOK && code != http.StatusServiceUnavailable {
				t.Errorf("status %d in a crowd", code)
			}
		})
	}
	wg.Wait()
	<-stop
	testutil.Equal(t, "status afterwards", p.get(t), http.StatusOK)
}
