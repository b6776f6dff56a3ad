package prometheus_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelpool/otelpool-go/exporters/prometheus"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

// gatedGauge is a gauge whose value is the number of the gathering. The first gatherings wait.
type gatedGauge struct {
	gatherings atomic.Int64
	proceed    chan struct{}
}

func observeGated(t *testing.T, provider metric.MeterProvider) *gatedGauge {
	t.Helper()
	g := &gatedGauge{proceed: make(chan struct{})}
	observeBy(t, provider.Meter(poolScope), "pgxpool.size", func(_ context.Context, o metric.Int64Observer) error {
		n := g.gatherings.Add(1)
		<-g.proceed
		o.Observe(n, metric.WithAttributes(mainPool))
		return nil
	})
	return g
}

func TestWaitingScrapesShareGathering(t *testing.T) {
	t.Parallel()
	exporter := newExporter(t, failOnError(t))
	gauge := observeGated(t, newProvider(t, exporter))
	const scrapes = 40
	var pages sync.WaitGroup
	for i := range scrapes {
		accept := []string{acceptText, acceptOpenMetrics, acceptProtobuf}[i%3]
		pages.Go(func() { page(t, exporter, accept) })
	}
	// Two gather at the same time: one is in the callback, the other waits for the SDK. The rest wait for the next
	// gathering.
	testutil.Eventually(t, "the other scrapes wait for the first", func() bool { return exporter.Waiting() == scrapes-2 && gauge.gatherings.Load() == 1 })
	close(gauge.proceed)
	pages.Wait()
	if got := gauge.gatherings.Load(); got != 3 {
		t.Errorf("%d simultaneous scrapes took %d gatherings: want 3", scrapes, got)
	}
}

func TestScrapeGetsNoOlderValues(t *testing.T) {
	t.Parallel()
	exporter := newExporter(t, failOnError(t))
	gauge := observeGated(t, newProvider(t, exporter))
	var first sync.WaitGroup
	first.Go(func() { page(t, exporter, acceptText) })
	testutil.Eventually(t, "the first gathers", func() bool { return gauge.gatherings.Load() == 1 })

	// The first gathering has begun, so it must not answer this one.
	var second sync.WaitGroup
	second.Go(func() {
		if got := page(t, exporter, acceptText); !strings.Contains(got, `db_pool_size{pool="main"} 2`) {
			t.Errorf("page %s: want the second gathering", got)
		}
	})
	close(gauge.proceed)
	first.Wait()
	second.Wait()
	if got := page(t, exporter, acceptText); !strings.Contains(got, `db_pool_size{pool="main"} 3`) {
		t.Errorf("page %s: want the third gathering", got)
	}
}

// slowClient is a ResponseWriter whose client reads nothing until released.
type slowClient struct {
	*httptest.ResponseRecorder
	blocked chan<- struct{}
	release <-chan struct{}
}

func (c slowClient) Write(b []byte) (int, error) {
	c.blocked <- struct{}{}
	<-c.release
	return c.ResponseRecorder.Write(b)
}

func TestSlowClientsHoldCompressedPages(t *testing.T) { // It measures memory, so not in parallel.
	exporter := newExporter(t, failOnError(t))
	provider := sdkmetric.NewMeterProvider(shop, sdkmetric.WithCardinalityLimit(0), sdkmetric.WithReader(exporter))
	instrument(t, provider, names("pool-%03d", 10), withOperations(165))
	size := len(page(t, exporter, acceptText))

	const clients = 20
	blocked, release := make(chan struct{}), make(chan struct{})
	var reading sync.WaitGroup
	before := liveHeap()
	for i := range clients {
		encoding := []string{"gzip", "identity"}[i%2]
		reading.Go(func() {
			request := httptest.NewRequest(http.MethodGet, "/metrics", nil)
			request.Header.Set("Accept-Encoding", encoding)
			exporter.ServeHTTP(slowClient{httptest.NewRecorder(), blocked, release}, request)
		})
		<-blocked // so that each has its own gathering
	}
	held := liveHeap() - before
	if held > clients*size/5 {
		t.Errorf("%d slow clients hold %d bytes: want less than a fifth of %d pages of %d bytes", clients, held, clients, size)
	}
	t.Logf("%d slow clients hold %d bytes; a page has %d", clients, held, size)

	// They do not delay other clients.
	page(t, exporter, acceptText)
	go func() {
		for range blocked {
			continue
		}
	}()
	close(release)
	reading.Wait()
	close(blocked)
}

func liveHeap() int {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

func TestEncodingFollowsClient(t *testing.T) {
	t.Parallel()
	exporter := newExporter(t, failOnError(t))
	observe(t, newProvider(t, exporter), "pgxpool.size", mainPool)
	for accepted, zipped := range map[string]bool{
		"gzip": true, "GZIP": true, "deflate, gzip;q=0.5": true, "gzip; q=1.0": true, "*": true, "br, *;q=0.1": true,
		"": false, "identity": false, "gzip;q=0": false, "gzip;Q=0": false, "gzip;q=0, *": false, "br": false, "*;q=0": false, "gzip;q=x": false,
		"identity;q=0": false, "gzip;q=0, zstd;q=0": false,
	} {
		request := httptest.NewRequest(http.MethodGet, "/metrics", nil)
		request.Header.Set("Accept-Encoding", accepted)
		response := httptest.NewRecorder()
		response.Header().Set("Vary", "Origin")
		exporter.ServeHTTP(response, request)
		if got := response.Header()["Vary"]; !slices.Equal(got, []string{"Origin", "Accept, Accept-Encoding"}) {
			t.Errorf("%q: the page varies with %q", accepted, got)
		}
		if got := response.Header().Get("Content-Encoding"); (got == "gzip") != zipped {
			t.Errorf("%q: content encoding %q", accepted, got)
			continue
		}
		body := response.Body.String()
		if zipped {
			body = unzip(t, response.Body)
		}
		if !strings.Contains(body, "db_pool_size") {
			t.Errorf("%q: page %s", accepted, body)
		}
	}
}

func TestDisconnectsAreCountedNotLogged(t *testing.T) {
	t.Parallel()
	reported := &errorList{}
	exporter := newExporter(t, prometheus.WithErrorHandler(reported))
	observe(t, newProvider(t, exporter), "pgxpool.size", mainPool)
	for range 25 {
		exporter.ServeHTTP(brokenWriter{httptest.NewRecorder()}, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	}
	testutil.Equal(t, "disconnects", exporter.Disconnects(), 25)
	got := reported.all()
	if len(got) != 2 {
		t.Fatalf("reported %v: want the first and the 10th", got)
	}
	for i, n := range []int{1, 10} {
		if !errors.Is(got[i], errBroken) || !strings.Contains(got[i].Error(), fmt.Sprintf("(%d so far)", n)) {
			t.Errorf("reported %v: want %d so far and the reason", got[i], n)
		}
	}
}

func TestDisconnectedClientIsCounted(t *testing.T) {
	t.Parallel()
	exporter := newExporter(t, prometheus.WithErrorHandler(&errorList{}))
	gauge := observeGated(t, newProvider(t, exporter))
	var others sync.WaitGroup
	for range 2 {
		others.Go(func() { page(t, exporter, acceptText) })
	}
	testutil.Eventually(t, "two gather", func() bool { return exporter.Gathering() == 2 })
	ctx, leave := context.WithCancel(t.Context())
	var leaving sync.WaitGroup
	for range 3 {
		leaving.Go(func() {
			exporter.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodGet, "/metrics", nil))
		})
	}
	testutil.Eventually(t, "three wait", func() bool { return exporter.Waiting() == 3 })
	leave()
	leaving.Wait()
	testutil.Equal(t, "disconnects", exporter.Disconnects(), 3)
	close(gauge.proceed)
	others.Wait()
	page(t, exporter, acceptText)
	testutil.Equal(t, "gatherings, none for the clients that left", gauge.gatherings.Load(), 3)
}

func TestPanicWhileServingEndsOneScrape(t *testing.T) {
	t.Parallel()
	var panics atomic.Bool
	exporter := newExporter(t, prometheus.WithErrorHandler(panickingHandler{&panics}))
	provider := newProvider(t, exporter)
	observe(t, provider, "pgxpool.size", mainPool)
	observeBy(t, provider.Meter(poolScope), "pgxpool.peak", func(context.Context, metric.Int64Observer) error { return errBroken })
	panics.Store(true)
	serve(t, exporter, acceptText, http.StatusInternalServerError)
	panics.Store(false)
	page(t, exporter, acceptText)
}

type panickingHandler struct{ panics *atomic.Bool }

func (h panickingHandler) Handle(error) {
	if h.panics.Load() {
		panic("the handler's panic")
	}
}
