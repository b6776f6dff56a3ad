package edges

import (
	"fmt"
	"slices"
	"strings"

	"github.com/otelpool/otelpool-go/internal/catalogue"
)

// Rule is a recording rule of Prometheus.
type Rule struct {
	// Record is the name of the recorded series, and Expr its expression.
	Record, Expr string
}

// EdgeLabel and its value EdgeRules mark the series from RecordingRules. They distinguish them from series that a
// service reports under the documented names itself. Without the label a rule would read its own previous result as
// the service's, and would return a result only at every other evaluation.
const (
	EdgeLabel = "otelpool_edge"
	EdgeRules = "rules"
)

// scopeLabels are the labels that the exporters of OpenTelemetry, but not the bridge, add to every series.
var scopeLabels = []string{"otel_scope_name", "otel_scope_schema_url", "otel_scope_version"}

// fallbacks maps instruments of this module's own namespace to their substitutes. They apply to a pool that reports
// only the instruments of the semantic conventions: its base size is its maximum, so it has no overflow.
var fallbacks = map[string]string{
	"pgxpool.size":         "db_client_connection_max",
	"pgxpool.overflow":     `0 * db_client_connection_count{db_client_connection_state="used"}`,
	"pgxpool.overflow.max": "0 * db_client_connection_max",
}

// RecordingRules returns the rules that derive every documented series. They read the series that Prometheus' OTLP
// receiver and the exporters of OpenTelemetry create from the instruments.
func RecordingRules() []Rule {
	var rules []Rule
	for _, row := range catalogue.Rows() {
		if row.Documented == "" {
			continue
		}
		for _, suffix := range suffixes(row.Kind) {
			rules = append(rules, Rule{Record: row.Documented + suffix, Expr: expression(row, suffix)})
		}
	}
	return rules
}

// suffixes returns the suffixes of a metric's series. A histogram has those of a classic histogram, and the bare name
// of a native one, which an exponential histogram becomes.
func suffixes(kind catalogue.Kind) []string {
	if kind == catalogue.Histogram {
		return []string{"_bucket", "_sum", "_count", ""}
	}
	return []string{""}
}

// expression returns the expression for one of a row's series.
func expression(row catalogue.Row, suffix string) string {
	poolLabel, stateLabel := catalogue.TranslatedLabel(catalogue.AttrPool), catalogue.TranslatedLabel(catalogue.AttrState)
	drop := append([]string{poolLabel}, scopeLabels...)

	source := row.TranslatedName() + suffix
	if row.State != "" {
		source += fmt.Sprintf("{%s=%q}", stateLabel, row.State)
		drop = append(drop, stateLabel)
	}
	if fallback := fallbacks[row.Name]; fallback != "" {
		source = fmt.Sprintf("%s or on (job, instance, %s) %s", source, poolLabel, fallback)
		if strings.Contains(fallback, stateLabel) {
			drop = append(drop, stateLabel)
		}
	}

	replaced := replace(source, catalogue.LabelPool, poolLabel)
	if slices.ContainsFunc(row.Attributes, func(a catalogue.Attribute) bool { return a.Key == catalogue.AttrOperation }) {
		operationLabel := catalogue.TranslatedLabel(catalogue.AttrOperation)
		// Instrumentations older than db.query.summary distinguish operations by their verb.
		replaced = replace(replaced, catalogue.LabelOperation, "db_operation_name")
		replaced = replace(replaced, catalogue.LabelOperation, operationLabel)
		drop = append(drop, operationLabel)
	}
	slices.Sort(drop)
	return fmt.Sprintf("sum without (%s) (\n%s\n)\nunless on (job, instance, pool) %s{%s=\"\"}\n",
		strings.Join(drop, ", "), indent(replaced, 2), row.Documented+suffix, EdgeLabel)
}

// replace returns the expression with the label set to the value of source, for series that have source.
func replace(expression, label, source string) string {
	return fmt.Sprintf("label_replace(\n%s,\n  %q, \"$1\", %q, \"(.+)\"\n)", indent(expression, 2), label, source)
}

// RecordingGroup returns the rules of RecordingRules as a group of a rule file.
func RecordingGroup() string {
	var b strings.Builder
	b.WriteString("  - name: otelpool-names\n    rules:\n")
	for _, rule := range RecordingRules() {
		fmt.Fprintf(&b, "      - record: %s\n        labels: {%s: %s}\n        expr: |\n%s\n",
			rule.Record, EdgeLabel, EdgeRules, indent(strings.TrimSpace(rule.Expr), 10))
	}
	return b.String()
}

// indent adds blanks before every line.
func indent(text string, blanks int) string {
	margin := strings.Repeat(" ", blanks)
	return margin + strings.ReplaceAll(text, "\n", "\n"+margin)
}
