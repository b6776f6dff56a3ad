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
	"github.com/otelpool/otelpool-go/internal/integration/faults/rig"
	"github.com/otelpool/otelpool-go/otelpool"
)

// TestThousandPoolsReportFoldedSeries makes a thousand pools run three operations each, and scrapes and pushes them.
// Without a limit, every series must exist. With the SDK's default limit, folded series must be reported. It is not
// parallel, because it sets OpenTelemetry's global error handler.
func TestThousandPoolsReportFoldedSeries(t *testing.T) {
	const pools, operations = 1000, 3
	onDatabase(t, 1) // creates the shared server before the check for leaks
	rig.NoLeak(t)
	for _, tt := range []struct {
		name string
		opts []sdkmetric.Option
		lost bool
	}{
		{"without a limit", []sdkmetric.Option{sdkmetric.WithCardinalityLimit(0)}, false},
		{"with the SDK's limit", nil, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var reported reports
			otel.SetErrorHandler(&reported)
			bridge, err := prometheus.New(prometheus.WithErrorHandler(&reported))
			if err != nil {
				t.Fatal(err)
			}
			receiver := otlptest.New(t, otlptest.HTTP)
			push, err := otlp.NewReader(t.Context(), otlp.WithProtocol(otlp.ProtocolHTTP), otlp.WithEndpointURL(receiver.Endpoint()), otlp.WithInterval(time.Hour),
				otlp.WithTimeout(waitLimit), otlp.WithExportTimeout(waitLimit))
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
				clear(conn.PgConn().CustomData()) // the next pool uses the same connection
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
				if got := reported.by(exporter); !slices.Equal(got, folded) {
					t.Errorf("%s reports %v, folded are %v", exporter, got, folded)
				}
			}
			recordFigure(t, "%d series on the page, folded and reported: %v", len(page), folded)
		})
	}
}

// reports collects reported errors.
type reports struct {
	mu   sync.Mutex
	errs []string
}

func (s *reports) Handle(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.errs = append(s.errs, err.Error())
}

var foldedName = regexp.MustCompile(`^(prometheus|otlp): "([^"]+)".* has more series than the SDK keeps apart`)

// by returns the instruments with folded series that an exporter reported, sorted, one entry for each report.
func (s *reports) by(exporter string) (names []string) {
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

// foldedIn returns the instruments with folded series at a receiver, sorted.
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
