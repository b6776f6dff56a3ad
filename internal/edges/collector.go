package edges

import (
	"fmt"
	"slices"
	"strings"

	"github.com/otelpool/otelpool-go/internal/catalogue"
)

// The names of the processors.
const (
	roomProcessor   = "transform/pool_room"
	namesProcessor  = "metrics_transform/pool_names"
	finishProcessor = "transform/pool_finish"
)

// CollectorProcessorNames returns the names of the processors from CollectorProcessors, in the order that a pipeline
// needs.
func CollectorProcessorNames() []string {
	return []string{roomProcessor, namesProcessor, finishProcessor}
}

// CollectorProcessors returns a part of a Collector's "processors" section, with its indentation. The processors set
// the same names, labels and help texts of pool metrics as the bridge. They pass on metrics that the catalogue lacks
// unchanged.
func CollectorProcessors() string {
	var y yamlWriter
	y.room()
	y.names()
	y.finish()
	return y.String()
}

// yamlWriter writes the processors, each with a comment that says what it is for.
type yamlWriter struct {
	strings.Builder
}

// line writes a line of the file, indented by two spaces for each step of depth.
func (y *yamlWriter) line(depth int, format string, args ...any) {
	y.WriteString(strings.Repeat("  ", depth))
	fmt.Fprintf(y, format, args...)
	y.WriteByte('\n')
}

// comment writes lines of comment.
func (y *yamlWriter) comment(depth int, lines ...string) {
	for _, text := range lines {
		y.line(depth, "# %s", text)
	}
}

// room writes the processor that renames the user's labels where they collide with documented ones.
func (y *yamlWriter) room() {
	y.comment(1,
		"A label of your own that is called as a documented one makes room for it, as it does where Prometheus scrapes: pool",
		"becomes exported_pool. Without this the next processor would write over it.")
	y.line(1, "%s:", roomProcessor)
	y.line(2, "error_mode: ignore")
	y.line(2, "metric_statements:")
	y.line(3, "- statements:")
	for _, attr := range renamedAttributes() {
		const key = `datapoint.attributes[%q]`
		mine, theirs := fmt.Sprintf(key, attr.Key), fmt.Sprintf(key, attr.Label())
		y.statement(5, "set(%s, %s) where %s != nil and %s != nil and (%s)",
			fmt.Sprintf(key, "exported_"+attr.Label()), theirs, theirs, mine, isOneOf(instrumentsWith(attr.Key)))
	}
}

// names writes the processor that renames metrics and labels.
func (y *yamlWriter) names() {
	y.line(0, "")
	y.comment(1,
		"Metrics and labels get their documented names. Where the state of a connection is an attribute, each state becomes a",
		"metric: insert copies the data points of one state, and the last step takes them out of the original, which ends",
		"there unless it has other states.")
	y.line(1, "%s:", namesProcessor)
	y.line(2, "transforms:")
	var states []catalogue.Row
	for _, row := range documented() {
		y.rename(row)
		if row.State != "" {
			states = append(states, row)
		}
	}
	for group := range slices.Values(byName(states)) {
		y.line(3, "- include: %s", group[0].Name)
		y.line(4, "action: update")
		y.line(4, "operations:")
		for _, row := range group {
			y.line(5, "- {action: delete_label_value, label: %s, label_value: %s}", catalogue.AttrState, row.State)
		}
	}
}

// rename writes the transform of a row.
func (y *yamlWriter) rename(row catalogue.Row) {
	y.line(3, "- include: %s", row.Name)
	if row.State == "" {
		y.line(4, "action: update")
	} else {
		y.line(4, "experimental_match_labels: {%s: %s}", catalogue.AttrState, row.State)
		y.line(4, "match_type: strict")
		y.line(4, "action: insert")
	}
	y.line(4, "new_name: %s", row.Documented)
	y.line(4, "operations:")
	for _, attr := range row.Attributes {
		if renamed(attr) {
			y.line(5, "- {action: update_label, label: %s, new_label: %s}", attr.Key, attr.Label())
		}
	}
}

// finish writes the processor for changes that the renames cannot make.
func (y *yamlWriter) finish() {
	y.line(0, "")
	y.comment(1,
		"The state goes where the name says it, without touching other attributes, which aggregating would. All sources of a",
		"metric get one help text: Prometheus has one for each name, and the exporter would complain of every other.")
	y.line(1, "%s:", finishProcessor)
	y.line(2, "error_mode: ignore")
	y.line(2, "metric_statements:")
	y.line(3, "- statements:")
	for _, row := range documented() {
		if row.State != "" {
			attr := fmt.Sprintf("datapoint.attributes[%q]", catalogue.AttrState)
			y.statement(5, "delete_key(datapoint.attributes, %q) where %s != nil and metric.name == %q", catalogue.AttrState, attr, row.Documented)
		}
	}
	y.line(3, "- statements:")
	for _, row := range documented() {
		y.statement(5, "set(metric.description, %q) where metric.name == %q", row.Help, row.Documented)
	}
}

// width is the length from which a statement continues on the next line.
const width = 120

// clauses puts a line break before the words of the transformation language that start a clause.
var clauses = strings.NewReplacer(" where ", "\nwhere ", " and ", "\nand ", " or ", "\nor ")

// statement writes a statement of the transformation language as an item of a list. It uses a form of YAML that needs
// no quotes and reads line breaks as spaces.
func (y *yamlWriter) statement(depth int, format string, args ...any) {
	y.line(depth, "- >-")
	room := width - 2*(depth+1)
	text := ""
	for clause := range strings.SplitSeq(clauses.Replace(fmt.Sprintf(format, args...)), "\n") {
		if text != "" && len(text)+1+len(clause) > room {
			y.line(depth+1, "%s", text)
			text = ""
		}
		text = strings.TrimPrefix(text+" "+clause, " ")
	}
	y.line(depth+1, "%s", text)
}

// documented returns the rows that have a documented name.
func documented() []catalogue.Row {
	return slices.DeleteFunc(catalogue.Rows(), func(row catalogue.Row) bool { return row.Documented == "" })
}

// renamed reports whether the attribute's label on documented metrics differs from the standard translation.
func renamed(attr catalogue.Attribute) bool {
	return attr.Label() != catalogue.TranslatedLabel(attr.Key)
}

// renamedAttributes returns the renamed attributes of documented rows, each once.
func renamedAttributes() []catalogue.Attribute {
	var attrs []catalogue.Attribute
	for _, row := range documented() {
		for _, attr := range row.Attributes {
			if renamed(attr) && !slices.ContainsFunc(attrs, func(a catalogue.Attribute) bool { return a.Key == attr.Key }) {
				attrs = append(attrs, attr)
			}
		}
	}
	return attrs
}

// instrumentsWith returns the names of the instruments whose documented metrics have the attribute.
func instrumentsWith(key string) []string {
	var names []string
	for _, row := range documented() {
		has := slices.ContainsFunc(row.Attributes, func(a catalogue.Attribute) bool { return a.Key == key })
		if has && !slices.Contains(names, row.Name) {
			names = append(names, row.Name)
		}
	}
	return names
}

// isOneOf returns a condition of the transformation language that holds for a metric with one of the names.
func isOneOf(names []string) string {
	conditions := make([]string, len(names))
	for i, name := range names {
		conditions[i] = fmt.Sprintf("metric.name == %q", name)
	}
	return strings.Join(conditions, " or ")
}

// byName groups rows by their instrument.
func byName(rows []catalogue.Row) [][]catalogue.Row {
	var groups [][]catalogue.Row
	for _, row := range rows {
		i := slices.IndexFunc(groups, func(group []catalogue.Row) bool { return group[0].Name == row.Name })
		if i < 0 {
			groups = append(groups, []catalogue.Row{row})
			continue
		}
		groups[i] = append(groups[i], row)
	}
	return groups
}
