package readme

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/otelpool/otelpool-go/internal/testutil"
)

const root = "../.."

// front lists the documents that must have code, metrics and commands.
var front = []string{"README.md", "GUIDE.md"}

// documents returns all documents.
func documents(t *testing.T) (names []string) {
	t.Helper()
	for _, pattern := range []string{"*.md", "docs/*.md", "collector-config/*.md", "collector-config/*/*.md", ".github/*/*.md"} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		testutil.NoError(t, err)
		for _, file := range files {
			name, err := filepath.Rel(root, file)
			testutil.NoError(t, err)
			names = append(names, filepath.ToSlash(name))
		}
	}
	if len(names) < 20 {
		t.Errorf("only the documents %q were found", names)
	}
	return names
}

func TestREADMEIsShort(t *testing.T) {
	t.Parallel()
	if n := strings.Count(read(t, "README.md"), "\n"); n > 120 {
		t.Errorf("README.md has %d lines, want at most 120", n)
	}
}

// block is a fenced block of Go and the comment before it, which names its source.
var block = regexp.MustCompile("(?m)(?:^<!-- from (\\S+) -->\n)?^```go\n((?s:.*?))^```$")

// TestCodeEqualsItsSource compares every Go block with the file or Example that it names.
func TestCodeEqualsItsSource(t *testing.T) {
	for _, name := range documents(t) {
		text, blocks := read(t, name), 0
		made := block.ReplaceAllStringFunc(text, func(b string) string {
			blocks++
			from := block.FindStringSubmatch(b)[1]
			want, err := source(from)
			if err != nil {
				t.Errorf("%s: %v: this code must name its source:\n%s", name, err, b)
				return b
			}
			return "<!-- from " + from + " -->\n```go\n" + want + "```"
		})
		if blocks == 0 && slices.Contains(front, name) {
			t.Errorf("%s has no code", name)
		}
		testutil.Made(t, filepath.Join(root, name), text, made, *update)
	}
}

// source returns the text of "file" or of "file:function". For an Example it returns the body up to the output
// comment; for another function, the whole function and its comment.
func source(from string) (string, error) {
	file, function, _ := strings.Cut(from, ":")
	text, err := os.ReadFile(filepath.Join(root, file))
	if err != nil || function == "" {
		return string(text), err
	}
	fset := token.NewFileSet()
	parsed, err := parser.ParseFile(fset, file, text, parser.ParseComments)
	if err != nil {
		return "", err
	}
	for _, decl := range parsed.Decls {
		if f, ok := decl.(*ast.FuncDecl); ok && f.Name.Name == function {
			if !strings.HasPrefix(function, "Example") {
				begin := f.Pos()
				if f.Doc != nil {
					begin = f.Doc.Pos()
				}
				return string(text[fset.Position(begin).Offset:fset.Position(f.End()).Offset]) + "\n", nil
			}
			body := string(text[fset.Position(f.Body.Lbrace).Offset+2 : fset.Position(f.Body.Rbrace).Offset])
			return dedent(beforeOutput(body)), nil
		}
	}
	return "", fmt.Errorf("%s has no function %s", file, function)
}

// beforeOutput cuts the output comment, and the call before it that prints the output.
func beforeOutput(body string) string {
	for _, mark := range []string{"\t// Output:", "\t// Unordered output:"} {
		body, _, _ = strings.Cut(body, mark)
	}
	body = strings.TrimRight(body, "\n")
	if i := strings.LastIndex(body, "\n\n\tprint"); i >= 0 {
		body = body[:i]
	}
	return body + "\n"
}

func dedent(body string) string {
	lines := strings.SplitAfter(body, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimPrefix(line, "\t")
	}
	return strings.Join(lines, "")
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	testutil.NoError(t, err)
	return string(text)
}
