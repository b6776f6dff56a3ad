// Command collector is an OpenTelemetry Collector with only the components that collector-config uses, so that the
// configurations can be checked and run without Docker. The tests and the local stack start it. In production, run
// otel/opentelemetry-collector-contrib of the same version, which has the same components under the same names.
//
// It is a module of its own, because it pins the Collector's version and needs hundreds of modules.
package main

import (
	"log"

	"github.com/open-telemetry/opentelemetry-collector-contrib/exporter/prometheusexporter"
	"github.com/open-telemetry/opentelemetry-collector-contrib/exporter/prometheusremotewriteexporter"
	"github.com/open-telemetry/opentelemetry-collector-contrib/extension/healthcheckextension"
	"github.com/open-telemetry/opentelemetry-collector-contrib/processor/filterprocessor"
	"github.com/open-telemetry/opentelemetry-collector-contrib/processor/resourceprocessor"
	"github.com/open-telemetry/opentelemetry-collector-contrib/processor/transformprocessor"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/provider/envprovider"
	"go.opentelemetry.io/collector/confmap/provider/fileprovider"
	"go.opentelemetry.io/collector/confmap/provider/yamlprovider"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/exporter/debugexporter"
	"go.opentelemetry.io/collector/exporter/otlpexporter"
	"go.opentelemetry.io/collector/exporter/otlphttpexporter"
	"go.opentelemetry.io/collector/extension"
	"go.opentelemetry.io/collector/otelcol"
	"go.opentelemetry.io/collector/processor"
	"go.opentelemetry.io/collector/processor/batchprocessor"
	"go.opentelemetry.io/collector/processor/memorylimiterprocessor"
	"go.opentelemetry.io/collector/receiver"
	"go.opentelemetry.io/collector/receiver/otlpreceiver"
	"go.opentelemetry.io/collector/service/telemetry/otelconftelemetry"
)

// version is the version of the Collector's modules in go.mod.
const version = "0.155.0"

func main() {
	command := otelcol.NewCommand(otelcol.CollectorSettings{
		BuildInfo: component.BuildInfo{Command: "collector", Description: "OpenTelemetry Collector for metrics of pools", Version: version},
		Factories: factories,
		ConfigProviderSettings: otelcol.ConfigProviderSettings{ResolverSettings: confmap.ResolverSettings{
			ProviderFactories: []confmap.ProviderFactory{fileprovider.NewFactory(), envprovider.NewFactory(), yamlprovider.NewFactory()},
			DefaultScheme:     "env",
		}},
	})
	if err := command.Execute(); err != nil {
		log.Fatal(err)
	}
}

// factories returns the components of a configuration. It leaves out the Prometheus receiver, which alone would make
// the program several times as large.
func factories() (otelcol.Factories, error) {
	return otelcol.Factories{
		Telemetry:  otelconftelemetry.NewFactory(),
		Extensions: byType[extension.Factory](healthcheckextension.NewFactory()),
		Receivers:  byType[receiver.Factory](otlpreceiver.NewFactory()),
		Processors: byType[processor.Factory](
			memorylimiterprocessor.NewFactory(), batchprocessor.NewFactory(),
			transformprocessor.NewFactory(), filterprocessor.NewFactory(), resourceprocessor.NewFactory()),
		Exporters: byType[exporter.Factory](
			prometheusexporter.NewFactory(), prometheusremotewriteexporter.NewFactory(),
			otlpexporter.NewFactory(), otlphttpexporter.NewFactory(), debugexporter.NewFactory()),
	}, nil
}

// byType returns the factories by their names in a configuration, as the Collector needs them.
func byType[F component.Factory](factories ...F) map[component.Type]F {
	named := make(map[component.Type]F, len(factories))
	for _, factory := range factories {
		named[factory.Type()] = factory
	}
	return named
}
