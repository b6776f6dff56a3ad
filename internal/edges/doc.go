// Package edges generates configuration from the catalogue for the two places outside the process that set the
// documented names: the processors of the OpenTelemetry Collector, and the recording rules of Prometheus. The bridge
// in exporters/prometheus reads the catalogue itself.
//
// The results are committed as marked sections of the files in collector-config. The tests of this package write them
// with -update. Without it they fail if a section differs from the catalogue. The package imports only the standard
// library and the catalogue.
package edges
