package otelpgx_test

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/exaring/otelpgx"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/internal/catalogue"
	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

func page(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../../docs/otelpgx.md")
	testutil.NoError(t, err)
	return string(text)
}

// inSource matches names in otelpgx's source: its functions, names of spans, its attributes and its metrics.
var inSource = []*regexp.Regexp{
	regexp.MustCompile(`(?m)^func ([A-Z]\w+)\(`),
	regexp.MustCompile(`\.Start\(ctx, "([^"]+?) ?"`),
	regexp.MustCompile(`(?m)^\s+\w+ += (?:attribute\.Key\()?"((?:db\.client|pgxpool|pgx)\.[^"]+)"`),
}

func TestPageNamesAllThatOtelpgxHas(t *testing.T) {
	list := exec.Command("go", "list", "-f", "{{.Dir}}", theirs)
	dir, err := list.Output()
	testutil.NoError(t, err)
	files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(dir)), "*.go"))
	testutil.NoError(t, err)
	names := make(map[string]bool)
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		source, err := os.ReadFile(file)
		testutil.NoError(t, err)
		for _, pattern := range inSource {
			for _, match := range pattern.FindAllSubmatch(source, -1) {
				names[string(match[1])] = true
			}
		}
	}
	if len(names) < 45 {
		t.Errorf("otelpgx's source has %d names: %q", len(names), slices.Sorted(maps.Keys(names)))
	}
	wantNamed(t, slices.Sorted(maps.Keys(names)))
}

func TestPageNamesAllAttributesOfSpans(t *testing.T) {
	alone := record()
	config := parse(t, postgrestest.Database(t))
	config.ConnConfig.Tracer = otelpgx.NewTracer(otelpgx.WithIncludeQueryParameters())
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	testutil.NoError(t, err)
	drive(t, pool)
	attributes := alone.attributes()
	if len(attributes) < 16 {
		t.Errorf("spans have %d attributes: %q", len(attributes), attributes)
	}
	wantNamed(t, attributes)
}

func wantNamed(t *testing.T, names []string) {
	t.Helper()
	text := page(t)
	for _, name := range names {
		if !regexp.MustCompile("`" + regexp.QuoteMeta(name) + "\\b").MatchString(text) {
			t.Errorf("docs/otelpgx.md does not name %s", name)
		}
	}
}

// metricName matches what the page shows as a metric.
var metricName = regexp.MustCompile("`((?:pgxpool|db\\.client)\\.[a-z_.]+[a-z])")

func TestMetricsOnPageExist(t *testing.T) {
	// The first column of the table of metrics has otelpgx's.
	text := regexp.MustCompile("(?m)^\\| `[^|]*").ReplaceAllString(page(t), "")
	found := metricName.FindAllStringSubmatch(text, -1)
	if len(found) < 15 {
		t.Errorf("the page has %d metrics of otelpool", len(found))
	}
	for _, match := range found {
		name := match[1]
		if catalogue.Lookup(name) == nil && !strings.HasPrefix(name, catalogue.AttrPool) {
			t.Errorf("otelpool has no metric %s", name)
		}
	}
}
