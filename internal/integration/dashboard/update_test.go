package dashboard_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/otelpool/otelpool-go/internal/integration/dashboard"
	"github.com/otelpool/otelpool-go/internal/programs"
)

var update = flag.Bool("update", false, "write the dashboards")

// committed returns the path of a file below collector-config/grafana.
func committed(t *testing.T, name string) string {
	t.Helper()
	root, err := programs.Root()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(root, "collector-config", "grafana", name)
}

func TestCommittedDashboardsMatchCode(t *testing.T) {
	t.Parallel()
	files, err := dashboard.Files()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		path := committed(t, name)
		if *update {
			if err := os.WriteFile(path, want, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s differs from the code: run go -C internal/integration test ./dashboard -update", path)
		}
	}
}
