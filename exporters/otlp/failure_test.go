package otlp_test

import (
	"context"
	"crypto/tls"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/metric"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/otelpool/otelpool-go/exporters/otlp"
	"github.com/otelpool/otelpool-go/exporters/otlp/otlptest"
)

// quickRetry retries without delay for the duration of a test.
var quickRetry = otlp.WithRetry(otlp.RetryConfig{
	Enabled: true, InitialInterval: time.Millisecond, MaxInterval: time.Millisecond, MaxElapsedTime: testTimeout,
})

func TestHangingReceiverBlocksNothing(t *testing.T) {
	t.Parallel()
	for _, p := range bothProtocols {
		t.Run(string(p.reader), func(t *testing.T) {
			t.Parallel()
			ctx := testContext(t)
			endpoint, accepted := hangingReceiver(t)
			// Only the deadline of Shutdown ends this export in time.
			provider := newProvider(t, otlp.WithProtocol(p.reader), otlp.WithEndpointURL(endpoint),
				otlp.WithInterval(time.Millisecond), otlp.WithTimeout(time.Hour), otlp.WithExportTimeout(time.Hour))
			add(t, provider, 1)
			within(t, ctx, "the export", accepted)

			within(t, ctx, "recording", run(func() {
				for range 1000 {
					add(t, provider, 1)
				}
			}))

			var err error
			within(t, ctx, "shutdown", run(func() {
				ctx, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
				defer cancel()
				err = provider.Shutdown(ctx)
			}))
			if err == nil {
				t.Error("shutdown sent nothing and returned no error")
			}
		})
	}
}

func TestTimeoutEndsRequest(t *testing.T) {
	for _, p := range bothProtocols {
		endpoint, _ := hangingReceiver(t)
		opts := []otlp.Option{
			otlp.WithProtocol(p.reader), otlp.WithEndpointURL(endpoint), otlp.WithExportTimeout(time.Hour), noRetry,
		}
		t.Run(string(p.reader)+" by option", func(t *testing.T) {
			t.Setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "3600000")
			wantPushTimeout(t, append(opts, otlp.WithTimeout(50*time.Millisecond)))
		})
		t.Run(string(p.reader)+" of the environment", func(t *testing.T) {
			t.Setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "3600000")
			t.Setenv("OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", "50")
			wantPushTimeout(t, opts)
		})
	}
}

// wantPushTimeout checks that a timeout in opts ends a push. The default timeout of a request is 10 seconds, so the
// test ends it before that.
func wantPushTimeout(t *testing.T, opts []otlp.Option) {
	t.Helper()
	provider := newProvider(t, opts...)
	add(t, provider, 1)
	ctx, cancel := context.WithTimeout(context.Background(), 8*time.Second)
	defer cancel()
	if err := provider.ForceFlush(ctx); err == nil || ctx.Err() != nil {
		t.Errorf("flush returned error %v: want a request timeout", err)
	}
}

func TestTemporaryFailureIsRetried(t *testing.T) {
	t.Parallel()
	for _, p := range bothProtocols {
		for want, retry := range map[int]otlp.Option{1: noRetry, 2: quickRetry} {
			receiver := otlptest.New(t, p.receiver, otlptest.WithRefusal(func(n int) error {
				if n == 1 {
					return status.Error(codes.Unavailable, "not now")
				}
				return nil
			}))
			err := push(t, otlp.WithProtocol(p.reader), otlp.WithEndpointURL(receiver.Endpoint()), retry)
			if got := len(receiver.Requests()); got != want || len(receiver.Metrics()) != want-1 || (err == nil) != (want == 2) {
				t.Errorf("%s: error %v after %d requests: want the refused one and, with retries, one more", p.reader, err, got)
			}
		}
	}
}

// This test is not parallel, so that no other test takes the port between its two uses.
func TestRefusedConnectionIsRetried(t *testing.T) {
	for _, p := range bothProtocols {
		t.Run(string(p.reader), func(t *testing.T) {
			ctx := testContext(t)
			addr := unusedAddr(t)
			// The flush, which is the only push, starts before the receiver.
			provider := newProvider(t, otlp.WithProtocol(p.reader), otlp.WithEndpoint(addr), otlp.WithInsecure(), quickRetry)
			collected := make(chan struct{}, 1)
			_, err := provider.Meter("test").Int64ObservableGauge("test.collected", metric.WithInt64Callback(
				func(context.Context, metric.Int64Observer) error { collected <- struct{}{}; return nil }))
			noError(t, err)
			add(t, provider, 3)
			flushed := run(func() { err = provider.ForceFlush(ctx) })
			within(t, ctx, "the collection", collected)

			receiver := otlptest.New(t, p.receiver, otlptest.WithAddr(addr))
			within(t, ctx, "the flush", flushed)
			if err != nil || count(receiver.Metrics()) != 3 {
				t.Errorf("flush returned error %v, received count %d: want 3", err, count(receiver.Metrics()))
			}
		})
	}
}

func TestRetryOfRefusedConnectionEnds(t *testing.T) {
	t.Parallel()
	for _, p := range bothProtocols {
		addr := unusedAddr(t)
		retry := otlp.WithRetry(otlp.RetryConfig{
			Enabled: true, InitialInterval: time.Millisecond, MaxInterval: time.Millisecond, MaxElapsedTime: 50 * time.Millisecond,
		})
		err := push(t, otlp.WithProtocol(p.reader), otlp.WithEndpoint(addr), otlp.WithInsecure(), retry)
		if err == nil || !strings.Contains(err.Error(), "max retry time") || !strings.Contains(err.Error(), "connection refused") {
			t.Errorf("%s: error %v: want the one of the last of several attempts", p.reader, err)
		}
	}
}

// A receiver that is restarted may close a connection before it answers.
func TestClosedConnectionIsRetried(t *testing.T) {
	t.Parallel()
	requests := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if requests++; requests < 3 {
			panic(http.ErrAbortHandler)
		}
	}))
	t.Cleanup(server.Close)
	if err := push(t, otlp.WithEndpointURL(server.URL), quickRetry); err != nil || requests != 3 {
		t.Errorf("error %v after %d requests: want none after 3", err, requests)
	}
}

func TestRefusedCertificateIsNotRetried(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = &tls.Config{ClientAuth: tls.RequireAnyClientCert}
	server.StartTLS()
	t.Cleanup(server.Close)
	for name, config := range map[string]*tls.Config{
		"the server's": {},
		"the client's": server.Client().Transport.(*http.Transport).TLSClientConfig,
	} {
		start := time.Now()
		err := push(t, otlp.WithEndpointURL(server.URL), otlp.WithTLSConfig(config), quickRetry)
		if err == nil || time.Since(start) > testTimeout/2 {
			t.Errorf("%s: error %v after %v: want one without retries", name, err, time.Since(start))
		}
	}
}

func TestPermanentFailureIsReportedNotRetried(t *testing.T) {
	t.Parallel()
	for _, p := range bothProtocols {
		reason := "refused by the test of " + string(p.reader)
		receiver := otlptest.New(t, p.receiver, otlptest.WithRefusal(func(int) error {
			return status.Error(codes.InvalidArgument, reason)
		}))
		opts := []otlp.Option{otlp.WithProtocol(p.reader), otlp.WithEndpointURL(receiver.Endpoint()), quickRetry}
		if err := push(t, opts...); err == nil || !strings.Contains(err.Error(), reason) {
			t.Errorf("%s: flush returned error %v: want the receiver's reason", p.reader, err)
		}
		if got := len(receiver.Requests()); got != 1 {
			t.Errorf("%s: %d requests arrived: want 1", p.reader, got)
		}

		add(t, newProvider(t, append(opts, otlp.WithInterval(time.Millisecond))...), 1)
		if err := reported.wait(testContext(t), reason); err != nil {
			t.Errorf("%s: %v", p.reader, err)
		}
	}
}

func TestInvalidResponseIsAnError(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/x-protobuf")
		_, _ = w.Write([]byte("\xff\xff garbage"))
	}))
	t.Cleanup(server.Close)
	if err := push(t, otlp.WithEndpointURL(server.URL)); err == nil {
		t.Error("garbage body with status 200: no error")
	}
}

func TestRedirectIsNotFollowed(t *testing.T) {
	t.Parallel()
	receiver := otlptest.New(t, otlptest.HTTP)
	for _, code := range []int{http.StatusFound, http.StatusPermanentRedirect} {
		server := httptest.NewServer(http.RedirectHandler(receiver.Endpoint()+"/v1/metrics", code))
		t.Cleanup(server.Close)
		err := push(t, otlp.WithEndpointURL(server.URL), otlp.WithHeaders(map[string]string{"x-token": secret}))
		if err == nil || !strings.Contains(err.Error(), http.StatusText(code)) || strings.Contains(err.Error(), secret) {
			t.Errorf("status %d: error %v: want one with the status text", code, err)
		}
	}
	if got := receiver.Requests(); len(got) != 0 {
		t.Errorf("%d requests arrived at the target of the redirect: want none", len(got))
	}
}

// unusedAddr returns an address that refuses connections.
func unusedAddr(t *testing.T) string {
	t.Helper()
	listener := listen(t)
	noError(t, listener.Close())
	return listener.Addr().String()
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	noError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	return listener
}

// hangingReceiver returns the URL of a receiver that accepts connections until the test ends, and answers nothing. The
// channel is closed after the first connection.
func hangingReceiver(t *testing.T) (url string, accepted <-chan struct{}) {
	t.Helper()
	listener := listen(t)
	first, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		var conns []net.Conn
		for {
			conn, err := listener.Accept()
			if err != nil {
				break
			}
			if len(conns) == 0 {
				close(first)
			}
			conns = append(conns, conn)
		}
		for _, conn := range conns {
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		noError(t, listener.Close())
		<-done
	})
	return "http://" + listener.Addr().String(), first
}

// run runs f in a new goroutine and closes the channel when f returns.
func run(f func()) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	return done
}

func within(t *testing.T, ctx context.Context, what string, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-ctx.Done():
		t.Fatalf("%s hangs", what)
	}
}
