package instruments

import (
	"fmt"

	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/otelpool/otelpool-go/internal/catalogue"
)

// WithMeter calls use with the provider's Meter of otelpool's scope. A panic of the provider, which is the user's,
// becomes an error.
func WithMeter(provider metric.MeterProvider, version string, use func(metric.Meter) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("otelpool: MeterProvider %T panicked: %v", provider, p)
		}
	}()
	m := provider.Meter(catalogue.ScopeName, metric.WithInstrumentationVersion(version), metric.WithSchemaURL(semconv.SchemaURL))
	if m == nil {
		return fmt.Errorf("otelpool: MeterProvider %T returned no Meter", provider)
	}
	return use(m)
}
