package readme

import (
	"go/doc"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/otelpool/otelpool-go/internal/testutil"
)

// outputBlock matches the output of an Example and the comment before it, which names the Example.
var outputBlock = regexp.MustCompile("(?m)^<!-- output of (\\S+):Example(\\S*) -->\n^```\n((?s:.*?))^```$")

// TestOutputEqualsOutputOfExamples compares the documents with the Output comments of Examples.
func TestOutputEqualsOutputOfExamples(t *testing.T) {
	for _, name := range documents(t) {
		text := read(t, name)
		created := outputBlock.ReplaceAllStringFunc(text, func(block string) string {
			parts := outputBlock.FindStringSubmatch(block)
			want := output(t, parts[1], parts[2])
			if want == "" {
				t.Errorf("%s: %s has no Example%s with output", name, parts[1], parts[2])
				return block
			}
			return "<!-- output of " + parts[1] + ":Example" + parts[2] + " -->\n```\n" + want + "```"
		})
		testutil.Made(t, filepath.Join(root, name), text, created, *update)
	}
}

func output(t *testing.T, file, example string) string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, file), nil, parser.ParseComments)
	testutil.NoError(t, err)
	for _, e := range doc.Examples(parsed) {
		if e.Name == example {
			return strings.TrimSpace(e.Output) + "\n"
		}
	}
	return ""
}
