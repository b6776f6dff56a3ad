package readme

import (
	"flag"
	"fmt"
	"strings"
	"testing"

	"github.com/otelpool/otelpool-go/internal/catalogue"
)

var update = flag.Bool("update", false, "write the generated parts of the documents anew")

const (
	tableFile  = "docs/metrics.md"
	tableBegin = "<!-- metrics: made by go test ./internal/readme -update -->\n"
	tableEnd   = "<!-- metrics end -->\n"
)

func TestMetricsTableMatchesCatalogue(t *testing.T) {
	want := table(catalogue.Rows())
	text := read(t, tableFile)
	before, rest, ok := strings.Cut(text, tableBegin)
	got, after, end := strings.Cut(rest, tableEnd)
	if !ok || !end {
		t.Fatalf("%s has no %q and %q", tableFile, tableBegin, tableEnd)
	}
	if *update {
		write(t, tableFile, before+tableBegin+want+tableEnd+after)
		return
	}
	if got != want {
		t.Errorf("the table of metrics is\n%s\nthe catalogue makes\n%s", got, want)
	}
}

func table(rows []catalogue.Row) string {
	var b strings.Builder
	b.WriteString("\n| OpenTelemetry | Prometheus | kind, unit | labels | meaning | when to worry |\n|---|---|---|---|---|---|\n")
	for _, row := range rows {
		name := "`" + row.Name + "`"
		if row.State != "" {
			name += " {" + row.State + "}"
		}
		if !row.Default {
			name += " (off by default)"
		}
		fmt.Fprintf(&b, "| %s | `%s` | %s, %s | %s | %s | %s |\n", name, row.ExposedName(), row.Kind, row.Unit, labels(row), row.Meaning, row.Worry)
	}
	return b.String() + "\n"
}

// labels returns a row's labels, each with its condition unless it is always present.
func labels(row catalogue.Row) string {
	var all []string
	for _, attr := range row.Attributes {
		label := attr.Label()
		if row.Documented == "" {
			label = catalogue.TranslatedLabel(attr.Key)
		}
		label = "`" + label + "`"
		if attr.Presence != catalogue.Always {
			label += " " + attr.Presence.String()
		}
		all = append(all, label)
	}
	return strings.Join(all, ", ")
}
