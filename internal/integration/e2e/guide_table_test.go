package e2e_test

import (
	"flag"
	"fmt"
	"strings"
	"testing"

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
	for _, e := range correctedExpressions {
		corrected[e.name] = e.promQL
	}
	var b strings.Builder
	b.WriteString("\n| in the older SQLAlchemy guide | meaning | use |\n|---|---|---|\n")
	for _, e := range guideExpressions {
		use := "as it stands"
		if corrected[e.instead] != e.promQL {
			use = "`" + corrected[e.instead] + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", e.promQL, e.about, use)
		delete(corrected, e.instead)
	}
	b.WriteString("\nFurther expressions:\n\n| meaning | expression |\n|---|---|\n")
	for _, e := range correctedExpressions {
		if _, left := corrected[e.name]; left {
			fmt.Fprintf(&b, "| %s | `%s` |\n", e.about, e.promQL)
		}
	}
	return b.String() + "\n"
}
