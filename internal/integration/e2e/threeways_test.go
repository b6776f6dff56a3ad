package e2e_test

import (
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"github.com/otelpool/otelpool-go/exporters/direct"
	"github.com/otelpool/otelpool-go/exporters/otlp"
	"github.com/otelpool/otelpool-go/exporters/otlp/otlptest"
	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

func TestThreeEdgesReportEqualNumbers(t *testing.T) {
	t.Parallel()
	receivers := make(map[otlp.Protocol]*otlptest.Receiver)
	var readers []direct.Option
	for _, protocol := range []otlp.Protocol{otlp.ProtocolGRPC, otlp.ProtocolHTTP} {
		receiver := otlptest.New(t, otlptest.Protocol(protocol))
		reader, err := otlp.NewReader(t.Context(), otlp.WithProtocol(protocol), otlp.WithEndpointURL(receiver.Endpoint()),
			otlp.WithInterval(time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		receivers[protocol], readers = receiver, append(readers, direct.WithReader(reader))
	}
	s := newService(t, readers, otelpool.WithBaseSize(baseSize))
	s.users(t)
	l := s.start(t, 40, time.Millisecond)
	testutil.Eventually(t, "every kind of operation was served", func() bool { return len(byOperation(s.read(t, text))) >= 9 })
	sent := l.end(t)
	s.rest(t)
	defer release(s.hold(t, 7))

	if err := s.provider.ForceFlush(t.Context()); err != nil {
		t.Fatal(err)
	}
	pages := make(map[string]map[string]float64)
	for _, format := range []string{text, openMetrics, protobuf} {
		pages[format] = pageSeries(t, s.read(t, format))
	}
	for protocol, receiver := range receivers {
		received := otlpSeries(t, receiver.Metrics())
		for format, page := range pages {
			compare(t, fmt.Sprintf("%s and %s", protocol, format), received, page)
		}
	}

	// The numbers are equal; now check that they are right.
	sent[operation{name: "migrate"}] = 2
	if got, want := byOperation(s.read(t, text)), sent.operations(); !maps.Equal(got, want) {
		t.Errorf("counted %v, sent %v", got, want)
	}
	for name, want := range map[string]float64{
		"db_pool_size": baseSize, "db_pool_num_overflow": maxConns - baseSize,
		"db_pool_checked_out": 7, "db_pool_checked_in": maxConns - 7, "db_pool_overflow": 2,
	} {
		if got := pages[text][key(name, map[string]string{"pool": "main"})]; got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
}

// byOperation counts the operations of a page by name.
func byOperation(p page) map[string]float64 {
	counts := make(map[string]float64)
	for _, s := range p.samples {
		if s.labels.Get(model.MetricNameLabel) == "db_query_duration_seconds_count" {
			counts[s.labels.Get("operation")] += s.value
		}
	}
	return counts
}
