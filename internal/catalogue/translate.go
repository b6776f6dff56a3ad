package catalogue

import (
	"slices"
	"strings"
)

// TranslatedName returns the name that the ordinary translation of OpenTelemetry names into Prometheus names gives the
// row's instrument: underscores for dots, the unit and, for counters, _total at the end. It covers the units of this
// table; those in braces are annotations and add nothing.
func (r Row) TranslatedName() string {
	words := strings.FieldsFunc(r.Name, func(c rune) bool { return c == '.' || c == '_' })
	if r.Unit == "s" && !slices.Contains(words, "seconds") {
		words = append(words, "seconds")
	}
	if r.Kind.PrometheusType() == "counter" {
		words = append(words, "total")
	}
	return strings.Join(words, "_")
}

// ExposedName returns the name under which Prometheus sees the row: the documented one, or the translated one where
// the metric passes through.
func (r Row) ExposedName() string {
	if r.Documented != "" {
		return r.Documented
	}
	return r.TranslatedName()
}

// TranslatedLabel returns the label that the ordinary translation makes of an attribute key of this table.
func TranslatedLabel(key string) string {
	return strings.ReplaceAll(key, ".", "_")
}
