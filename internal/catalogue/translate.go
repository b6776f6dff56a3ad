package catalogue

import (
	"slices"
	"strings"
)

// TranslatedName returns the Prometheus name of the row's instrument under the standard OpenTelemetry translation:
// underscores for dots, then the unit and, for counters, _total. It handles the units of this table. Units in braces
// are annotations and add nothing.
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

// ExposedName returns the row's name in Prometheus: the documented name, or the translated one if there is none.
func (r Row) ExposedName() string {
	if r.Documented != "" {
		return r.Documented
	}
	return r.TranslatedName()
}

// TranslatedLabel returns the label of an attribute key of this table under the standard translation.
func TranslatedLabel(key string) string {
	return strings.ReplaceAll(key, ".", "_")
}
