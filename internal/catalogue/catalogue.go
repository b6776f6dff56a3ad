// Package catalogue is the one table of this module's metrics: what each is called inside the process, what it is
// called where Prometheus reads it, and what it means.
//
// Inside the process and over OTLP there is one set of names, those of the OpenTelemetry semantic conventions plus
// pgxpool.* for what they lack. Everything that gives them their documented names (the Prometheus bridge, the
// Collector's configuration, the recording rules) and everything that describes them is fed by this table, so that
// the edges cannot drift apart. The package imports the standard library only.
//
// All functions are safe for concurrent use. The rows they return are shared: read them, never change them.
package catalogue

import "slices"

// ScopeName is the instrumentation scope under which every instrument of this table is made.
const ScopeName = "github.com/otelpool/otelpool-go/otelpool"

// Row is one metric of the table. An instrument whose series go by several documented names, one for each state, has
// a row for each of them; otherwise a row is an instrument.
type Row struct {
	// Name, Kind and Unit are the OpenTelemetry instrument's.
	Name string
	Kind Kind
	Unit string

	// Description is the OpenTelemetry instrument's. Those of db.client.* are the semantic conventions'.
	Description string

	// Largest tells that of several pools of one name the largest value counts; otherwise their values are added.
	Largest bool

	// State, when not empty, restricts the row to the series whose AttrState attribute has this value. The attribute
	// is then implied by the name and is not among Attributes.
	State string

	// Attributes are those the row keeps, in the order in which documentation lists them.
	Attributes []Attribute

	// Documented is the name at the Prometheus edge; empty when the metric passes through under TranslatedName and
	// with its translated labels.
	Documented string

	// Help is the documented metric's help text; empty when the metric passes through and keeps the description of
	// its instrument.
	Help string

	// Meaning says what the number is, Worry when to act on it; both are for the table in the documentation.
	Meaning string
	Worry   string

	// Default tells whether the metric is reported without asking for it.
	Default bool
}

// Rows returns the whole table: gauges, then histograms, then counters.
func Rows() []Row {
	return slices.Concat(gauges, histograms, counters)
}

// Lookup returns the rows of the instrument called name, or nil when the table does not have it.
func Lookup(name string) []Row {
	var rows []Row
	for _, row := range Rows() {
		if row.Name == name {
			rows = append(rows, row)
		}
	}
	return rows
}
