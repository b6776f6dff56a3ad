package collectortest_test

import (
	"testing"

	"github.com/otelpool/otelpool-go/exporters/otlp"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

func TestSeriesExpireWithoutPushes(t *testing.T) {
	t.Parallel()
	c := startCollector(t, shipped(t, standalone), "METRIC_EXPIRATION=1s")
	provider := newTelemetry(t, otlp.ProtocolGRPC, "http://"+c.grpc, identity()...)
	newPool(t, provider.MeterProvider)
	served := func() int { return len(read(t, "http://"+c.page+"/metrics", identityLabels).series) }
	testutil.Within(t, waitLimit, "series on the page", func() bool {
		provider.push(t)
		return served() > 0
	})
	testutil.Within(t, waitLimit, "the page to be empty", func() bool { return served() == 0 })
}
