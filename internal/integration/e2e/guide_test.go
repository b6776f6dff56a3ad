package e2e_test

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/otelpool/otelpool-go/internal/testutil"
)

const root = "../../../"

// documents lists the documents with blocks of PromQL, the guide first.
var documents = []string{"GUIDE.md", "docs/sizing.md"}

// queryBlock matches a fenced block of PromQL and the comment before it, which names its queries.
var queryBlock = regexp.MustCompile("(?m)(?:^<!-- query: (.+) -->\n)?^```promql\n((?s:.*?))^```$")

func TestQueriesInGUIDEAreTestedOnes(t *testing.T) {
	tried := make(map[string]string)
	missing := make(map[string]bool)
	for _, e := range slices.Concat(correctedExpressions, questions) {
		tried[e.name] = queryLines(e.about, e.promQL)
	}
	for _, q := range questions {
		missing[q.name] = true
	}
	for _, document := range documents {
		text, err := os.ReadFile(root + document)
		testutil.NoError(t, err)
		made := queryBlock.ReplaceAllStringFunc(string(text), func(block string) string {
			names := queryBlock.FindStringSubmatch(block)[1]
			if names == "" {
				t.Errorf("%s: this does not say which queries it has:\n%s", document, block)
				return block
			}
			var queries []string
			for _, name := range strings.Split(names, ", ") {
				if tried[name] == "" {
					t.Errorf("%s: there is no query %q", document, name)
				}
				queries = append(queries, tried[name])
				delete(missing, name)
			}
			return "<!-- query: " + names + " -->\n```promql\n" + strings.Join(queries, "\n") + "```"
		})
		testutil.Made(t, root+document, string(text), made, *update)
	}
	if len(missing) > 0 {
		t.Errorf("%q do not have %q", documents, slices.Sorted(maps.Keys(missing)))
	}
}

// queryLines returns a query and a comment with its purpose, in lines of readable length.
func queryLines(about, promQL string) string {
	const width = 110
	var b strings.Builder
	line := "#"
	for _, word := range strings.Fields(about) {
		if len(line)+1+len(word) > width {
			b.WriteString(line + "\n")
			line = "#"
		}
		line += " " + word
	}
	b.WriteString(line + "\n" + promQL + "\n")
	return b.String()
}
