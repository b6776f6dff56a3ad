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
	switch k {
	case Histogram:
		return "histogram"
	case ObservableCounter:
		return "async counter"
	case ObservableUpDownCounter:
		return "async updowncounter"
	case ObservableGauge:
		return "async gauge"
	default:
		return "unknown"
	}
}

// PrometheusType returns the type of the metric family in a Prometheus exposition.
func (k Kind) PrometheusType() string {
	switch k {
	case ObservableCounter:
		return "counter"
	case Histogram:
		return "histogram"
	case ObservableUpDownCounter, ObservableGauge:
		return "gauge"
	default:
		return "untyped"
	}
}
