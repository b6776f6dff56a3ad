package prometheus_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	client "github.com/prometheus/client_golang/prometheus"

	"github.com/otelpool/otelpool-go/exporters/prometheus"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

// TestScrapesAreConcurrentSafe scrapes in all formats concurrently while values are recorded and other metrics are
// added. At the end it shuts the MeterProvider down.
func TestScrapesAreConcurrentSafe(t *testing.T) {
	t.Parallel()
	exporter := newExporter(t, failOnError(t), prometheus.WithOpenTelemetryNames(), prometheus.WithFullCollector())
	registry := client.NewRegistry()
	registry.MustRegister(exporter.Collector())
	provider := newProvider(t, exporter)
	r := instrument(t, provider, []string{"main", "replica"}, poolInstruments)
	want := familyNames(gatherAll(t, exporter))

	ctx, stop := context.WithCancel(traced(t.Context()))
	defer stop()
	var recording, scraping sync.WaitGroup
	recording.Go(func() {
		for ctx.Err() == nil {
			r.recordAll(ctx)
		}
	})
	const scrapes = 20
	for _, accept := range []string{acceptText, acceptOpenMetrics, acceptProtobuf} {
		scraping.Go(func() {
			for range scrapes {
				if body := page(t, exporter, accept); !strings.Contains(body, "db_pool_checked_out") {
					t.Errorf("page %s", body)
				}
			}
		})
	}
	scraping.Go(func() {
		for range scrapes {
			got := gatherAll(t, registry)
			if len(only(got, want...)) != len(want) {
				t.Errorf("gathered %v, want all of %v", familyNames(got), want)
			}
		}
	})
	scraping.Go(func() { instrumentOthers(t, provider) })
	scraping.Wait()

	scraping.Go(func() {
		for range scrapes {
			_, _ = exporter.Gather() // It may fail but must neither panic nor hang.
		}
	})
	testutil.Check(t, provider.Shutdown(t.Context()))
	scraping.Wait()
	stop()
	recording.Wait()
}
