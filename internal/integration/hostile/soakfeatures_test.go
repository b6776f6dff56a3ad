package hostile

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"

	"github.com/otelpool/otelpool-go/internal/programs"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

// TestSoakUsesAllOfOtelpool checks that the soak's code uses every exported function and method of package otelpool.
func TestSoakUsesAllOfOtelpool(t *testing.T) {
	t.Parallel()
	root, err := programs.Root()
	testutil.NoError(t, err)
	files, err := filepath.Glob(filepath.Join(root, "otelpool", "*.go"))
	testutil.NoError(t, err)
	used := map[string]bool{"Error": true, "Is": true, "Timeout": true, "Temporary": true} // of the error of its timeouts
	for _, path := range []string{"soakprogram_test.go", "soakwork_test.go"} {
		soaked, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		testutil.NoError(t, err)
		ast.Inspect(soaked, func(n ast.Node) bool {
			if selector, is := n.(*ast.SelectorExpr); is {
				used[selector.Sel.Name] = true
			}
			return true
		})
	}
	functions := 0
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		testutil.NoError(t, err)
		for _, declaration := range file.Decls {
			function, is := declaration.(*ast.FuncDecl)
			if !is || !function.Name.IsExported() || function.Recv != nil && !exported(function.Recv.List[0].Type) {
				continue
			}
			functions++
			if !used[function.Name.Name] {
				t.Errorf("the soak does not use %s", function.Name.Name)
			}
		}
	}
	if functions < 20 {
		t.Errorf("%d functions and methods found", functions)
	}
}

// exported reports whether a receiver is of an exported type.
func exported(receiver ast.Expr) bool {
	if star, is := receiver.(*ast.StarExpr); is {
		receiver = star.X
	}
	name, is := receiver.(*ast.Ident)
	return is && name.IsExported()
}
