package e2e

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/otelpool/otelpool-go/internal/integration/e2e/expressions"
)

var update = flag.Bool("update", false, "write the README's table of expressions")

const (
	readmePath  = "../../../README.md"
	readmeBegin = "<!-- expressions: made by go -C internal/integration test ./e2e -run README -update -->\n"
	readmeEnd   = "<!-- expressions end -->\n"
)

func TestExpressionsInREADMEAreTestedOnes(t *testing.T) {
	text, err := os.ReadFile(readmePath)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), readmeBegin)
	got, after, end := strings.Cut(rest, readmeEnd)
	if !ok || !end {
		t.Fatalf("README.md has no %q and %q", readmeBegin, readmeEnd)
	}
	want := readmeTables()
	if *update {
		if err := os.WriteFile(readmePath, []byte(before+readmeBegin+want+readmeEnd+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if got != want {
		t.Errorf("the README has\n%s\nthe tables make\n%s", got, want)
	}
}

// readmeTables returns the guide's expressions with their replacements, followed by the other corrected expressions.
func readmeTables() string {
	corrected := make(map[string]string)
	for _, e := range expressions.Corrected() {
		corrected[e.Name] = e.PromQL
	}
	var b strings.Builder
	b.WriteString("\n| in the guide | what it tells | use |\n|---|---|---|\n")
	for _, e := range expressions.Guide() {
		use := "as it stands"
		if corrected[e.Instead] != e.PromQL {
			use = "`" + corrected[e.Instead] + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", e.PromQL, e.About, use)
		delete(corrected, e.Instead)
	}
	b.WriteString("\nAnd what the guide has not:\n\n| what it tells | expression |\n|---|---|\n")
	for _, e := range expressions.Corrected() {
		if _, left := corrected[e.Name]; left {
			fmt.Fprintf(&b, "| %s | `%s` |\n", e.About, e.PromQL)
		}
	}
	return b.String() + "\n"
}
