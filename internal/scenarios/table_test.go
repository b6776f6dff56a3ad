package scenarios

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/otelpool/otelpool-go/internal/testutil"
)

const (
	document   = "../../docs/diagnosis.md"
	tableBegin = "<!-- scenarios: made by go test ./internal/scenarios -update -->\n"
	tableEnd   = "<!-- scenarios end -->\n"
)

// outcomes has the outcome of each scenario. It is safe for concurrent use.
type outcomes struct {
	mu  sync.Mutex
	all map[string]outcome
}

func (o *outcomes) add(name string, out outcome) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.all == nil {
		o.all = make(map[string]outcome)
	}
	o.all[name] = out
}

// table returns a line for each scenario.
func (o *outcomes) table() string {
	var b strings.Builder
	b.WriteString("\n| trouble | what was concluded | after | what came first before |\n|---|---|---|---|\n")
	for _, sc := range scenarios {
		out, after := o.all[sc.Name], "not found"
		if out.Found > 0 {
			after = fmt.Sprintf("%.0f s", out.Found.Seconds())
		}
		slices.Sort(out.Mistaken)
		what := says(sc.Want)
		if sc.Also != nil {
			what += ", and " + says(*sc.Also)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", sc.Name, what, after, strings.Join(out.Mistaken, ", "))
	}
	b.WriteString("\n")
	return b.String()
}

func (o *outcomes) write(t *testing.T) {
	t.Helper()
	if want := len(untroubled) + len(scenarios); len(o.all) < want {
		t.Fatalf("%d of %d scenarios were run: the table needs all", len(o.all), want)
	}
	testutil.Section(t, document, tableBegin, tableEnd, o.table(), true)
}

func TestDocumentHasEveryScenario(t *testing.T) {
	if *update {
		return // the table is being updated
	}
	text, err := os.ReadFile(document)
	testutil.NoError(t, err)
	for _, sc := range scenarios {
		if !strings.Contains(string(text), "\n| "+sc.Name+" | ") {
			t.Errorf("%s lacks %q", document, sc.Name)
		}
	}
}

// says returns the expected finding in words.
func says(w wanted) string {
	if len(w.Guilty) == 0 || w.Guilty[0] == "" {
		return "`" + string(w.Kind) + "`"
	}
	return "`" + string(w.Kind) + "` of " + w.Guilty[0]
}
