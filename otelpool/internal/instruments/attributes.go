package instruments

import (
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"
)

// maxNameLength is the limit that the semantic conventions set for db.query.summary.
const maxNameLength = 255

// Sanitize returns a copy of name that is fit to be an attribute value: valid UTF-8 of at most 255 bytes.
func Sanitize(name string) string {
	name = strings.ToValidUTF8(name, string(utf8.RuneError))
	if len(name) <= maxNameLength {
		return strings.Clone(name)
	}
	end := maxNameLength
	for !utf8.RuneStart(name[end]) {
		end--
	}
	return strings.Clone(name[:end])
}

// NewSet returns the set of base and more. It copies them first: attribute.NewSet sorts its argument in place.
func NewSet(base []attribute.KeyValue, more ...attribute.KeyValue) attribute.Set {
	all := make([]attribute.KeyValue, 0, len(base)+len(more))
	return attribute.NewSet(append(append(all, base...), more...)...)
}
