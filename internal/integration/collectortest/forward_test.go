package collectortest_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/otelpool/otelpool-go/exporters/otlp"
	"github.com/otelpool/otelpool-go/exporters/otlp/otlptest"
	"github.com/otelpool/otelpool-go/internal/catalogue"
	"github.com/otelpool/otelpool-go/internal/integration/stacktest"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

func TestCollectorForwardsOTLPAndRemoteWrite(t *testing.T) {
	t.Parallel()
	s := startStore(t)
	receiver := otlptest.New(t, otlptest.HTTP)
	c := startCollector(t, uncommented(t, standalone), "REMOTE_WRITE_URL="+s.writeURL(), "ONWARD_OTLP_URL="+receiver.Endpoint())
	provider := newTelemetry(t, otlp.ProtocolGRPC, "http://"+c.grpc, identity()...)
	use(t, newPool(t, provider.MeterProvider))

	want := provider.push(t).series
	becomes(t, "page", want, c.series(t))
	becomes(t, "store", want, s.series(t))

	// OTLP passes through unchanged.
	received := map[string]bool{}
	testutil.Within(t, stacktest.WaitLimit, "OTLP to be passed on", func() bool {
		for _, rm := range receiver.Metrics() {
			for _, sm := range rm.GetScopeMetrics() {
				for _, m := range sm.GetMetrics() {
					received[m.GetName()] = true
				}
			}
		}
		return len(received) > 0
	})
	for _, row := range catalogue.Rows() {
		if row.Documented != "" && received[row.Documented] {
			t.Errorf("%s was passed on under its documented name", row.Documented)
		}
	}
	if !received["db.client.connection.count"] || !received["pgxpool.size"] {
		t.Errorf("passed on: %v", slices.Sorted(maps.Keys(received)))
	}
}
