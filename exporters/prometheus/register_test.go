package prometheus_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	client "github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"
	"go.opentelemetry.io/otel/attribute"
	otelprom "go.opentelemetry.io/otel/exporters/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelpool/otelpool-go/exporters/prometheus"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

// registryPage returns the page of a registry, by the name of its metrics' families.
func registryPage(t *testing.T, registry *client.Registry) string {
	t.Helper()
	return page(t, promhttp.HandlerFor(registry, promhttp.HandlerOpts{}), acceptText)
}

// wantOnce checks that the page has each line once.
func wantOnce(t *testing.T, page string, lines ...string) {
	t.Helper()
	for _, want := range lines {
		n := 0
		for line := range strings.Lines(page) {
			if strings.TrimSuffix(line, "\n") == want {
				n++
			}
		}
		if n != 1 {
			t.Errorf("page has %q %d times, want once:\n%s", want, n, page)
		}
	}
}

// poolNamed returns the attribute of a pool.
func poolNamed(name string) attribute.KeyValue {
	return attribute.String("db.client.connection.pool.name", name)
}

func TestCollectorHasDocumentedPoolMetrics(t *testing.T) {
	t.Parallel()
	exporter := newExporter(t, failOnError(t))
	provider := newProvider(t, exporter)
	instrumentOthers(t, provider)
	r := instrument(t, provider, []string{"main", "replica"}, poolInstruments)
	r.recordAll(traced(t.Context()))
	registry := client.NewRegistry()
	registry.MustRegister(exporter.Collector())

	documented := slices.DeleteFunc(gatherAll(t, exporter), func(family *dto.MetricFamily) bool {
		return !strings.HasPrefix(family.GetName(), "db_pool_") && family.GetName() != "db_query_duration_seconds"
	})
	testutil.Equal(t, "of the registry", text(t, gatherAll(t, registry)), text(t, documented))
}

func TestRegistryPageHasOursAndTheirs(t *testing.T) {
	t.Parallel()
	type service struct {
		exporter *prometheus.Exporter
		provider *sdkmetric.MeterProvider
		registry *client.Registry
	}
	official := func(opts ...otelprom.Option) func(*testing.T, service) sdkmetric.Reader {
		return func(t *testing.T, s service) sdkmetric.Reader { return newOfficial(t, s.registry, opts...) }
	}
	bridge := func(t *testing.T, s service) sdkmetric.Reader {
		second := newExporter(t)
		s.registry.MustRegister(second.Collector())
		return second
	}
	for _, test := range []struct {
		name   string
		reader func(*testing.T, service) sdkmetric.Reader
		other  bool // whether the reader has a MeterProvider of its own
		want   []string
	}{
		{"official exporter of the provider", official(), false, []string{`target_info{service_name="shop"} 1`,
			`pgxpool_size{db_client_connection_pool_name="main",otel_scope_name="` + poolScope + `",otel_scope_schema_url="",otel_scope_version=""} 1`}},
		{"official exporter of the provider, no scope labels", official(otelprom.WithoutScopeInfo()), false, []string{
			`target_info{service_name="shop"} 1`, `pgxpool_size{db_client_connection_pool_name="main"} 1`}},
		{"official exporter of another provider", official(otelprom.WithoutScopeInfo()), true, []string{
			`target_info{service_name="shop"} 1`, `pgxpool_size{db_client_connection_pool_name="second"} 1`}},
		{"bridge of the provider", bridge, false, nil},
		{"bridge of another provider", bridge, true, []string{`db_pool_size{pool="second"} 1`}},
	} {
		for _, order := range []string{"ours first", "theirs first"} {
			t.Run(test.name+", "+order, func(t *testing.T) {
				t.Parallel()
				s := service{registry: client.NewRegistry(), exporter: newExporter(t)}
				register := func() {
					testutil.NoError(t, s.registry.Register(s.exporter.Collector()))
				}
				if order == "ours first" {
					register()
				}
				reader := test.reader(t, s)
				if order == "theirs first" {
					register()
				}
				if test.other {
					s.provider = newProvider(t, s.exporter)
					second := newProvider(t, reader)
					observe(t, second, "pgxpool.size", poolNamed("second"))
					observe(t, second, "db.client.connection.idle.max", poolNamed("second"))
				} else {
					s.provider = newProvider(t, s.exporter, reader)
				}
				observe(t, s.provider, "pgxpool.size", mainPool)
				observe(t, s.provider, "db.client.connection.idle.max", mainPool)

				for range 20 { // Collectors send in any order.
					wantOnce(t, registryPage(t, s.registry), append(test.want, `db_pool_size{pool="main"} 1`)...)
				}
			})
		}
	}
}

func TestSecondRegistrationIsAlreadyRegistered(t *testing.T) {
	t.Parallel()
	exporter := newExporter(t, failOnError(t))
	observe(t, newProvider(t, exporter), "pgxpool.size", mainPool)
	registry := client.NewRegistry()
	registry.MustRegister(exporter.Collector())

	for name, err := range map[string]error{"Collector": registry.Register(exporter.Collector()), "Register": exporter.Register(registry)} {
		if already := (client.AlreadyRegisteredError{}); !errors.As(err, &already) || already.ExistingCollector == nil {
			t.Errorf("%s: error %v, want an AlreadyRegisteredError", name, err)
		}
	}
	wantOnce(t, registryPage(t, registry), `db_pool_size{pool="main"} 1`)

	if !registry.Unregister(exporter.Collector()) || exporter.Register(registry) != nil {
		t.Error("it cannot be registered again after Unregister")
	}
}

func TestRegisterWithoutRegistererIsAnError(t *testing.T) {
	t.Parallel()
	testutil.ErrorContains(t, newExporter(t).Register(nil), "registerer is nil")
}

func TestRegisterLeavesTakenNamesOut(t *testing.T) {
	t.Parallel()
	reported := &errorList{}
	exporter := newExporter(t, prometheus.WithErrorHandler(reported))
	r := instrument(t, newProvider(t, exporter), []string{"main"}, poolInstruments)
	r.recordAll(t.Context())
	registry := registryWith(t, "db_pool_size", "By hand.")
	for _, name := range []string{"db_pool_peak", "db_pool_hold_duration_seconds_count"} {
		registry.MustRegister(client.NewGauge(client.GaugeOpts{Name: name, Help: "By hand."}))
	}

	testutil.ErrorContains(t, registry.Register(exporter.Collector()), `"db_pool_size"`)
	testutil.NoError(t, exporter.Register(registry))
	if err := exporter.Register(registry); !errors.As(err, &client.AlreadyRegisteredError{}) {
		t.Errorf("second Register: error %v, want an AlreadyRegisteredError", err)
	}
	for range 2 {
		body := registryPage(t, registry)
		wantOnce(t, body, "db_pool_size 1", "db_pool_peak 0", "db_pool_hold_duration_seconds_count 0",
			"# TYPE db_pool_max gauge", "# TYPE db_query_duration_seconds histogram")
		if strings.Contains(body, `db_pool_size{`) || strings.Contains(body, "db_pool_hold_duration_seconds_bucket") {
			t.Errorf("page has our metric under a name that is taken:\n%s", body)
		}
	}
	want := `prometheus: metric "db_pool_size" is left out: another collector of the registry has that name
prometheus: metric "db_pool_peak" is left out: another collector of the registry has that name
prometheus: metric "db_pool_hold_duration_seconds" is left out: another collector of the registry has that name`
	if got := reported.all(); len(got) != 1 || got[0].Error() != want {
		t.Errorf("reported %v, want once\n%s", got, want)
	}
}

func TestRegisterAcceptsWrappedRegisterers(t *testing.T) {
	t.Parallel()
	exporter := newExporter(t, failOnError(t))
	observe(t, newProvider(t, exporter), "pgxpool.size", mainPool)
	registry := registryWith(t, "db_pool_size", "By hand.")

	testutil.NoError(t, exporter.Register(client.WrapRegistererWithPrefix("shop_", registry)))
	wantOnce(t, registryPage(t, registry), "db_pool_size 1", `shop_db_pool_size{pool="main"} 1`)
}

// otelpgx names its histogram as we name ours.
func TestOtherScopesDoNotAddToDocumented(t *testing.T) {
	t.Parallel()
	exporter := newExporter(t, failOnError(t))
	provider := newProvider(t, exporter)
	instrument(t, provider, []string{"main"}, poolInstruments)
	alone := gatherAll(t, exporter)
	instrumentOthers(t, provider)
	count(t, provider.Meter("github.com/exaring/otelpgx"), "pgxpool.acquires", 100)

	together := gatherAll(t, exporter)
	testutil.Equal(t, "with other scopes", text(t, only(together, familyNames(alone)...)), text(t, alone))
	theirs := byName(together)
	if len(theirs["pgxpool_acquires_total"].GetMetric()) != 1 || len(theirs["db_client_operation_duration_seconds"].GetMetric()) != 3 {
		t.Error("the other scopes' metrics are missing")
	}
}
