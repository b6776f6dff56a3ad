//go:build unix

package postgres

import (
	"strings"
	"testing"

	"github.com/otelpool/otelpool-go/internal/testutil"
)

func TestWithUnixSocketConnectsThroughSocket(t *testing.T) {
	t.Setenv(URLEnv, "")
	url, stop, err := EnvOrStart(t.Context(), WithUnixSocket())
	testutil.NoError(t, err)
	if !query[bool](t, connect(t, url), "SELECT inet_client_addr() IS NULL") {
		t.Errorf("the connection of %s is not through the socket", url)
	}
	testutil.NoError(t, stop())
}

func TestSettingsReachTheServer(t *testing.T) {
	t.Parallel()
	s := startServer(t, WithMaxConnections(17), WithSetting("work_mem", "1MB"), WithSetting("work_mem", "3MB"),
		WithSetting("fsync", "on"))
	conn := connect(t, s.ConnString())
	for name, want := range map[string]string{"max_connections": "17", "work_mem": "3MB", "fsync": "on"} {
		if got := query[string](t, conn, "SHOW "+name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}

func TestFailedStartLeavesNothing(t *testing.T) {
	t.Parallel()
	f := newFolders(t)
	s, err := Start(t.Context(), WithSetting("nonsense", "1"), withFolders(f.temp, f.cache))
	if err == nil {
		_ = s.Stop()
		t.Fatal("no error")
	}
	if want := `unrecognized configuration parameter "nonsense"`; !strings.Contains(err.Error(), want) {
		t.Errorf("error %q does not say %q", err, want)
	}
	if left := entries(t, f.temp, "*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}
