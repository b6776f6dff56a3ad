package dashboard_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/otelpool/otelpool-go/internal/integration/dashboard"
	"github.com/otelpool/otelpool-go/internal/programs"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

var update = flag.Bool("update", false, "write the dashboards")

func committed(t *testing.T, name string) string {
	t.Helper()
	root, err := programs.Root()
	testutil.NoError(t, err)
	return filepath.Join(root, "collector-config", "grafana", name)
}

func TestCommittedDashboardsMatchCode(t *testing.T) {
	t.Parallel()
	files, err := dashboard.Files()
	testutil.NoError(t, err)
	for name, want := range files {
		path := committed(t, name)
		text, err := os.ReadFile(path)
		if err != nil && !*update {
			t.Fatal(err)
		}
		testutil.Made(t, path, string(text), string(want), *update)
	}
}
