// Package catalogue is the one table of this module's metrics: the name of each inside the process, its name in
// Prometheus, and its meaning.
//
// Inside the process and over OTLP there is one set of names: the OpenTelemetry semantic conventions, plus pgxpool.*
// for what they lack. The Prometheus bridge, the Collector's configuration, the recording rules and the documentation
// take the documented names from this table. The package imports only the standard library.
//
// All functions are safe for concurrent use. The rows they return are shared: do not change them.
package catalogue

import "slices"

// ScopeName is the instrumentation scope of every instrument in this table.
const ScopeName = "github.com/otelpool/otelpool-go/otelpool"

// Row is one metric of the table. An instrument whose series have several documented names, one for each state, has a
// row for each of them. Any other instrument has one row.
type Row struct {
	// Name, Kind and Unit are those of the OpenTelemetry instrument.
	Name string
	Kind Kind
	Unit string

	// Description is that of the OpenTelemetry instrument. Those of db.client.* are from the semantic conventions.
	Description string

	// Largest reports whether several pools of one name report their largest value. Otherwise their values are added.
	Largest bool

	// Info reports whether the value is always 1, and the metric is about its attributes.
	Info bool

	// Database reports whether only the built-in pool of a sql.DB has the metric.
	Database bool

	// State, if not empty, restricts the row to the series whose AttrState attribute has this value. The documented
	// name implies the attribute, so Attributes does not list it.
	State string

	// Attributes lists the attributes that the row keeps, in the order of the documentation.
	Attributes []Attribute

	// Documented is the name at the Prometheus edge. If it is empty, the metric has its TranslatedName and its
	// translated labels.
	Documented string

	// Help is the help text of the documented metric. If it is empty, the metric has the description of its
	// instrument.
	Help string

	// Meaning says what the number is, and Worry when to act on it. Both are for the table in the documentation.
	Meaning string
	Worry   string

	// OptIn reports whether an option turns the metric on. Others are on by default.
	OptIn bool
}

// Rows returns the whole table: gauges, then histograms, then counters.
func Rows() []Row {
	return slices.Concat(gauges, histograms, counters)
}

// Lookup returns the rows of the instrument called name, or nil if the table has none.
func Lookup(name string) []Row {
	var rows []Row
	for _, row := range Rows() {
		if row.Name == name {
			rows = append(rows, row)
		}
	}
	return rows
}
