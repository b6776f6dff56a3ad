package hostile

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelpool/otelpool-go/exporters/otlp"
	"github.com/otelpool/otelpool-go/exporters/otlp/otlptest"
	"github.com/otelpool/otelpool-go/exporters/prometheus"
	"github.com/otelpool/otelpool-go/otelpool"
)

// TestAThousandPoolsLoseNoSeriesWithoutAWord has a thousand pools run three operations each, scraped and pushed: once
// without a limit of series, when each is there, and once with the SDK's own, when what is folded must be said. Not
// parallel: it sets OpenTelemetry's global error handler.
func TestAThousandPoolsLoseNoSeriesWithoutAWord(t *testing.T) {
	const pools, operations = 1000, 3
	onDatabase(t, 1) // there is one, before anything can leak
	noLeak(t)
	for _, tt := range []struct {
		name string
		opts []sdkmetric.Option
		lost bool
	}{
		{"without a limit", []sdkmetric.Option{sdkmetric.WithCardinalityLimit(0)}, false},
		{"with the SDK's limit", nil, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var said said
			otel.SetErrorHandler(&said)
			bridge, err := prometheus.New(prometheus.WithErrorHandler(&said))
			if err != nil {
				t.Fatal(err)
			}
			receiver := otlptest.New(t, otlptest.HTTP)
			push, err := otlp.NewReader(t.Context(), otlp.WithProtocol(otlp.ProtocolHTTP), otlp.WithEndpointURL(receiver.Endpoint()), otlp.WithInterval(time.Hour),
				otlp.WithTimeout(patience), otlp.WithExportTimeout(patience))
			if err != nil {
				t.Fatal(err)
			}
			provider := sdkmetric.NewMeterProvider(append(tt.opts, sdkmetric.WithReader(bridge), sdkmetric.WithReader(push))...)
			conn := connect(t)
			for i := range pools {
				pool, end := offlinePool(t, provider, otelpool.WithPoolName(fmt.Sprint("pool ", i)))
				defer end()
				for operation := range operations {
					event(otelpool.WithOperation(t.Context(), fmt.Sprint("operation ", operation)), tracerOf(pool), conn, "SELECT 1")
				}
				clear(conn.PgConn().CustomData()) // it was this pool's, and is the next one's
			}
			page := scrape(t, bridge, formats[0])
			if err := provider.Shutdown(deadline(t)); err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{"db_pool_size", "db_pool_checked_out", "db_pool_checked_in", "db_pool_overflow", "db_pool_max", "db_pool_pending"} {
				if got := len(page.of(name)); !tt.lost && got != pools {
					t.Errorf("%d series of %s, want %d", got, name, pools)
				}
			}
			if got := len(page.of("db_query_duration_seconds_count")); !tt.lost && got != pools*operations {
				t.Errorf("%d series of operations, want %d", got, pools*operations)
			}
			if got := page.sum("db_query_duration_seconds_count"); got != pools*operations {
				t.Errorf("%v operations counted, want %d", got, pools*operations)
			}
			folded := foldedIn(receiver)
			if tt.lost == (len(folded) == 0) {
				t.Errorf("folded: %v", folded)
			}
			for _, exporter := range []string{"prometheus", "otlp"} {
				if got := said.by(exporter); !slices.Equal(got, folded) {
					t.Errorf("%s reports %v, folded are %v", exporter, got, folded)
				}
			}
			saw(t, "%d series on the page, folded and said so: %v", len(page), folded)
		})
	}
}

// said collects reports.
type said struct {
	mu   sync.Mutex
	errs []string
}

func (s *said) Handle(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.errs = append(s.errs, err.Error())
}

var foldedName = regexp.MustCompile(`^(prometheus|otlp): "([^"]+)".* has more series than the SDK keeps apart`)

// by gives the instruments whose folding an exporter reported, sorted, as often as it did.
func (s *said) by(exporter string) (names []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, text := range s.errs {
		if match := foldedName.FindStringSubmatch(text); match != nil && match[1] == exporter {
			names = append(names, match[2])
		}
	}
	slices.Sort(names)
	return names
}

// foldedIn gives the instruments that a receiver has the folded series of, sorted.
func foldedIn(receiver *otlptest.Receiver) (names []string) {
	for _, resource := range receiver.Metrics() {
		for _, scope := range resource.GetScopeMetrics() {
			for _, metric := range scope.GetMetrics() {
				if strings.Contains(metric.String(), "otel.metric.overflow") {
					names = append(names, metric.GetName())
				}
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
