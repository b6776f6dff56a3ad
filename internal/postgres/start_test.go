//go:build unix

package postgres

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/otelpool/otelpool-go/internal/testutil"
)

func TestServersStartTogetherWithoutTemplate(t *testing.T) {
	t.Parallel()
	f := newFolders(t)
	servers := make([]*Server, 4)
	var wg sync.WaitGroup
	for i := range servers {
		wg.Go(func() {
			s, err := Start(t.Context(), withFolders(f.temp, f.cache))
			if err != nil {
				t.Error(err)
				return
			}
			servers[i] = s
		})
	}
	wg.Wait()
	ports := map[int]bool{}
	for _, s := range servers {
		if s == nil {
			continue
		}
		_ = connect(t, s.ConnString())
		ports[s.Port()] = true
		testutil.Check(t, s.Stop())
	}
	if len(ports) != len(servers) {
		t.Errorf("%d servers were at %d ports", len(servers), len(ports))
	}
	if left := entries(t, f.temp, "*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	if kept := entries(t, f.cache, "*"); len(kept) != 1 {
		t.Errorf("templates %v, want one", kept)
	}
}

func TestCancelledStartLeavesNothing(t *testing.T) {
	t.Parallel()
	boom := errors.New("changed my mind")
	tests := []struct {
		name string
		when string // a file in the server's directory that exists when the start is cancelled
	}{
		{"before it", ""},
		{"in initdb", "data/base"},
		{"in initdb, later", "data/base/1"},
		{"in the server's start", "data/postmaster.opts"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFolders(t)
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			if tt.when == "" {
				cancel(boom)
			}
			go func() {
				for ctx.Err() == nil {
					if found, _ := filepath.Glob(filepath.Join(f.temp, "*", tt.when)); len(found) > 0 {
						cancel(boom)
					}
					time.Sleep(time.Millisecond)
				}
			}()
			s, err := Start(ctx, withFolders(f.temp, f.cache))
			if err == nil { // the server started first
				err = errors.Join(boom, s.Stop())
			}
			if !errors.Is(err, boom) {
				t.Errorf("the error is %v", err)
			}
			if left := entries(t, f.temp, "*"); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
			if left := entries(t, f.cache, "*.new-*"); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
			if left := processesNaming(t, f.temp); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestStartTriesAnotherPortIfTaken(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	testutil.NoError(t, err)
	defer l.Close()
	tries := 0
	s := startServer(t, withPorts(func() (int, error) {
		if tries++; tries < 3 {
			return l.Addr().(*net.TCPAddr).Port, nil
		}
		return FreePort()
	}))
	testutil.Equal(t, "tries to start the server", tries, 3)
	_ = connect(t, s.ConnString())
}

func TestDamagedTemplateIsReplaced(t *testing.T) {
	t.Parallel()
	f := newFolders(t)
	cache := withFolders(f.temp, f.cache)
	s := startServer(t, cache)
	control := filepath.Join(s.template.data(), "global", "pg_control")
	testutil.NoError(t, os.Truncate(control, 100))
	_ = connect(t, startServer(t, cache).ConnString())
	if info, err := os.Stat(control); err == nil && info.Size() == 100 {
		t.Error("the damaged template is still there")
	}
	_ = connect(t, startServer(t, cache).ConnString())
	if _, err := os.Stat(control); err != nil {
		t.Errorf("there is no new template: %v", err)
	}
}

func TestStartWorksWithoutCacheFolder(t *testing.T) {
	t.Parallel()
	f := newFolders(t)
	file := filepath.Join(f.cache, "file")
	testutil.NoError(t, os.WriteFile(file, nil, 0o600))
	s := startServer(t, withFolders(f.temp, filepath.Join(file, "cache")))
	_ = connect(t, s.ConnString())
}

func TestServerDoesNotGetCallersEnvironment(t *testing.T) {
	for name, value := range map[string]string{
		"PGDATA": "/nowhere", "PGPORT": "1", "LC_ALL": "nonsense", "LC_MESSAGES": "nonsense", "LANG": "de_DE.UTF-8",
		URLEnv: "postgres://user:secret@nowhere.invalid/db", "LD_LIBRARY_PATH": "/nowhere",
	} {
		t.Setenv(name, value)
	}
	for _, v := range environment() {
		name, value, _ := strings.Cut(v, "=")
		if strings.HasPrefix(name, "PG") || name == URLEnv || strings.HasPrefix(name, "L") && value != "C" && value != "/nowhere" {
			t.Errorf("the server gets %s", v)
		}
	}
	if !slices.Contains(environment(), "LD_LIBRARY_PATH=/nowhere") {
		t.Error("the server does not get LD_LIBRARY_PATH")
	}
	f := newFolders(t)
	_ = startServer(t, withFolders(f.temp, f.cache))
}
