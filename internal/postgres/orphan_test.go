//go:build unix

package postgres

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
)

// helperEnv makes the test binary a helper process. The helper starts a server in the folder that helperEnv names,
// and then waits.
const helperEnv = "OTELPOOL_TEST_HELPER_TEMP"

func helper(temp string) {
	ctx := context.Background()
	s, err := Start(ctx, withFolders(temp, filepath.Join(temp, "cache")))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	conn, err := pgx.Connect(ctx, s.ConnString())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(s.dir, s.process.Pid)
	_, _ = conn.Exec(ctx, "SELECT count(*) FROM generate_series(1, 100000000000)")
	select {}
}

// startHelper returns the helper process and a scanner of the lines it prints.
func startHelper(t *testing.T, f folders) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), helperEnv+"="+f.temp)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd, bufio.NewScanner(out)
}

func TestKilledParentLeavesNothing(t *testing.T) {
	t.Parallel()
	for _, sig := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM} {
		t.Run(sig.String(), func(t *testing.T) {
			t.Parallel()
			f := newFolders(t)
			cmd, lines := startHelper(t, f)
			if !lines.Scan() {
				t.Fatal("the helper ended")
			}
			dir, pidText, _ := strings.Cut(lines.Text(), " ")
			pid, err := strconv.Atoi(pidText)
			if err != nil {
				t.Fatal(err)
			}
			pids := append(serverProcesses(pid, filepath.Join(dir, "data")), pid)
			if len(pids) < 4 {
				t.Fatalf("the server has the processes %v, too few to be all", pids)
			}
			if err := cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			checkGone(t, pids, dir)
			checkNothingNames(t, f.temp)
		})
	}
}

func TestParentKilledWhileStartingLeavesNothing(t *testing.T) {
	t.Parallel()
	const last = dirPrefix + "*/data/postmaster.opts"
	for _, when := range []string{
		dirPrefix + "*", dirPrefix + "*/data", dirPrefix + "*/data/base/1", "cache/*.new-*", last,
	} {
		t.Run(strings.NewReplacer("/", " ", "*", "").Replace(when), func(t *testing.T) {
			t.Parallel()
			f := newFolders(t)
			cmd, _ := startHelper(t, f)
			eventually(t, func() string {
				// The last state follows all others, in case one was too short to be seen.
				if len(entries(t, f.temp, when)) == 0 && len(entries(t, f.temp, last)) == 0 {
					return "the helper does not get to make " + when
				}
				return ""
			})
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			eventually(t, func() string {
				left := append(entries(t, f.temp, dirPrefix+"*"), entries(t, f.temp, "cache/*.new-*")...)
				if len(left) > 0 {
					return fmt.Sprintf("left behind: %v", left)
				}
				return ""
			})
			checkNothingNames(t, f.temp)
		})
	}
}

func checkNothingNames(t *testing.T, temp string) {
	t.Helper()
	eventually(t, func() string {
		if left := processesNaming(t, temp); len(left) > 0 {
			return fmt.Sprintf("left behind: %v", left)
		}
		return ""
	})
}
