package hostile

import (
	"fmt"
	"strings"
	"testing"

	"github.com/otelpool/otelpool-go/internal/integration/faults/rig"
)

// figures are the tests' results, for docs/faults.md.
var figures = rig.NewTable("hostile", "test", "what was seen")

// recordFigure prints the result of a test, unless the test has failed, and writes all results.
func recordFigure(t *testing.T, format string, args ...any) {
	t.Helper()
	if t.Failed() {
		return
	}
	seen := fmt.Sprintf(format, args...)
	fmt.Printf("%s: %s\n", t.Name(), seen)
	figures.Add("`"+t.Name()+"`", strings.ReplaceAll(seen, "|", `\|`))
	if err := figures.Write(); err != nil {
		t.Fatal(err)
	}
}
