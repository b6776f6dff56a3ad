package edges

import (
	"fmt"
	"slices"
	"strings"

	"github.com/otelpool/otelpool-go/internal/catalogue"
)

type recordingRule struct {
	// Record is the name of the recorded series, and Expr its expression.
	Record, Expr string
}

type ruleGroup struct {
	Name  string
	Rules []recordingRule
}

// edgeLabel and its value edgeRules mark the series from recordingGroups. Without the label, a rule would read its own
// previous result as that of a service with documented names, and return a result only at every other evaluation.
const (
	edgeLabel = "otelpool_edge"
	edgeRules = "rules"
)

// pushedRecord is the time at which a pool last reported under OpenTelemetry's names.
const pushedRecord = "otelpool:pushed:timestamp_seconds"

// scopeLabel is the label with the name of the instrumentation scope. scopeLabels are all labels of the scope that the
// exporters of OpenTelemetry add to every series.
const scopeLabel = "otel_scope_name"

var scopeLabels = []string{scopeLabel, "otel_scope_schema_url", "otel_scope_version"}

// processLabels identify a process.
const processLabels = "cluster, namespace, job, instance"

// recordingGroups returns the rules that derive every documented series. They read the series that Prometheus' OTLP
// receiver and the exporters of OpenTelemetry create from the instruments. No group has more than the 20 rules that
// Mimir allows by default.
func recordingGroups() []ruleGroup {
	groups := []ruleGroup{{Name: "otelpool-names"}, {Name: "otelpool-names-histograms"}, {Name: "otelpool-names-counters"}}
	for _, row := range documented() {
		switch row.Kind {
		case catalogue.Histogram:
			for _, suffix := range []string{"_bucket", "_sum", "_count"} {
				groups[1].Rules = append(groups[1].Rules, rule(row, suffix, "max"))
			}
		case catalogue.ObservableCounter:
			groups[2].Rules = append(groups[2].Rules, rule(row, "", "max"))
		default:
			groups[0].Rules = append(groups[0].Rules, rule(row, "", "max"))
		}
	}
	groups[0].Rules = append(groups[0].Rules, pushed())
	return groups
}

// pushed returns the rule for the time of the last sample of a pool. The samples of other rules have the time of the
// evaluation instead.
func pushed() recordingRule {
	poolLabel := catalogue.TranslatedLabel(catalogue.AttrPool)
	used := catalogue.Lookup(countName)[0]
	source := fmt.Sprintf("timestamp(%s)", selector(used.TranslatedName(), append(stateMatcher(used.State), poolLabel+`!=""`)))
	return recordingRule{pushedRecord, fmt.Sprintf("max by (%s, pool) (\n%s\n)\nunless on (%[1]s, pool) %[3]s{%[4]s=\"\"}",
		processLabels, indent(replace(source, catalogue.LabelPool, poolLabel), 2), used.Documented, edgeLabel)}
}

// nativeGroups returns the rules that derive the documented series of native histograms, which exponential histograms
// become. They are separate because not every store has native histograms.
func nativeGroups() []ruleGroup {
	group := ruleGroup{Name: "otelpool-names-native"}
	for _, row := range documented() {
		if row.Kind == catalogue.Histogram {
			group.Rules = append(group.Rules, rule(row, "", "sum"))
		}
	}
	return []ruleGroup{group}
}

// rule returns the rule for one of a row's series. After an upgrade of otelpool, the series of the old version stays
// for minutes beside that of the new one. So the aggregation is max, not sum, except for native histograms, which have
// no maximum.
func rule(row catalogue.Row, suffix, aggregation string) recordingRule {
	poolLabel, stateLabel := catalogue.TranslatedLabel(catalogue.AttrPool), catalogue.TranslatedLabel(catalogue.AttrState)
	drop := append([]string{poolLabel}, scopeLabels...)
	if row.State != "" || fallbacks[row.Name].state != "" {
		drop = append(drop, stateLabel)
	}
	source := replace(ours(row, suffix)+theirRules(row, suffix), catalogue.LabelPool, poolLabel)
	if slices.ContainsFunc(row.Attributes, func(a catalogue.Attribute) bool { return a.Key == catalogue.AttrOperation }) {
		operationLabel := catalogue.TranslatedLabel(catalogue.AttrOperation)
		source = replace(source, catalogue.LabelOperation, operationLabel)
		drop = append(drop, operationLabel)
	}
	slices.Sort(drop)
	record := row.Documented + suffix
	return recordingRule{record, fmt.Sprintf("%s without (%s) (\n%s\n)\nunless on (%s, pool) %s{%s=\"\"}",
		aggregation, strings.Join(drop, ", "), indent(source, 2), processLabels, record, edgeLabel)}
}

// ours returns the selector of otelpool's series, which have its scope. If the scope is not a label, otelpool's series
// are those with all labels that otelpool always sets.
func ours(row catalogue.Row, suffix string) string {
	matchers := stateMatcher(row.State)
	matchers = append(matchers, fmt.Sprintf(`%s=~"|%s"`, scopeLabel, catalogue.ScopeName))
	for _, attr := range row.Attributes {
		if attr.Key == catalogue.AttrPool || attr.Presence == catalogue.Always && attr.Key != catalogue.AttrSystem && !row.Info {
			matchers = append(matchers, fmt.Sprintf(`%s!=""`, catalogue.TranslatedLabel(attr.Key)))
		}
	}
	if theirs(row) == row.Name {
		matchers = append(matchers, systemMatcher)
	}
	return selector(row.TranslatedName()+suffix, matchers)
}

// theirRules returns the part of an expression that adds the pools of other languages. In a service in Go only otelpool's
// pools get documented names, as in the Collector.
func theirRules(row catalogue.Row, suffix string) string {
	name := theirs(row)
	if name == "" {
		return ""
	}
	poolLabel := catalogue.TranslatedLabel(catalogue.AttrPool)
	factor, state := "", row.State
	if f, has := fallbacks[row.Name]; has {
		state = f.state
		if f.zero {
			factor = "0 * "
		}
	}
	matchers := append(stateMatcher(state), fmt.Sprintf(`%s!=""`, poolLabel), systemMatcher)
	source := selector(catalogue.Lookup(name)[0].TranslatedName()+suffix, matchers)
	return fmt.Sprintf("\nor on (%s, %s) (\n  %s%s\n  unless on (%s) target_info{telemetry_sdk_language=\"go\"}\n)",
		processLabels, poolLabel, factor, source, processLabels)
}

// systemMatcher matches pools on PostgreSQL, and on an unknown system.
var systemMatcher = fmt.Sprintf(`%s=~"|postgresql"`, catalogue.TranslatedLabel(catalogue.AttrSystem))

func stateMatcher(state string) []string {
	if state == "" {
		return nil
	}
	return []string{fmt.Sprintf("%s=%q", catalogue.TranslatedLabel(catalogue.AttrState), state)}
}

func selector(name string, matchers []string) string {
	return name + "{" + strings.Join(matchers, ", ") + "}"
}

// replace returns the expression with the label set to the value of source, for series that have source.
func replace(expression, label, source string) string {
	return fmt.Sprintf("label_replace(\n%s,\n  %q, \"$1\", %q, \"(.+)\"\n)", indent(expression, 2), label, source)
}

// ruleFile returns groups as a part of a rule file.
func ruleFile(groups []ruleGroup) string {
	var b strings.Builder
	for _, group := range groups {
		fmt.Fprintf(&b, "  - name: %s\n    rules:\n", group.Name)
		for _, rule := range group.Rules {
			fmt.Fprintf(&b, "      - record: %s\n        labels: {%s: %s}\n        expr: |\n%s\n",
				rule.Record, edgeLabel, edgeRules, indent(rule.Expr, 10))
		}
	}
	return b.String()
}

func indent(text string, blanks int) string {
	margin := strings.Repeat(" ", blanks)
	return margin + strings.ReplaceAll(text, "\n", "\n"+margin)
}
