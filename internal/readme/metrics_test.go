package readme

import (
	"flag"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/otelpool/otelpool-go/internal/catalogue"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

var update = flag.Bool("update", false, "update the generated parts of the documents")

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
		if row.OptIn {
			name += " (off by default)"
		}
		fmt.Fprintf(&b, "| %s | `%s` | %s, %s | %s | %s | %s |\n", name, row.ExposedName(), row.Kind, row.Unit, labels(row), row.Meaning, row.Worry)
	}
	return b.String() + "\n" + values(rows) + "\n"
}

// values returns the values of labels with a closed set of values, except the kinds of findings.
func values(rows []catalogue.Row) string {
	var b strings.Builder
	b.WriteString("| label | values |\n|---|---|\n")
	listed := map[string]bool{catalogue.AttrKind: true, catalogue.AttrSystem: true}
	for _, row := range rows {
		for _, attr := range row.Attributes {
			if len(attr.Values) > 0 && !listed[attr.Key] {
				listed[attr.Key] = true
				fmt.Fprintf(&b, "| `%s` | `%s` |\n", attr.Label(), strings.Join(attr.Values, "`, `"))
			}
		}
	}
	return b.String()
}

// TestPackageDocumentNamesEveryMetric checks that the lists in doc.go have all metrics of a pgxpool, each with the
// values of its attributes.
func TestPackageDocumentNamesEveryMetric(t *testing.T) {
	t.Parallel()
	items := strings.Split(read(t, "otelpool/doc.go"), "\n//   - ")[1:]
	for _, row := range catalogue.Rows() {
		if row.Database {
			continue
		}
		at := slices.IndexFunc(items, func(item string) bool { return strings.Contains(item, row.Name) })
		if at < 0 {
			t.Errorf("otelpool/doc.go does not list %s", row.Name)
			continue
		}
		for _, attr := range row.Attributes {
			if len(attr.Values) < 2 || attr.Key == catalogue.AttrKind {
				continue
			}
			for _, value := range attr.Values {
				if !regexp.MustCompile(`\b` + value + `\b`).MatchString(items[at]) {
					t.Errorf("otelpool/doc.go does not list %s=%s of %s", attr.Key, value, row.Name)
				}
			}
		}
	}
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
			label += " " + string(attr.Presence)
		}
		all = append(all, label)
	}
	return strings.Join(all, ", ")
}
