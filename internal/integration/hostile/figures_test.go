package hostile

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/otelpool/otelpool-go/internal/programs"
)

// figures holds the tests' results by test name, for docs/faults.md.
var figures = struct {
	sync.Mutex
	rows map[string]string
}{rows: map[string]string{}}

// recordFigure prints the result of a test, unless the test has failed, and writes all results to the folder
// .tmp/faults of the project.
func recordFigure(t *testing.T, format string, args ...any) {
	t.Helper()
	if t.Failed() {
		return
	}
	figures.Lock()
	defer figures.Unlock()
	figures.rows[t.Name()] = fmt.Sprintf(format, args...)
	fmt.Printf("%s: %s\n", t.Name(), figures.rows[t.Name()])
	table := "| test | what was seen |\n|---|---|\n"
	for _, name := range slices.Sorted(maps.Keys(figures.rows)) {
		table += fmt.Sprintf("| `%s` | %s |\n", name, strings.ReplaceAll(figures.rows[name], "|", `\|`))
	}
	root, err := programs.Root()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(root, ".tmp", "faults")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "hostile.md"), []byte(table), 0o600); err != nil {
		t.Fatal(err)
	}
}
