package otlp_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"

	"github.com/otelpool/otelpool-go/exporters/otlp"
	"github.com/otelpool/otelpool-go/exporters/otlp/otlptest"
)

// reported keeps the errors sent to OpenTelemetry's global error handler.
var reported = errorLog{grown: make(chan struct{})}

func TestMain(m *testing.M) {
	for _, pair := range os.Environ() {
		if name, _, _ := strings.Cut(pair, "="); strings.HasPrefix(name, "OTEL_") {
			if err := os.Unsetenv(name); err != nil {
				panic(err)
			}
		}
	}
	otel.SetErrorHandler(&reported)
	os.Exit(m.Run())
}

type errorLog struct {
	mu    sync.Mutex
	errs  []error
	grown chan struct{} // closed and replaced with every error
}

func (l *errorLog) Handle(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.errs = append(l.errs, err)
	close(l.grown)
	l.grown = make(chan struct{})
}

// count returns the number of errors whose text contains part.
func (l *errorLog) count(part string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, err := range l.errs {
		if strings.Contains(err.Error(), part) {
			n++
		}
	}
	return n
}

// wait waits for an error whose text contains part.
func (l *errorLog) wait(ctx context.Context, part string) error {
	for {
		l.mu.Lock()
		grown := l.grown
		l.mu.Unlock()
		if l.count(part) > 0 {
			return nil
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return fmt.Errorf("no error with %q was reported: %w", part, ctx.Err())
		}
	}
}

// bothProtocols lists the protocols, by the receiver's and by the reader's name.
var bothProtocols = []struct {
	receiver otlptest.Protocol
	reader   otlp.Protocol
}{
	{otlptest.GRPC, otlp.ProtocolGRPC},
	{otlptest.HTTP, otlp.ProtocolHTTP},
}

// noError ends the test if err is not nil.
func noError(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// testTimeout bounds every wait. Only a failing test reaches it.
const testTimeout = time.Minute

func testContext(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
	t.Cleanup(cancel)
	return ctx
}

// noRetry disables retries.
var noRetry = otlp.WithRetry(otlp.RetryConfig{})

// newProvider returns a provider that pushes with opts. It exports only on a flush, unless opts set an interval.
func newProvider(t *testing.T, opts ...otlp.Option) *sdkmetric.MeterProvider {
	t.Helper()
	opts = append([]otlp.Option{otlp.WithInterval(time.Hour)}, opts...)
	reader, err := otlp.NewReader(context.Background(), opts...)
	noError(t, err)
	return newProviderOf(t, reader)
}

// newProviderOf returns a provider of reader that is shut down at the end of the test.
func newProviderOf(t *testing.T, reader sdkmetric.Reader, opts ...sdkmetric.Option) *sdkmetric.MeterProvider {
	t.Helper()
	provider := sdkmetric.NewMeterProvider(append(opts, sdkmetric.WithReader(reader))...)
	t.Cleanup(func() {
		// The receiver may be gone, so there must be no flush.
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = provider.Shutdown(ctx)
	})
	return provider
}

// add adds n to the counter "test.count" of provider.
func add(t *testing.T, provider *sdkmetric.MeterProvider, n int64) {
	t.Helper()
	counter, err := provider.Meter("test").Int64Counter("test.count")
	noError(t, err)
	counter.Add(context.Background(), n)
}

// push counts one and pushes it with opts.
func push(t *testing.T, opts ...otlp.Option) error {
	t.Helper()
	provider := newProvider(t, opts...)
	add(t, provider, 1)
	return provider.ForceFlush(testContext(t))
}

// count returns the last received value of "test.count", or -1.
func count(received []*metricspb.ResourceMetrics) int64 {
	points := otlptest.Latest(received, "test.count").GetSum().GetDataPoints()
	if len(points) != 1 {
		return -1
	}
	return points[0].GetAsInt()
}

func wantPushed(t *testing.T, receiver *otlptest.Receiver, opts ...otlp.Option) {
	t.Helper()
	noError(t, push(t, opts...))
	if got := count(receiver.Metrics()); got != 1 {
		t.Fatalf("received count %d: want 1", got)
	}
}
