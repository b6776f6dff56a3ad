package hostile

import (
	"fmt"
	"go/ast"
	"go/doc/comment"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/otelpool/otelpool-go/internal/programs"
)

// TestServersOfExamplesAndDocsHaveTimeouts reads the Go code that users copy: the packages and examples, and the code
// in Markdown and in comments of Go files. A server must limit the time of headers and of answers, because slow
// readers would occupy the bridge's places. The size of headers is limited by net/http.
func TestServersOfExamplesAndDocsHaveTimeouts(t *testing.T) {
	t.Parallel()
	root, err := programs.Root()
	if err != nil {
		t.Fatal(err)
	}
	servers, comments := 0, 0
	for name, code := range codeForUsers(t, root) {
		if strings.Contains(name, "comment") {
			comments++
		}
		for _, problem := range problems(t, name, code, &servers) {
			t.Errorf("%s: %s", name, problem)
		}
	}
	if servers < 3 { // those of the demo, of quickstart and of docs/recipes.md
		t.Errorf("%d servers found", servers)
	}
	if comments == 0 {
		t.Error("no code found in comments")
	}
	recordFigure(t, "%d servers, and %d blocks of code in comments", servers, comments)
}

func TestProblemsFindsServersWithoutTimeouts(t *testing.T) {
	t.Parallel()
	const limited = "http.Server{ReadHeaderTimeout: 1, WriteTimeout: 1}"
	for name, tt := range map[string]struct {
		code string
		want int // number of problems
	}{
		"limited":                     {"s := " + limited, 0},
		"without one":                 {"s := &http.Server{ReadHeaderTimeout: 1}", 1},
		"without both":                {"s := &http.Server{}", 2},
		"by a function":               {"http.ListenAndServe(\":1\", nil)", 1},
		"in declarations":             {"func f() { http.ListenAndServe(\":1\", nil) }", 1},
		"in a file":                   {"// Of a file:\n\npackage a\n\nvar s = http.Server{}", 2},
		"beside another":              {"s := " + limited + "\ngo http.Serve(l, nil)", 1},
		"in what cannot be parsed":    {"http.ListenAndServe(...)", 1},
		"no server, no Go either":     {"GET /metrics", 0},
		"in a comment's code":         {codeInComments(t, "a.go", "// Package a serves:\n//\n//\thttp.ListenAndServe(\":1\", nil)\npackage a")[0], 1},
		"in a comment of a statement": {codeInComments(t, "a.go", "package a\n\nfunc f() {\n\t// So:\n\t//\n\t//\ts := http.Server{}\n\tg()\n}")[0], 2},
	} {
		servers := 0
		if got := problems(t, name, asFile(tt.code), &servers); (len(got) == 0) != (tt.want == 0) || len(got) < tt.want {
			t.Errorf("%s: %q, want %d", name, got, tt.want)
		}
	}
}

// codeForUsers returns the code by its location.
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
				code[fmt.Sprintf("%s, block %d", name, i+1)] = asFile(block)
			}
		case filepath.Ext(path) == ".go" && (!strings.HasSuffix(path, "_test.go") || strings.Contains(filepath.Base(path), "example")):
			code[name] = string(text)
			for i, block := range codeInComments(t, name, string(text)) {
				code[fmt.Sprintf("%s, comment's block %d", name, i+1)] = asFile(block)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return code
}

// asFile makes a file of code that is a file, declarations or statements.
func asFile(block string) (file string) {
	for _, frame := range []string{"%s", "package p\n%s", "package p\nfunc f() {\n%s\n}"} {
		file = fmt.Sprintf(frame, block)
		if _, err := parser.ParseFile(token.NewFileSet(), "", file, 0); err == nil {
			break
		}
	}
	return file
}

// codeInComments returns the code in comments, which is indented as in go doc.
func codeInComments(t *testing.T, name, text string) (blocks []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	for _, group := range file.Comments {
		for _, block := range new(comment.Parser).Parse(group.Text()).Content {
			if code, is := block.(*comment.Code); is {
				blocks = append(blocks, code.Text)
			}
		}
	}
	return blocks
}

// problems returns the servers without limits.
func problems(t *testing.T, name, code string, servers *int) (found []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), name, code, 0)
	if err != nil && strings.Contains(code, "http.") { // comments may contain other things than Go
		found = append(found, err.Error())
	}
	if file == nil {
		return found
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
