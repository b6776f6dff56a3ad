package catalogue

// Kind is the kind of an OpenTelemetry instrument.
type Kind uint8

// The kinds of instrument that the table has.
const (
	Histogram Kind = iota + 1
	ObservableCounter
	ObservableUpDownCounter
	ObservableGauge
)

// String returns the kind in the words of documentation.
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

// PrometheusType returns the type of the metric family that Prometheus sees, as an exposition writes it.
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
