package collectortest_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"go.opentelemetry.io/otel/attribute"

	"github.com/otelpool/otelpool-go/exporters/otlp"
	"github.com/otelpool/otelpool-go/internal/integration/stacktest"
	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

// fleet is an agent, its gateway and the store they write to.
type fleet struct {
	agent, gateway *collector
	store          store
}

func startFleet(t *testing.T, gatewayConfig string) fleet {
	t.Helper()
	f := fleet{store: startStore(t)}
	f.gateway = startCollector(t, gatewayConfig, "REMOTE_WRITE_URL="+f.store.writeURL())
	f.agent = startCollector(t, stacktest.Shipped(t, agent), "GATEWAY_ENDPOINT="+f.gateway.grpc, "GATEWAY_PLAINTEXT=true")
	return f
}

func TestFleetStoresSameSeriesAsBridge(t *testing.T) {
	t.Parallel()
	f := startFleet(t, stacktest.Shipped(t, gateway))
	for _, c := range []*collector{f.agent, f.gateway} {
		if answer := get(t, "http://"+c.health, "*/*"); !strings.Contains(answer, "Server available") {
			t.Errorf("health check says %s", answer)
		}
	}
	provider := newTelemetry(t, otlp.ProtocolGRPC, "http://"+f.agent.grpc, identity()...)
	instrumentAnotherLibrary(t, provider)
	pool := newPool(t, provider.MeterProvider)
	use(t, pool)
	showHolders(t, provider, pool)
	want := provider.push(t)
	hasAllOf(t, want)
	stored := f.store.series(t)
	becomes(t, "store", want.series, stored)

	// The attributes that identify and place the instance, and none that change with each start.
	info := f.store.query(t, "target_info")
	if _, has := info[`target_info{service_version="1.2.3"}`]; !has || len(info) != 1 {
		t.Errorf("target_info is %v", info)
	}

	// Totals continue, and the store has accepted every sample.
	use(t, pool)
	again := provider.push(t)
	if maps.Equal(again.series, want.series) {
		t.Error("the second load changed nothing")
	}
	becomes(t, "store after a second load", again.series, stored)
	for line := range strings.Lines(get(t, f.store.URL+"/metrics", "text/plain")) {
		if strings.HasPrefix(line, "prometheus_tsdb_out_of_order_samples_total") && !strings.HasSuffix(line, " 0\n") {
			t.Errorf("the store refused samples: %s", line)
		}
	}
}

func TestUnnamedInstanceIsIdentifiedByAddress(t *testing.T) {
	t.Parallel()
	alone := startCollector(t, stacktest.Shipped(t, standalone))
	provider := newTelemetry(t, otlp.ProtocolHTTP, "http://"+alone.http, attribute.String("service.name", "orders"))
	newPool(t, provider.MeterProvider)
	want := provider.push(t).series
	becomes(t, "page", want, func() map[string]float64 {
		return read(t, "http://"+alone.page+"/metrics", model.Metric{"job": "orders", "instance": "127.0.0.1"}).series
	})

	f := startFleet(t, stacktest.Shipped(t, gateway))
	for protocol, url := range map[otlp.Protocol]string{otlp.ProtocolGRPC: "http://" + f.agent.grpc, otlp.ProtocolHTTP: "http://" + f.agent.http} {
		name := strings.ReplaceAll(string(protocol), "/", "-")
		provider := newTelemetry(t, protocol, url, attribute.String("service.namespace", "shop"), attribute.String("service.name", name))
		newPool(t, provider.MeterProvider)
		provider.push(t)
		testutil.Within(t, stacktest.WaitLimit, "the pool in the store", func() bool {
			found, err := f.store.Query(t.Context(), `db_pool_size{job="shop/`+name+`",instance="127.0.0.1"}`)
			return err == nil && len(found) == 1
		})
	}
}

func TestGatewayDropsOptionalSeries(t *testing.T) {
	t.Parallel()
	f := startFleet(t, uncommented(t, gateway))
	provider := newTelemetry(t, otlp.ProtocolGRPC, "http://"+f.agent.grpc, identity()...)
	use(t, newPool(t, provider.MeterProvider, otelpool.WithPoolName("main")))
	full := provider.push(t).series

	const failed = `{error_type="22012",pool="main"}`
	want := map[string]float64{
		"db_query_duration_seconds_count" + failed:                    sumOf(full, "db_query_duration_seconds_count{", `error_type="22012"`),
		`db_query_duration_seconds_count{pool="main"}`:                sumOf(full, "db_query_duration_seconds_count{") - sumOf(full, "db_query_duration_seconds_count{", `error_type="22012"`),
		`db_pool_hold_duration_seconds_count{pool="main"}`:            sumOf(full, "db_pool_hold_duration_seconds_count{"),
		`db_pool_create_duration_seconds_count{pool="main",team="a"}`: sumOf(full, "db_pool_create_duration_seconds_count{"),
		`db_pool_busy_seconds_total{pool="main"}`:                     sumOf(full, "db_pool_busy_seconds_total{"),
		`db_pool_hold_operations_total{pool="main"}`:                  sumOf(full, "db_pool_hold_operations_total{"),
		`db_pool_units_of_work_total{pool="main"}`:                    sumOf(full, "db_pool_units_of_work_total{"),
	}
	for _, bound := range []string{"0.001", "0.005", "0.01", "0.05", "0.1", "0.5", "1", "2.5", "5", "10", "30", "60", "+Inf"} {
		le := `le="` + bound + `"`
		want[`db_pool_hold_duration_seconds_bucket{`+le+`,pool="main"}`] = sumOf(full, "db_pool_hold_duration_seconds_bucket{", le)
	}
	for key, value := range want {
		if value == 0 && strings.Contains(key, "_count") {
			t.Errorf("%s is 0, so the test proves nothing", key)
		}
	}
	becomes(t, "store", want, func() map[string]float64 {
		return named(f.store.query(t, everything), "db_query_duration_seconds_count", "db_pool_hold_duration_seconds_count",
			"db_pool_hold_duration_seconds_bucket", "db_pool_create_duration_seconds_count",
			"db_pool_busy_seconds_total", "db_pool_hold_operations_total", "db_pool_units_of_work_total")
	})
}

// sumOf returns the sum of the series whose name has the prefix and that have all the labels.
func sumOf(series map[string]float64, prefix string, labels ...string) float64 {
	sum := 0.
next:
	for key, value := range named(series, prefix) {
		for _, label := range labels {
			if !strings.Contains(key, label) {
				continue next
			}
		}
		sum += value
	}
	return sum
}

func TestCountsRecoverAfterGatewayOutage(t *testing.T) {
	t.Parallel()
	f := startFleet(t, stacktest.Shipped(t, gateway))
	provider := newTelemetry(t, otlp.ProtocolGRPC, "http://"+f.agent.grpc, identity()...)
	pool := newPool(t, provider.MeterProvider)
	use(t, pool)
	stored := f.store.series(t)
	becomes(t, "store", provider.push(t).series, stored)

	f.gateway.stop(t)
	use(t, pool)
	provider.push(t) // the agent accepts it anyway
	use(t, pool)
	testutil.Within(t, stacktest.WaitLimit, "the gateway to be back", func() bool {
		return startCollectorAt(t, f.gateway.grpc, stacktest.Shipped(t, gateway), "REMOTE_WRITE_URL="+f.store.writeURL()) != nil
	})
	becomes(t, "store after the gateway returned", provider.push(t).series, stored)
}

func TestRestartedCollectorServesWholeCounts(t *testing.T) {
	t.Parallel()
	c := startCollector(t, stacktest.Shipped(t, standalone))
	provider := newTelemetry(t, otlp.ProtocolGRPC, "http://"+c.grpc, identity()...)
	pool := newPool(t, provider.MeterProvider)
	use(t, pool)
	provider.push(t)
	c.stop(t)
	use(t, pool)
	var again *collector
	testutil.Within(t, stacktest.WaitLimit, "the Collector to be back", func() bool {
		again = startCollectorAt(t, c.grpc, stacktest.Shipped(t, standalone))
		return again != nil
	})
	becomes(t, "page after the restart", provider.push(t).series, again.series(t))
}
