package e2e

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/otelpool/otelpool-go/internal/integration/e2e/expressions"
)

const guidePath = "../../../GUIDE.md"

// queryBlock matches a fenced block of PromQL and the comment before it, which names its queries.
var queryBlock = regexp.MustCompile("(?m)(?:^<!-- query: (.+) -->\n)?^```promql\n((?s:.*?))^```$")

func TestQueriesInGUIDEAreTestedOnes(t *testing.T) {
	text, err := os.ReadFile(guidePath)
	if err != nil {
		t.Fatal(err)
	}
	tried := make(map[string]string)
	missing := make(map[string]bool)
	for _, e := range expressions.Corrected() {
		tried[e.Name] = queryLines(e.About, e.PromQL)
	}
	for _, q := range expressions.Questions() {
		tried[q.Name] = queryLines(q.About, q.PromQL)
		missing[q.Name] = true
	}
	made := queryBlock.ReplaceAllStringFunc(string(text), func(block string) string {
		names := queryBlock.FindStringSubmatch(block)[1]
		if names == "" {
			t.Errorf("GUIDE.md: this does not say which queries it has:\n%s", block)
			return block
		}
		var queries []string
		for _, name := range strings.Split(names, ", ") {
			if tried[name] == "" {
				t.Errorf("GUIDE.md: there is no query %q", name)
			}
			queries = append(queries, tried[name])
			delete(missing, name)
		}
		return "<!-- query: " + names + " -->\n```promql\n" + strings.Join(queries, "\n") + "```"
	})
	if len(missing) > 0 {
		t.Errorf("GUIDE.md does not have %q", slices.Sorted(maps.Keys(missing)))
	}
	if *update {
		if err := os.WriteFile(guidePath, []byte(made), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if made != string(text) {
		t.Errorf("the queries of GUIDE.md are not those that were tried: run the test with -update")
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
