package fleet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	colmetricspb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	"google.golang.org/protobuf/proto"

	"github.com/otelpool/otelpool-go/internal/catalogue"
	"github.com/otelpool/otelpool-go/internal/integration/stack"
)

// recordInterval is the time between two pushes of the recorded program. It is shorter than the interval of sending,
// so the values grow less from push to push than those of a real service. That has no effect on the receivers.
const recordInterval = time.Second

// Recording is the pushes of a program, one template for each.
type Recording struct {
	pushes []template
}

// Record runs the demo until it has received n pushes. The demo's pool has quiet and busy times.
func Record(ctx context.Context, program, dir string, n int) (*Recording, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("fleet: %w", err)
	}
	received := make(chan *colmetricspb.ExportMetricsServiceRequest, n)
	server := &http.Server{Handler: receiver(received)}
	go func() { _ = server.Serve(listener) }() // returns after Close
	defer server.Close()

	demo, err := stack.StartDemo(ctx, stack.DemoSettings{Program: program, Dir: dir, Env: []string{
		"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=http://" + listener.Addr().String() + "/v1/metrics",
		"OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf",
		fmt.Sprintf("OTEL_METRIC_EXPORT_INTERVAL=%d", recordInterval.Milliseconds()),
	}})
	if err != nil {
		return nil, err
	}
	recording, err := record(ctx, demo.Process, received, n)
	if stopErr := demo.Stop(); err == nil {
		err = stopErr
	}
	return recording, err
}

func record(ctx context.Context, demo *stack.Process, received <-chan *colmetricspb.ExportMetricsServiceRequest, n int) (*Recording, error) {
	r := &Recording{}
	for len(r.pushes) < n {
		select {
		case request := <-received:
			t, err := newTemplate(request, catalogue.ScopeName)
			if errors.Is(err, errNoMetrics) {
				continue // the demo has not opened its pool yet
			}
			if err != nil {
				return nil, err
			}
			r.pushes = append(r.pushes, t)
		case <-demo.Done():
			return nil, demo.Ended()
		case <-ctx.Done():
			return nil, fmt.Errorf("fleet: recording: %w", context.Cause(ctx))
		}
	}
	return r, nil
}

// receiver returns a handler for the demo's pushes. It drops pushes that do not fit into the channel.
func receiver(received chan<- *colmetricspb.ExportMetricsServiceRequest) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		request := &colmetricspb.ExportMetricsServiceRequest{}
		if err == nil {
			err = proto.Unmarshal(body, request)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		select {
		case received <- request:
		default:
		}
		w.Header().Set("Content-Type", contentType)
	}
}

// Bytes returns the size of the recording's last push.
func (r *Recording) Bytes() int { return len(r.pushes[len(r.pushes)-1].body) }

// push returns the nth push of an instance, or the last one for a greater n. An idle service would report the same
// values.
func (r *Recording) push(n int) template { return r.pushes[min(n, len(r.pushes)-1)] }
