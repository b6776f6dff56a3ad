package readme

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/otelpool/otelpool-go/internal/catalogue"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

// TestKindsOfFindingsAgree compares the constants of package diagnose, the values of pgxpool.finding and the table of the
// runbook.
func TestKindsOfFindingsAgree(t *testing.T) {
	t.Parallel()
	kinds := kindsOfFindings(t)
	var kept []string
	for _, a := range catalogue.Lookup("pgxpool.finding")[0].Attributes {
		kept = append(kept, a.Values...)
	}
	if !slices.Equal(kept, kinds) {
		t.Errorf("the catalogue has the kinds %q, package diagnose %q", kept, kinds)
	}
	_, section, _ := strings.Cut(read(t, "collector-config/RUNBOOK.md"), "\n### PoolFinding\n")
	section, _, _ = strings.Cut(section, "\n## ")
	var listed []string
	for line := range strings.Lines(section) {
		if rest, is := strings.CutPrefix(line, "| `"); is {
			kind, _, _ := strings.Cut(rest, "`")
			listed = append(listed, kind)
		}
	}
	if !slices.Equal(listed, kinds) {
		t.Errorf("the runbook has the kinds %q, package diagnose %q", listed, kinds)
	}
}

// kindsOfFindings returns the constants of type Kind of package diagnose, in their order.
func kindsOfFindings(t *testing.T) (kinds []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "finding.go", read(t, "otelpool/diagnose/finding.go"), 0)
	testutil.NoError(t, err)
	ast.Inspect(file, func(n ast.Node) bool {
		spec, is := n.(*ast.ValueSpec)
		if !is {
			return true
		}
		if name, is := spec.Type.(*ast.Ident); is && name.Name == "Kind" {
			value, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			testutil.NoError(t, err)
			kinds = append(kinds, value)
		}
		return true
	})
	if len(kinds) == 0 {
		t.Fatal("package diagnose has no kinds")
	}
	return kinds
}
