package poolz_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/otelpool/otelpool-go/internal/integration/dashboard/live"
	"github.com/otelpool/otelpool-go/internal/integration/npm"
	"github.com/otelpool/otelpool-go/internal/programs"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

// timeLimit includes the installation of the browser. Without it, the test takes under two minutes on an idle machine.
const timeLimit = 15 * time.Minute

// TestPageShowsTroublesOfDemo opens the page of the demo in a headless Chromium. It checks that the page shows each
// trouble, that axe-core finds nothing, and that nothing overflows on a phone or a wide screen. It writes screenshots
// to .tmp/page. The README's picture, docs/page.png, is a copy of page.png there.
//
// It needs Node.js and npm, which bring the browser, on Linux on amd64. On other systems it uses the browser that CHROMIUM
// names.
func TestPageShowsTroublesOfDemo(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), timeLimit)
	defer cancel()
	root, err := programs.Root()
	testutil.NoError(t, err)
	testutil.NoError(t, npm.Install(ctx, "browser"))
	pictures := filepath.Join(root, ".tmp", "page")
	testutil.NoError(t, os.MkdirAll(pictures, 0o755))
	demo, stop, err := live.StartDemo(ctx, t.TempDir())
	testutil.NoError(t, err)
	defer stop()
	testutil.NoError(t, npm.Run(ctx, "browser", "node", "check.js", "http://"+demo, pictures))
}
