//go:build unix

package postgres

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

func TestMain(m *testing.M) {
	if temp := os.Getenv(helperEnv); temp != "" {
		helper(temp)
	}
	os.Exit(m.Run())
}

// folders are the folders for the servers and the template of one test.
type folders struct {
	temp, cache string
}

func newFolders(t *testing.T) folders {
	t.Helper()
	account, err := serverAccount()
	if err != nil {
		t.Fatal(err)
	}
	temp, err := os.MkdirTemp(account.tempDir(), "pg")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(temp); err != nil {
			t.Error(err)
		}
	})
	// The server's user must be able to enter the folder.
	if err := os.Chmod(temp, 0o755); err != nil {
		t.Fatal(err)
	}
	return folders{temp: temp, cache: t.TempDir()}
}

// startServer starts a server from the shared template and stops it after the test.
func startServer(t *testing.T, opts ...Option) *Server {
	t.Helper()
	s, err := Start(t.Context(), opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func connect(t *testing.T, connString string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), connString)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func query[T any](t *testing.T, conn *pgx.Conn, sql string) T {
	t.Helper()
	var v T
	if err := conn.QueryRow(t.Context(), sql).Scan(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

func execute(t *testing.T, conn *pgx.Conn, sql string) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
}

// pids returns the ids of the postmaster and the server's other processes.
func (s *Server) pids(t *testing.T) []int {
	t.Helper()
	pids := append(serverProcesses(s.process.Pid, s.data()), s.process.Pid)
	if len(pids) < 4 {
		t.Fatalf("the server has the processes %v, too few to be all", pids)
	}
	return pids
}

// eventually waits until f returns "". Otherwise f returns what is missing.
func eventually(t *testing.T, f func() string) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		missing := f()
		if missing == "" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal(missing)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// checkGone checks that the processes and the path disappear.
func checkGone(t *testing.T, pids []int, path string) {
	t.Helper()
	eventually(t, func() string {
		if left := slices.DeleteFunc(slices.Clone(pids), func(pid int) bool { return !alive(pid) }); len(left) > 0 {
			return fmt.Sprintf("processes %v are still there", left)
		}
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			return fmt.Sprintf("%s is still there (%v)", path, err)
		}
		return ""
	})
}

// alive reports whether a process runs. It returns false for a zombie.
func alive(pid int) bool {
	if err := syscall.Kill(pid, 0); errors.Is(err, syscall.ESRCH) {
		return false
	}
	out, err := exec.Command("ps", "-o", "stat=", "-p", strconv.Itoa(pid)).Output()
	return err == nil && !strings.HasPrefix(strings.TrimSpace(string(out)), "Z")
}

// processesNaming returns the processes whose command lines contain s.
func processesNaming(t *testing.T, s string) []string {
	t.Helper()
	out, err := exec.Command("ps", "-A", "-o", "pid=,args=").Output()
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for scanner := bufio.NewScanner(strings.NewReader(string(out))); scanner.Scan(); {
		if strings.Contains(scanner.Text(), s) {
			found = append(found, scanner.Text())
		}
	}
	return found
}

func entries(t *testing.T, dir, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil {
		t.Fatal(err)
	}
	return found
}
