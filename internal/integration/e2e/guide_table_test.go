package e2e

import (
	"flag"
	"fmt"
	"strings"
	"testing"

	"github.com/otelpool/otelpool-go/internal/integration/e2e/expressions"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

var update = flag.Bool("update", false, "write the expressions and queries of the documents")

const (
	guidePath  = root + "GUIDE.md"
	tableBegin = "<!-- expressions: made by go -C internal/integration test ./e2e -run GUIDE -update -->\n"
	tableEnd   = "<!-- expressions end -->\n"
)

func TestExpressionsInGUIDEAreTestedOnes(t *testing.T) {
	testutil.Section(t, guidePath, tableBegin, tableEnd, guideTables(), *update)
}

// guideTables returns the expressions of the older SQLAlchemy guide with their replacements, followed by the other corrected
// expressions.
func guideTables() string {
	corrected := make(map[string]string)
	for _, e := range expressions.Corrected() {
		corrected[e.Name] = e.PromQL
	}
	var b strings.Builder
	b.WriteString("\n| in the older SQLAlchemy guide | what it tells | use |\n|---|---|---|\n")
	for _, e := range expressions.Guide() {
		use := "as it stands"
		if corrected[e.Instead] != e.PromQL {
			use = "`" + corrected[e.Instead] + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", e.PromQL, e.About, use)
		delete(corrected, e.Instead)
	}
	b.WriteString("\nFurther expressions:\n\n| what it tells | expression |\n|---|---|\n")
	for _, e := range expressions.Corrected() {
		if _, left := corrected[e.Name]; left {
			fmt.Fprintf(&b, "| %s | `%s` |\n", e.About, e.PromQL)
		}
	}
	return b.String() + "\n"
}
