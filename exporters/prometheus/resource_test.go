package prometheus_test

import (
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/otelpool/otelpool-go/exporters/prometheus"
)

func TestTargetInfoOmitsInvalidAttribute(t *testing.T) { // It sets the global error handler, so not in parallel.
	reported := &errorList{}
	otel.SetErrorHandler(reported)
	for name, odd := range map[string]attribute.KeyValue{
		"name of underscores": attribute.String("_", "x"),
		"reserved name":       attribute.Bool("__odd__", true),
		"value not UTF-8":     attribute.String("odd", "a\xffb"),
	} {
		t.Run(name, func(t *testing.T) {
			exporter := newExporter(t, failOnError(t))
			sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter),
				sdkmetric.WithResource(resource.NewSchemaless(attribute.String("service.name", "shop"), odd)))

			body := page(t, exporter, "")
			lines := slices.DeleteFunc(strings.Split(body, "\n"), func(line string) bool { return !strings.HasPrefix(line, "target_info{") })
			if len(lines) != 1 || !strings.Contains(lines[0], `service_name="shop"`) {
				t.Fatalf("target_info is %q", lines)
			}
			if want := name == "value not UTF-8"; strings.Contains(lines[0], "odd=\"a\uFFFDb\"") != want || strings.Contains(lines[0], "odd") != want {
				t.Errorf("target_info is %q", lines)
			}
		})
	}
	if errs := reported.all(); len(errs) > 0 {
		t.Errorf("the global error handler got %d errors, the first is %v", len(errs), errs[0])
	}
}

func TestInvalidEnvAttributeKeepsSeries(t *testing.T) { // It sets the environment, so not in parallel.
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "_=x,team=a")
	otel.SetErrorHandler(&errorList{}) // it gets an error about target_info
	exporter := newExporter(t, failOnError(t), prometheus.WithResourceAsConstantLabels(func(attribute.KeyValue) bool { return true }))
	observe(t, sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter)), "pgxpool.size", mainPool)
	body := page(t, exporter, "")
	if !strings.Contains(body, "db_pool_size{") || !strings.Contains(body, `team="a"`) {
		t.Errorf("the page is %q", body)
	}
}
