package prometheus_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
)

// BenchmarkScrapesAtOnce serves some 20 000 series to 40 clients at once, which accept gzip or do not. It reports the
// most memory in use beyond that of the MeterProvider, looked at every millisecond.
func BenchmarkScrapesAtOnce(b *testing.B) {
	exporter := newExporter(b)
	provider := sdkmetric.NewMeterProvider(shop, sdkmetric.WithCardinalityLimit(0), sdkmetric.WithReader(exporter))
	instrument(b, provider, names("pool-%03d", 100), withOperations(165))
	server := httptest.NewServer(exporter)
	defer server.Close()

	for _, encoding := range []string{"gzip", "identity"} {
		b.Run(encoding, func(b *testing.B) {
			b.ReportAllocs()
			peak := 0.0
			for b.Loop() {
				debug.FreeOSMemory()
				before := heapInUse()
				peak = max(peak, peakDuring(func() { scrapeAtOnce(b, server.URL, encoding, 40) })-before)
			}
			b.ReportMetric(peak/1e6, "peak-MB")
		})
	}
}

func names(format string, n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprintf(format, i))
	}
	return all
}

// withOperations returns the instruments with n operations each.
func withOperations(n int) (specs []instrumentSpec) {
	var operations [][]attribute.KeyValue
	for _, name := range names("SELECT table_%03d", n) {
		operations = append(operations, operation(name))
	}
	for _, spec := range poolInstruments {
		if spec.name == "db.client.operation.duration" {
			spec.series = operations
		}
		specs = append(specs, spec)
	}
	return specs
}

func scrapeAtOnce(tb testing.TB, url, encoding string, n int) {
	client := &http.Client{Transport: &http.Transport{DisableCompression: true}}
	defer client.CloseIdleConnections()
	var scrapes sync.WaitGroup
	for range n {
		scrapes.Go(func() {
			request, err := http.NewRequest(http.MethodGet, url, nil)
			if err != nil {
				tb.Error(err)
				return
			}
			request.Header.Set("Accept-Encoding", encoding)
			response, err := client.Do(request)
			if err != nil {
				tb.Error(err)
				return
			}
			defer response.Body.Close()
			if size, err := io.Copy(io.Discard, response.Body); err != nil || size < 1000 || response.StatusCode != http.StatusOK {
				tb.Errorf("%d bytes, %v, %v", size, response.Status, err)
			}
		})
	}
	scrapes.Wait()
}

// heapInUse returns the memory of objects, and of what is between them.
func heapInUse() float64 {
	samples := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/unused:bytes"}}
	metrics.Read(samples)
	return float64(samples[0].Value.Uint64() + samples[1].Value.Uint64())
}

// peakDuring returns the most memory in use while f runs.
func peakDuring(f func()) (peak float64) {
	done, watched := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watched)
		ticker := time.NewTicker(time.Millisecond)
		defer ticker.Stop()
		for {
			peak = max(peak, heapInUse())
			select {
			case <-ticker.C:
			case <-done:
				return
			}
		}
	}()
	f()
	close(done)
	<-watched
	return peak
}
