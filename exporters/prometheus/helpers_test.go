package prometheus_test

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	client "github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	otelprom "go.opentelemetry.io/otel/exporters/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelpool/otelpool-go/exporters/prometheus"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

func newExporter(tb testing.TB, opts ...prometheus.Option) *prometheus.Exporter {
	tb.Helper()
	exporter, err := prometheus.New(opts...)
	testutil.NoError(tb, err)
	return exporter
}

func newProvider(tb testing.TB, readers ...sdkmetric.Reader) *sdkmetric.MeterProvider {
	tb.Helper()
	opts := []sdkmetric.Option{shop}
	for _, reader := range readers {
		opts = append(opts, sdkmetric.WithReader(reader))
	}
	return sdkmetric.NewMeterProvider(opts...)
}

func newOfficial(tb testing.TB, registry client.Registerer, opts ...otelprom.Option) *otelprom.Exporter {
	tb.Helper()
	exporter, err := otelprom.New(append(opts, otelprom.WithRegisterer(registry))...)
	testutil.NoError(tb, err)
	return exporter
}

// failOnError returns an option that fails the test on any reported error.
func failOnError(t *testing.T) prometheus.Option {
	t.Helper()
	return prometheus.WithErrorHandler(otel.ErrorHandlerFunc(func(err error) { t.Errorf("reported: %v", err) }))
}

// page returns the page that handler serves for an Accept header.
func page(t *testing.T, handler http.Handler, accept string) string {
	t.Helper()
	return serve(t, handler, accept, http.StatusOK).Body.String()
}

func serve(t *testing.T, handler http.Handler, accept string, status int) *httptest.ResponseRecorder {
	t.Helper()
	request := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	request.Header.Set("Accept", accept)
	response := httptest.NewRecorder()
	handler.ServeHTTP(response, request)
	if response.Code != status {
		t.Errorf("status %d, want %d: %s", response.Code, status, response.Body)
	}
	return response
}

func gatherAll(t *testing.T, gatherer client.Gatherer) []*dto.MetricFamily {
	t.Helper()
	families, err := gatherer.Gather()
	testutil.Check(t, err)
	return families
}

// text returns families in the text format.
func text(t *testing.T, families []*dto.MetricFamily) string {
	t.Helper()
	var b bytes.Buffer
	for _, family := range families {
		if _, err := expfmt.MetricFamilyToText(&b, family); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

func familyNames(families []*dto.MetricFamily) (names []string) {
	for _, family := range families {
		names = append(names, family.GetName())
	}
	return names
}

func only(families []*dto.MetricFamily, names ...string) (some []*dto.MetricFamily) {
	for _, family := range families {
		if slices.Contains(names, family.GetName()) {
			some = append(some, family)
		}
	}
	return some
}

func byName(families []*dto.MetricFamily) map[string]*dto.MetricFamily {
	index := map[string]*dto.MetricFamily{}
	for _, family := range families {
		index[family.GetName()] = family
	}
	return index
}

func labels(m *dto.Metric) string {
	var pairs []string
	for _, label := range m.GetLabel() {
		pairs = append(pairs, label.GetName()+`="`+label.GetValue()+`"`)
	}
	return strings.Join(pairs, ",")
}

var errBroken = errors.New("broken")

// errorList is an error handler that keeps the errors.
type errorList struct {
	mu   sync.Mutex
	errs []error
}

func (l *errorList) Handle(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.errs = append(l.errs, err)
}

func (l *errorList) all() []error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.errs
}

// mainPool is the pool attribute of most single series.
var mainPool = attribute.String("db.client.connection.pool.name", "main")

// registryWith returns a registry with one gauge of value 1.
func registryWith(tb testing.TB, name, help string) *client.Registry {
	tb.Helper()
	registry := client.NewRegistry()
	gauge := client.NewGauge(client.GaugeOpts{Name: name, Help: help})
	gauge.Set(1)
	registry.MustRegister(gauge)
	return registry
}
