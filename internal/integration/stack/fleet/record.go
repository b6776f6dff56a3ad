package fleet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"time"

	colmetricspb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	"google.golang.org/protobuf/proto"

	"github.com/otelpool/otelpool-go/internal/catalogue"
	"github.com/otelpool/otelpool-go/internal/integration/stack"
)

// recordInterval is the time between two pushes of the recorded program. Recorded fast and sent slowly, the values grow
// less from push to push than those of a real service under such a load, which matters to nobody on the way.
const recordInterval = time.Second

// Recording is what a program pushed, one template for each push.
type Recording struct {
	pushes []template
}

// Record runs the demo for as long as it takes to receive n pushes. Its pool goes through quiet and busy times.
func Record(ctx context.Context, program, dir string, n int) (*Recording, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("fleet: %w", err)
	}
	received := make(chan *colmetricspb.ExportMetricsServiceRequest, n)
	server := &http.Server{Handler: receiver(received)}
	go func() { _ = server.Serve(listener) }() // ends with Close
	defer server.Close()

	demo, err := stack.Start(stack.Command{
		Name: "demo", Path: program, Log: filepath.Join(dir, "demo.log"),
		Env: []string{
			"ADDR=127.0.0.1:0", "DURATION=0",
			"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=http://" + listener.Addr().String() + "/v1/metrics",
			"OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf",
			fmt.Sprintf("OTEL_METRIC_EXPORT_INTERVAL=%d", recordInterval.Milliseconds()),
		},
	})
	if err != nil {
		return nil, err
	}
	recording, err := record(ctx, demo, received, n)
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
				continue // the demo had not opened its pool yet
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

// receiver takes what the demo pushes. More than fits the channel is not kept.
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

// Bytes gives the size of the recording's last push.
func (r *Recording) Bytes() int { return len(r.pushes[len(r.pushes)-1].body) }

// push gives the nth push of an instance, and the last one for what is past the end: by then a service that does
// nothing would report the same, too.
func (r *Recording) push(n int) template { return r.pushes[min(n, len(r.pushes)-1)] }
