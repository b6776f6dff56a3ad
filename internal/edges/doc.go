// Package edges makes, from the catalogue, what the places outside of the process need to give the metrics of pools
// their documented names: the processors of the OpenTelemetry Collector, and the recording rules of Prometheus. The
// third place, the bridge in exporters/prometheus, reads the catalogue itself.
//
// The results are committed, as marked sections of the files in collector-config. The tests of this package write them
// anew with -update, and without it fail when a section is not what the catalogue says. The package imports the standard
// library and the catalogue only.
package edges
