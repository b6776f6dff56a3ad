package otelpgx_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/otelpool/otelpool-go/internal/catalogue"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

func page(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../../docs/otelpgx.md")
	testutil.NoError(t, err)
	return string(text)
}

// metricName matches a metric on the page.
var metricName = regexp.MustCompile("`((?:pgxpool|db\\.client)\\.[a-z_.]+[a-z])")

func TestMetricsOnPageExist(t *testing.T) {
	// Without the first column of the table, which has otelpgx's metrics.
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
