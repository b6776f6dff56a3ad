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

	"github.com/jackc/pgx/v5"

	"github.com/otelpool/otelpool-go/internal/testutil"
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
	testutil.NoError(t, err)
	temp, err := os.MkdirTemp(tempDir(account), "pg")
	testutil.NoError(t, err)
	t.Cleanup(func() { testutil.NoError(t, os.RemoveAll(temp)) })
	// The server's user must be able to enter the folder.
	testutil.NoError(t, os.Chmod(temp, 0o755))
	return folders{temp: temp, cache: t.TempDir()}
}

// startServer starts a server from the shared template and stops it after the test.
func startServer(t *testing.T, opts ...Option) *Server {
	t.Helper()
	s, err := Start(t.Context(), opts...)
	testutil.NoError(t, err)
	t.Cleanup(func() { testutil.NoError(t, s.Stop()) })
	return s
}

func connect(t *testing.T, connString string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), connString)
	testutil.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func query[T any](t *testing.T, conn *pgx.Conn, sql string) T {
	t.Helper()
	var v T
	testutil.NoError(t, conn.QueryRow(t.Context(), sql).Scan(&v))
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
	return processesOf(t, s.process.Pid, s.data())
}

func processesOf(t *testing.T, postmaster int, data string) []int {
	t.Helper()
	pids := append(serverProcesses(postmaster, data), postmaster)
	if len(pids) < 4 {
		t.Fatalf("the server has the processes %v, too few to be all", pids)
	}
	return pids
}

// checkGone checks that the processes and the path disappear.
func checkGone(t *testing.T, pids []int, path string) {
	t.Helper()
	testutil.Eventually(t, fmt.Sprintf("the processes %v and %s are gone", pids, path), func() bool {
		_, err := os.Lstat(path)
		return !slices.ContainsFunc(pids, alive) && errors.Is(err, fs.ErrNotExist)
	})
}

// checkEnded checks that all processes have ended.
func checkEnded(t *testing.T, pids []int) {
	t.Helper()
	for _, pid := range pids {
		if alive(pid) {
			t.Errorf("process %d is still there", pid)
		}
	}
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
	testutil.NoError(t, err)
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
	testutil.NoError(t, err)
	return found
}
