package collectortest_test

import (
	"testing"

	"github.com/otelpool/otelpool-go/exporters/otlp"
	"github.com/otelpool/otelpool-go/internal/integration/stacktest"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

func TestSeriesExpireWithoutPushes(t *testing.T) {
	t.Parallel()
	c := startCollector(t, stacktest.Shipped(t, standalone), "METRIC_EXPIRATION=1s")
	provider := newTelemetry(t, otlp.ProtocolGRPC, "http://"+c.grpc, identity()...)
	newPool(t, provider.MeterProvider)
	served := func() int { return len(c.read(t).series) }
	testutil.Within(t, stacktest.WaitLimit, "series on the page", func() bool {
		provider.push(t)
		return served() > 0
	})
	testutil.Within(t, stacktest.WaitLimit, "the page to be empty", func() bool { return served() == 0 })
}
