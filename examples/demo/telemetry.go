package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/otelpool/otelpool-go/exporters/otlp"
	"github.com/otelpool/otelpool-go/exporters/prometheus"
)

const (
	// pushInterval is shorter than OpenTelemetry's default of a minute, because a demo may end before that.
	pushInterval = 5 * time.Second
	// pushTimeout limits the last push, which delays the end of the demo.
	pushTimeout = 5 * time.Second
)

// telemetry is a MeterProvider and its readers.
type telemetry struct {
	provider *sdkmetric.MeterProvider
	page     *prometheus.Exporter // /metrics, and for the terminal
	about    string               // describes the push for the user
	errors   *errorPrinter
}

func newTelemetry(ctx context.Context, stderr io.Writer) (*telemetry, error) {
	t := &telemetry{errors: &errorPrinter{out: stderr}}
	otel.SetErrorHandler(t.errors)

	var err error
	if t.page, err = prometheus.New(); err != nil {
		return nil, err
	}
	res, err := newResource(ctx)
	if err != nil {
		return nil, err
	}
	opts := []sdkmetric.Option{sdkmetric.WithResource(res), sdkmetric.WithReader(t.page)}

	t.about = "off; OTEL_EXPORTER_OTLP_ENDPOINT turns it on"
	if pushed, variable := endpointVariable(); pushed {
		reader, err := newPush(ctx)
		if err != nil {
			return nil, err
		}
		opts = append(opts, sdkmetric.WithReader(reader))
		t.about = "pushed to " + variable
	}
	t.provider = sdkmetric.NewMeterProvider(opts...)
	return t, nil
}

// newResource returns the resource of the demo. The environment overrides its attributes.
func newResource(ctx context.Context) (*resource.Resource, error) {
	res, err := resource.New(ctx,
		resource.WithTelemetrySDK(),
		resource.WithAttributes(semconv.ServiceName("otelpool-demo")),
		resource.WithFromEnv(),
	)
	if err != nil {
		return nil, fmt.Errorf("OTEL_RESOURCE_ATTRIBUTES cannot be used: want key=value,key=value: %w", err)
	}
	return res, nil
}

func endpointVariable() (set bool, name string) {
	for _, name := range []string{"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"} {
		if strings.TrimSpace(os.Getenv(name)) != "" {
			return true, name
		}
	}
	return false, ""
}

// newPush returns the reader that sends metrics over OTLP, configured by the OTEL_EXPORTER_OTLP_* variables.
func newPush(ctx context.Context) (sdkmetric.Reader, error) {
	var opts []otlp.Option
	if strings.TrimSpace(os.Getenv("OTEL_METRIC_EXPORT_INTERVAL")) == "" {
		opts = append(opts, otlp.WithInterval(pushInterval))
	}
	return otlp.NewReader(ctx, opts...)
}

// shutdown pushes the last metrics, if a push is configured, and stops the readers. An unreachable receiver is not a
// failure of the demo.
func (t *telemetry) shutdown() {
	ctx, cancel := context.WithTimeout(context.Background(), pushTimeout)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil {
		t.errors.Handle(fmt.Errorf("the last push of metrics failed: %w", err))
	}
}

// errorPrinter prints the errors of the exporters, without immediate repetitions. It is safe for concurrent use.
type errorPrinter struct {
	out io.Writer

	mu   sync.Mutex
	last string
}

// Handle implements otel.ErrorHandler.
func (p *errorPrinter) Handle(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if text := err.Error(); text != p.last {
		p.last = text
		fmt.Fprintln(p.out, "demo:", text)
	}
}
