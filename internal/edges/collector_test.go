package edges

import (
	"fmt"
	"slices"
	"strings"

	"github.com/otelpool/otelpool-go/internal/catalogue"
)

// The names of the processors, in the order that a pipeline needs.
const (
	namesProcessor  = "transform/pool_names"
	pointsProcessor = "filter/pool_points"
	finishProcessor = "transform/pool_finish"
)

// mark precedes documented names until the last processor removes it. Metrics of other libraries never have it, so the
// second and third processor need not repeat the conditions of the first.
const mark = "otelpool/"

// Conditions of the transformation language. In a Go service only otelpool's metrics get documented names, because a
// second library may measure the same pools.
var (
	isOurs   = fmt.Sprintf("instrumentation_scope.name == %q", catalogue.ScopeName)
	isTheirs = fmt.Sprintf("instrumentation_scope.name != %q", catalogue.ScopeName) + ` and resource.attributes["telemetry.sdk.language"] != "go"`

	isPool       = fmt.Sprintf(`%s != nil and (%[2]s == nil or %[2]s == "postgresql")`, attribute(catalogue.AttrPool), attribute(catalogue.AttrSystem))
	isNoPool     = fmt.Sprintf(`(%s == nil or %[2]s != nil and %[2]s != "postgresql")`, attribute(catalogue.AttrPool), attribute(catalogue.AttrSystem))
	isDocumented = fmt.Sprintf("HasPrefix(metric.name, %q)", mark)
)

// collectorProcessors returns a part of a Collector's "processors" section, with its indentation. The processors set
// the same names, labels and help texts of pool metrics as the bridge. They do not change other metrics.
func collectorProcessors() string {
	var y yamlWriter
	y.names()
	y.points()
	y.finish()
	return y.String()
}

// names writes the processor that names metrics.
func (y *yamlWriter) names() {
	y.comment(1,
		"These metrics get documented names: those of otelpool, by their instrumentation scope, and those of pools in other",
		"languages that follow the semantic conventions, such as HikariCP. Metrics of other libraries with the same",
		"OpenTelemetry names (otelpgx, clients of Redis) keep these names. "+mark+" marks documented names for the two",
		"processors below.")
	y.line(1, "%s:", namesProcessor)
	y.line(2, "error_mode: ignore")
	y.line(2, "metric_statements:")
	y.group(isOurs)
	for _, row := range documented() {
		if row.State == "" {
			y.statement(5, "set(metric.name, %q) where metric.name == %q", mark+row.Documented, row.Name)
		} else {
			y.copyMetric(row.Documented, row.Name)
		}
	}
	y.comment(3, "Copies, of which the next processor keeps the data points of pools on PostgreSQL.")
	y.group(isTheirs)
	for _, row := range documented() {
		if name := theirs(row); name != "" {
			y.copyMetric(row.Documented, name)
		}
	}
}

// copyMetric writes a statement that copies a metric under a documented name.
func (y *yamlWriter) copyMetric(documented, name string) {
	y.statement(5, "copy_metric(name=%q) where metric.name == %q", mark+documented, name)
}

// points writes the processor that drops data points: from a copy those that do not belong to it, and from the original
// those that a copy has.
func (y *yamlWriter) points() {
	y.line(0, "")
	y.comment(1,
		"A copy keeps the data points of its state. Of other languages it keeps those of pools on PostgreSQL or on an unknown",
		"system. The original keeps the others, and is dropped if there are none.")
	y.line(1, "%s:", pointsProcessor)
	y.line(2, "error_mode: ignore")
	y.line(2, "metric_conditions:")
	state := attribute(catalogue.AttrState)
	var states []string
	for _, row := range documented() {
		if row.State != "" {
			y.statement(3, "metric.name == %q and %s != %q", mark+row.Documented, state, row.State)
			states = append(states, fmt.Sprintf("%s == %q", state, row.State))
		}
		if f, has := fallbacks[row.Name]; has && f.state != "" {
			y.statement(3, "metric.name == %q and %s and %s != %q", mark+row.Documented, isTheirs, state, f.state)
		}
	}
	y.statement(3, "%s and %s and %s", isDocumented, isTheirs, isNoPool)

	var names []string
	for _, row := range documented() {
		if name := theirs(row); name != "" && name != countName && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	y.statement(3, "%s and metric.name == %q and (%s)", isOurs, countName, strings.Join(states, " or "))
	y.statement(3, "%s and %s and metric.name == %q and (%s)", isTheirs, isPool, countName, strings.Join(states, " or "))
	y.statement(3, "%s and %s and (%s)", isTheirs, isPool, isOneOf(names))
}

func (y *yamlWriter) finish() {
	y.line(0, "")
	y.comment(1,
		"Labels get their documented names. Your own label of the same name is renamed, as when Prometheus scrapes: pool",
		"becomes exported_pool. The state is removed if the name contains it. All sources of a metric get one help text:",
		"Prometheus has one per name, and the exporter would log every other one.")
	y.line(1, "%s:", finishProcessor)
	y.line(2, "error_mode: ignore")
	y.line(2, "metric_statements:")
	y.group(isDocumented)
	for _, attr := range renamedAttributes() {
		mine, label := attribute(attr.Key), attribute(attr.Label())
		y.statement(5, "set(%s, %s) where %s != nil and %s != nil", attribute("exported_"+attr.Label()), label, label, mine)
		y.statement(5, "set(%s, %s) where %s != nil", label, mine, mine)
		y.statement(5, "delete_key(datapoint.attributes, %q)", attr.Key)
	}
	for _, row := range documented() {
		if row.State != "" || fallbacks[row.Name].state != "" {
			y.statement(5, "delete_key(datapoint.attributes, %q) where metric.name == %q", catalogue.AttrState, mark+row.Documented)
		}
	}
	for _, row := range documented() {
		if fallbacks[row.Name].zero {
			y.statement(5, "set(datapoint.value_int, 0) where metric.name == %q and %s", mark+row.Documented, isTheirs)
		}
	}
	y.group(isDocumented)
	for _, row := range documented() {
		y.statement(5, "set(metric.description, %q) where metric.name == %q", row.Help, mark+row.Documented)
	}
	y.statement(5, "replace_pattern(metric.name, %q, \"\")", "^"+mark)

	y.comment(3,
		"For all metrics: attributes with the name of one of Prometheus' own labels are renamed too. Otherwise such a series",
		"would be missing, and for a second le Prometheus would reject the whole page.")
	for _, of := range []string{"datapoint", "resource"} {
		y.group(strings.Join([]string{present(of, "job"), present(of, "instance"), present(of, "le")}, " or "))
		for _, label := range []string{"job", "instance", "le"} {
			y.statement(5, "set(%s.attributes[\"exported_%[2]s\"], %[1]s.attributes[%[2]q]) where %[3]s", of, label, present(of, label))
			y.statement(5, "delete_key(%s.attributes, %q)", of, label)
		}
	}
}

// present returns a condition that holds for a data point or a resource that has the attribute.
func present(of, key string) string {
	return fmt.Sprintf("%s.attributes[%q] != nil", of, key)
}

// documented returns the rows that have a documented name.
func documented() []catalogue.Row {
	return slices.DeleteFunc(catalogue.Rows(), func(row catalogue.Row) bool { return row.Documented == "" })
}

// renamedAttributes returns the attributes of documented rows whose label differs from the standard translation, each
// once.
func renamedAttributes() []catalogue.Attribute {
	var attrs []catalogue.Attribute
	for _, row := range documented() {
		for _, attr := range row.Attributes {
			renamed := attr.Label() != catalogue.TranslatedLabel(attr.Key)
			if renamed && !slices.ContainsFunc(attrs, func(a catalogue.Attribute) bool { return a.Key == attr.Key }) {
				attrs = append(attrs, attr)
			}
		}
	}
	return attrs
}

// attribute returns the path of a data point's attribute in the transformation language.
func attribute(key string) string {
	return fmt.Sprintf("datapoint.attributes[%q]", key)
}

// isOneOf returns a condition of the transformation language that holds for a metric with one of the names.
func isOneOf(names []string) string {
	conditions := make([]string, len(names))
	for i, name := range names {
		conditions[i] = fmt.Sprintf("metric.name == %q", name)
	}
	return strings.Join(conditions, " or ")
}
