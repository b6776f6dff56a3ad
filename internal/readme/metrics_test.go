package readme

import (
	"flag"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/otelpool/otelpool-go/internal/catalogue"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

var update = flag.Bool("update", false, "write the generated parts of the documents anew")

const (
	tableBegin = "<!-- metrics: made by go test ./internal/readme -update -->\n"
	tableEnd   = "<!-- metrics end -->\n"
)

func TestMetricsTableMatchesCatalogue(t *testing.T) {
	testutil.Section(t, filepath.Join(root, "docs/metrics.md"), tableBegin, tableEnd, table(catalogue.Rows()), *update)
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
