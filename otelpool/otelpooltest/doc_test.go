package otelpooltest_test

import (
	"os"
	"strings"
	"testing"

	"github.com/otelpool/otelpool-go/internal/testutil"
)

func TestDocCodeEqualsExampleTest(t *testing.T) {
	t.Parallel()
	var doc strings.Builder
	for line := range strings.Lines(read(t, "doc.go")) {
		switch code, ok := strings.CutPrefix(line, "//\t"); {
		case ok:
			doc.WriteString(code)
		case line == "//\n" && doc.Len() > 0:
			doc.WriteString("\n")
		}
	}
	code := strings.TrimSpace(doc.String()) + "\n"
	if !strings.HasPrefix(code, "func Test") || !strings.Contains(read(t, "example_test.go"), "\n"+code) {
		t.Errorf("example_test.go has no such function:\n%s", code)
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	testutil.NoError(t, err)
	return string(text)
}
