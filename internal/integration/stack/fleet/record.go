package fleet

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	colmetricspb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	"google.golang.org/protobuf/proto"

	"github.com/otelpool/otelpool-go/exporters/otlp/otlptest"
	"github.com/otelpool/otelpool-go/internal/catalogue"
	"github.com/otelpool/otelpool-go/internal/integration/stack"
)

// recordInterval is the time between two pushes of the recorded program. It is shorter than the interval of sending,
// so the values grow less from push to push than those of a real service. That has no effect on the receivers.
const recordInterval = time.Second

// Recording is the pushes of a program.
type Recording struct {
	pushes []*metricspb.ResourceMetrics
}

// Record runs the demo until it has received n pushes. The demo's pool has quiet and busy times.
func Record(ctx context.Context, program, dir string, n int) (_ *Recording, err error) {
	receiver, err := otlptest.Start(otlptest.HTTP)
	if err != nil {
		return nil, err
	}
	defer receiver.Close()
	demo, err := stack.StartDemo(ctx, stack.DemoSettings{Program: program, Dir: dir, Env: []string{
		"OTEL_EXPORTER_OTLP_ENDPOINT=" + receiver.Endpoint(),
		"OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf",
		fmt.Sprintf("OTEL_METRIC_EXPORT_INTERVAL=%d", recordInterval.Milliseconds()),
	}})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, demo.Stop()) }()
	var r *Recording
	err = demo.Await(ctx, func(context.Context) error {
		if r = newRecording(receiver.Metrics(), catalogue.ScopeName); len(r.pushes) < n {
			return fmt.Errorf("fleet: %d of %d pushes are recorded", len(r.pushes), n)
		}
		return nil
	})
	return r, err
}

// newRecording keeps the metrics of the named scope. The first pushes have none, because the demo has not opened its
// pool yet.
func newRecording(received []*metricspb.ResourceMetrics, scope string) *Recording {
	r := &Recording{}
	for _, push := range received {
		push = proto.CloneOf(push)
		push.ScopeMetrics = slices.DeleteFunc(push.ScopeMetrics, func(s *metricspb.ScopeMetrics) bool { return s.GetScope().GetName() != scope })
		if len(push.ScopeMetrics) > 0 {
			r.pushes = append(r.pushes, push)
		}
	}
	return r
}

// Bytes returns the size of the recording's last push.
func (r *Recording) Bytes() int { return proto.Size(r.push(len(r.pushes))) }

// push returns a copy of the nth push of an instance, or of the last one for a greater n. An idle service would report
// the same values.
func (r *Recording) push(n int) *colmetricspb.ExportMetricsServiceRequest {
	push := proto.CloneOf(r.pushes[min(n, len(r.pushes)-1)])
	return &colmetricspb.ExportMetricsServiceRequest{ResourceMetrics: []*metricspb.ResourceMetrics{push}}
}

// stamp makes a push that of an instance, now.
func stamp(push *colmetricspb.ExportMetricsServiceRequest, id string, now time.Time) {
	const key = "service.instance.id"
	for _, pushed := range push.GetResourceMetrics() {
		others := slices.DeleteFunc(pushed.Resource.Attributes, func(kv *commonpb.KeyValue) bool { return kv.GetKey() == key })
		pushed.Resource.Attributes = append(others, &commonpb.KeyValue{
			Key: key, Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: id}},
		})
		for _, scope := range pushed.GetScopeMetrics() {
			for _, m := range scope.GetMetrics() {
				setTime(m, uint64(now.UnixNano()))
			}
		}
	}
}

// setTime sets the time of every point of a metric, and drops the exemplars, whose times are those of the recording.
func setTime(m *metricspb.Metric, now uint64) {
	for _, point := range slices.Concat(m.GetGauge().GetDataPoints(), m.GetSum().GetDataPoints()) {
		point.TimeUnixNano, point.Exemplars = now, nil
	}
	for _, point := range m.GetHistogram().GetDataPoints() {
		point.TimeUnixNano, point.Exemplars = now, nil
	}
}
