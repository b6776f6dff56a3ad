package edges

import (
	"fmt"
	"slices"
	"strings"

	"github.com/otelpool/otelpool-go/internal/catalogue"
)

// Rule is a recording rule of Prometheus.
type Rule struct {
	// Record is the series that the rule makes, Expr what it makes it of.
	Record, Expr string
}

// EdgeLabel is the label, and EdgeRules its value, of the series that RecordingRules makes. It tells them from those that
// a service reports under the documented names itself: without it a rule would take its own result of the evaluation
// before for the service's, and would give a result at every other evaluation only.
const (
	EdgeLabel = "otelpool_edge"
	EdgeRules = "rules"
)

// scopeLabels are what the exporters of OpenTelemetry, but not the bridge, put on every series.
var scopeLabels = []string{"otel_scope_name", "otel_scope_schema_url", "otel_scope_version"}

// fallbacks are what stands for instruments of this module's own namespace where a pool reports those of the semantic
// conventions alone: its base size is all it may open, so there is no overflow.
var fallbacks = map[string]string{
	"pgxpool.size":         "db_client_connection_max",
	"pgxpool.overflow":     `0 * db_client_connection_count{db_client_connection_state="used"}`,
	"pgxpool.overflow.max": "0 * db_client_connection_max",
}

// RecordingRules returns the rules that derive every documented series from the series that Prometheus' OTLP receiver,
// and the exporters of OpenTelemetry, make of the instruments.
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

// suffixes gives the ends of the names of the series of a metric: of a histogram, those of a classic one and the bare name
// of a native one, which an exponential histogram becomes.
func suffixes(kind catalogue.Kind) []string {
	if kind == catalogue.Histogram {
		return []string{"_bucket", "_sum", "_count", ""}
	}
	return []string{""}
}

// expression gives what derives one of a row's series.
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
		// Instrumentations older than the summary tell operations apart by their verb.
		replaced = replace(replaced, catalogue.LabelOperation, "db_operation_name")
		replaced = replace(replaced, catalogue.LabelOperation, operationLabel)
		drop = append(drop, operationLabel)
	}
	slices.Sort(drop)
	return fmt.Sprintf("sum without (%s) (\n%s\n)\nunless on (job, instance, pool) %s{%s=\"\"}\n",
		strings.Join(drop, ", "), indent(replaced, 2), row.Documented+suffix, EdgeLabel)
}

// replace gives the expression with a label that has the value of another one, where that is there.
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

// indent puts blanks before every line.
func indent(text string, blanks int) string {
	margin := strings.Repeat(" ", blanks)
	return margin + strings.ReplaceAll(text, "\n", "\n"+margin)
}
