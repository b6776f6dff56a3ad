package catalogue

// Kind is the kind of an OpenTelemetry instrument.
type Kind uint8

// The kinds of instrument in the table.
const (
	Histogram Kind = iota + 1
	ObservableCounter
	ObservableUpDownCounter
	ObservableGauge
)

// String returns the kind as the documentation words it.
func (k Kind) String() string {
	return [...]string{
		0: "unknown", Histogram: "histogram", ObservableCounter: "async counter",
		ObservableUpDownCounter: "async updowncounter", ObservableGauge: "async gauge",
	}[k]
}

// PrometheusType returns the type of the metric family in a Prometheus exposition.
func (k Kind) PrometheusType() string {
	return [...]string{
		0: "untyped", Histogram: "histogram", ObservableCounter: "counter",
		ObservableUpDownCounter: "gauge", ObservableGauge: "gauge",
	}[k]
}
