package rig

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/otelpool/otelpool-go/internal/programs"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

// Table collects the results of a package's tests. It is safe for concurrent use.
type Table struct {
	name    string
	columns []string

	mu   sync.Mutex
	rows [][]string
}

// NewTable returns an empty table. Its name is also that of its file.
func NewTable(name string, columns ...string) *Table { return &Table{name: name, columns: columns} }

// Add adds a row.
func (t *Table) Add(cells ...string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rows = append(t.rows, cells)
}

// markdown returns the table as Markdown.
func (t *Table) markdown() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var b strings.Builder
	line := func(cells []string) { fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | ")) }
	line(t.columns)
	b.WriteString(strings.Repeat("|---", len(t.columns)) + "|\n")
	for _, row := range t.rows {
		line(row)
	}
	return b.String()
}

// Publish prints the table after the test, and writes it to its file.
func (t *Table) Publish(tb testing.TB) {
	tb.Cleanup(func() {
		fmt.Printf("\n%s\n", t.markdown())
		testutil.Check(tb, t.Write())
	})
}

// Write writes the table to the folder .tmp/faults of the project.
func (t *Table) Write() error {
	root, err := programs.Root()
	if err != nil {
		return err
	}
	dir := filepath.Join(root, ".tmp", "faults")
	return errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, t.name+".md"), []byte(t.markdown()), 0o644))
}
