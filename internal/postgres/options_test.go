//go:build unix

package postgres

import (
	"strings"
	"testing"
)

func TestWithUnixSocketConnectsThroughSocket(t *testing.T) {
	t.Setenv(URLEnv, "")
	url, stop, err := EnvOrStart(t.Context(), WithUnixSocket())
	if err != nil {
		t.Fatal(err)
	}
	if !query[bool](t, connect(t, url), "SELECT inet_client_addr() IS NULL") {
		t.Errorf("the connection of %s is not through the socket", url)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
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
	if got := query[string](t, conn, "SHOW server_version"); !strings.HasPrefix(got, s.Version()) {
		t.Errorf("Version is %q, the server says %q", s.Version(), got)
	}
}

func TestStartRefusesBadOptions(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		option Option
		want   string
	}{
		{"no connections", WithMaxConnections(0), "max_connections is 0 (must be 1 to 262143)"},
		{"no name", WithSetting("", "x"), `setting name is "" (must not be empty)`},
		{"owned", WithSetting("Port", "5432"), `setting "Port" cannot be changed (the launcher needs it)`},
		{"unknown", WithSetting("nonsense", "1"), `unrecognized configuration parameter "nonsense"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFolders(t)
			s, err := Start(t.Context(), tt.option, withFolders(f.temp, f.cache))
			if err == nil {
				_ = s.Stop()
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %q does not say %q", err, tt.want)
			}
			if left := entries(t, f.temp, "*"); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}
