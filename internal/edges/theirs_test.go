package edges

import (
	"strings"

	"github.com/otelpool/otelpool-go/internal/catalogue"
)

// countName is the instrument with a series for each state of a connection.
const countName = "db.client.connection.count"

// fallback is the instrument of pools in other languages that replaces one of this module's own namespace.
type fallback struct {
	name  string // the instrument of the semantic conventions
	state string // only its series in this state, if not empty
	zero  bool   // the value is 0 wherever the instrument has one
}

// fallbacks are the substitutes by the instrument that they replace. A pool that reports only the instruments of the
// semantic conventions has its maximum as its base size, so it has no overflow.
var fallbacks = map[string]fallback{
	"pgxpool.size":         {name: "db.client.connection.max"},
	"pgxpool.overflow":     {name: countName, state: catalogue.StateUsed, zero: true},
	"pgxpool.overflow.max": {name: "db.client.connection.max", zero: true},
}

// theirs returns the instrument that pools in other languages have for a row, or "" if they have none.
func theirs(row catalogue.Row) string {
	if f, has := fallbacks[row.Name]; has {
		return f.name
	}
	if strings.HasPrefix(row.Name, "db.client.") {
		return row.Name
	}
	return ""
}
