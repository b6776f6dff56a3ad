package hostile

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/otelpool/otelpool-go/internal/programs"
)

// TestServersOfExamplesAndDocsHaveTimeouts reads the Go code that users copy: the examples, the code in Markdown, and the
// comments of packages. A server must limit the time of headers, and of answers, since slow readers would keep the bridge's
// places; its headers are limited by net/http.
func TestServersOfExamplesAndDocsHaveTimeouts(t *testing.T) {
	t.Parallel()
	root, err := programs.Root()
	if err != nil {
		t.Fatal(err)
	}
	servers := 0
	for name, code := range codeForUsers(t, root) {
		for _, problem := range problems(t, name, code, &servers) {
			t.Errorf("%s: %s", name, problem)
		}
	}
	if servers < 3 { // of the demo, of quickstart, and of the README
		t.Errorf("%d servers found", servers)
	}
}

// codeForUsers gives the code by where it stands.
func codeForUsers(t *testing.T, root string) map[string]string {
	t.Helper()
	code := map[string]string{}
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			if entry != nil && (entry.Name() == "node_modules" || strings.HasPrefix(entry.Name(), ".") && path != root || path == filepath.Join(root, "internal")) {
				return fs.SkipDir
			}
			return err
		}
		text, err := os.ReadFile(path)
		switch name, _ := filepath.Rel(root, path); {
		case filepath.Ext(path) == ".md":
			for i, block := range strings.Split(string(text), "```go\n")[1:] {
				block, _, _ = strings.Cut(block, "```")
				if !strings.HasPrefix(block, "package") {
					block = "package p\nfunc f() {\n" + block + "\n}"
				}
				code[fmt.Sprintf("%s, block %d", name, i+1)] = block
			}
		case filepath.Ext(path) == ".go" && (!strings.HasSuffix(path, "_test.go") || strings.Contains(filepath.Base(path), "example")):
			code[name] = string(text)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// problems finds servers without limits.
func problems(t *testing.T, name, code string, servers *int) (found []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), name, code, 0)
	if err != nil && file == nil {
		return nil
	}
	isHTTP := func(e ast.Expr, names ...string) bool {
		selector, ok := e.(*ast.SelectorExpr)
		if !ok {
			return false
		}
		pkg, ok := selector.X.(*ast.Ident)
		return ok && pkg.Name == "http" && strings.Contains(" "+strings.Join(names, " ")+" ", " "+selector.Sel.Name+" ")
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			if isHTTP(n.Fun, "ListenAndServe", "ListenAndServeTLS", "Serve", "ServeTLS") {
				found = append(found, "a server without any time-out, by a function of net/http")
			}
		case *ast.CompositeLit:
			if !isHTTP(n.Type, "Server") {
				return true
			}
			*servers++
			given := map[string]bool{}
			for _, element := range n.Elts {
				if pair, ok := element.(*ast.KeyValueExpr); ok {
					given[fmt.Sprint(pair.Key)] = true
				}
			}
			for _, field := range []string{"ReadHeaderTimeout", "WriteTimeout"} {
				if !given[field] {
					found = append(found, "a server without "+field)
				}
			}
		}
		return true
	})
	return found
}
