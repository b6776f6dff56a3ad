package e2e_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelpool/otelpool-go/exporters/direct"
	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

func TestExponentialHistogramsAreReadAsNative(t *testing.T) {
	t.Parallel()
	s, p := newService(t, []direct.Option{exponential}, otelpool.WithBaseSize(baseSize)), newProm(t)
	s.users(t)
	before := s.once(t)
	p.scrape(t, s, protobuf)
	l := s.start(t, 20, time.Millisecond)
	for range 10 {
		p.scrape(t, s, protobuf)
	}
	sent := l.end(t)
	sent.add(before)
	sent.add(s.once(t))
	sent[operation{name: "migrate"}] = 2
	read := p.scrape(t, s, protobuf)
	var natives int
	for _, sample := range read {
		name := sample.labels.Get(model.MetricNameLabel)
		if strings.HasPrefix(name, "db_query_duration_seconds_") {
			t.Errorf("%s is a classic histogram", sample.labels)
		}
		if name == "db_query_duration_seconds" && len(sample.native.PositiveSpans) > 0 && sample.native.Sum > 0 {
			natives++
		}
	}
	testutil.Equal(t, "native histograms with buckets, one for each operation", natives, len(sent))

	counted := byLabel(t, p.query(t, "histogram_count(sum by (operation) (db_query_duration_seconds))"), "operation")
	if want := sent.operations(); !maps.Equal(counted, want) {
		t.Errorf("counted %v, sent %v", counted, want)
	}
	for _, e := range slices.Concat(correctedExpressions, questions) {
		if got := p.query(t, e.promQL); strings.Contains(e.promQL, "_bucket") && len(numbers(got)) == 0 {
			t.Errorf("%q gives %v", e.name, got)
		}
	}
}

var exponential = direct.WithView(sdkmetric.NewView(
	sdkmetric.Instrument{Kind: sdkmetric.InstrumentKindHistogram},
	sdkmetric.Stream{Aggregation: sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: 160, MaxScale: 20}},
))
