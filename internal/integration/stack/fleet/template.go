package fleet

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	colmetricspb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	"google.golang.org/protobuf/proto"
)

// Placeholders in a template for the values of each push. They are found by their bytes, so they must occur nowhere
// else in a message. Their replacements must have the same length.
const (
	placeID           = "fleet-@@@@@@@"
	placeTime  uint64 = 0xfe01_ed02_fa03_ce04
	placeStart uint64 = 0xfe05_ed06_fa07_ce08
)

// template is an encoded push. Overwriting a few bytes makes it the push of any instance.
type template struct {
	body          []byte
	ids           []int
	times, starts []int
}

// errNoMetrics is the error of a push without the metrics to record.
var errNoMetrics = errors.New("fleet: a push contains no pool metrics")

// newTemplate returns a template of a push. It keeps only the named scope.
func newTemplate(request *colmetricspb.ExportMetricsServiceRequest, scope string) (template, error) {
	request = proto.CloneOf(request)
	for _, resource := range request.GetResourceMetrics() {
		setInstance(resource)
		kept := resource.ScopeMetrics[:0]
		for _, s := range resource.GetScopeMetrics() {
			if s.GetScope().GetName() == scope {
				kept = append(kept, s)
			}
		}
		resource.ScopeMetrics = kept
		for _, s := range kept {
			for _, m := range s.GetMetrics() {
				setTimes(m)
			}
		}
	}
	body, err := proto.Marshal(request)
	if err != nil {
		return template{}, fmt.Errorf("fleet: %w", err)
	}
	t := template{body: body, ids: find(body, []byte(placeID)), times: find(body, encode(placeTime)), starts: find(body, encode(placeStart))}
	if len(t.ids) == 0 || len(t.times) == 0 {
		return template{}, errNoMetrics
	}
	return t, nil
}

// stamp turns body, a copy of the template's body, into the push of an instance at a time.
func (t template) stamp(body []byte, instance int, start, now time.Time) {
	id := fmt.Sprintf("fleet-%07d", instance)
	for _, at := range t.ids {
		copy(body[at:], id)
	}
	for _, at := range t.times {
		binary.LittleEndian.PutUint64(body[at:], uint64(now.UnixNano()))
	}
	for _, at := range t.starts {
		binary.LittleEndian.PutUint64(body[at:], uint64(start.UnixNano()))
	}
}

func setInstance(resource *metricspb.ResourceMetrics) {
	const key = "service.instance.id"
	kept := []*commonpb.KeyValue{{Key: key, Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: placeID}}}}
	for _, attribute := range resource.GetResource().GetAttributes() {
		if attribute.GetKey() != key {
			kept = append(kept, attribute)
		}
	}
	resource.GetResource().Attributes = kept
}

// setTimes sets the placeholders in every point of a metric.
func setTimes(m *metricspb.Metric) {
	switch data := m.GetData().(type) {
	case *metricspb.Metric_Gauge:
		setNumberTimes(data.Gauge.GetDataPoints())
	case *metricspb.Metric_Sum:
		setNumberTimes(data.Sum.GetDataPoints())
	case *metricspb.Metric_Histogram:
		for _, point := range data.Histogram.GetDataPoints() {
			point.TimeUnixNano, point.Exemplars = placeTime, nil
			if point.StartTimeUnixNano != 0 {
				point.StartTimeUnixNano = placeStart
			}
		}
	}
}

func setNumberTimes(points []*metricspb.NumberDataPoint) {
	for _, point := range points {
		point.TimeUnixNano, point.Exemplars = placeTime, nil
		if point.StartTimeUnixNano != 0 {
			point.StartTimeUnixNano = placeStart
		}
	}
}

func encode(n uint64) []byte { return binary.LittleEndian.AppendUint64(nil, n) }

func find(body, what []byte) []int {
	var offsets []int
	for from := 0; ; {
		i := bytes.Index(body[from:], what)
		if i < 0 {
			return offsets
		}
		offsets = append(offsets, from+i)
		from += i + len(what)
	}
}
