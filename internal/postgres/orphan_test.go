//go:build unix

package postgres

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/otelpool/otelpool-go/internal/testutil"
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

// startHelper starts the helper process. The returned function waits until its server runs, and returns the server's folder
// and processes.
func startHelper(t *testing.T, f folders) (cmd *exec.Cmd, server func() (dir string, pids []int)) {
	t.Helper()
	cmd = exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), helperEnv+"="+f.temp)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	testutil.NoError(t, err)
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd, func() (dir string, pids []int) {
		t.Helper()
		var postmaster int
		if _, err := fmt.Fscan(out, &dir, &postmaster); err != nil {
			t.Fatalf("the helper ended: %v", err)
		}
		return dir, processesOf(t, postmaster, filepath.Join(dir, "data"))
	}
}

func TestKilledParentLeavesNothing(t *testing.T) {
	t.Parallel()
	for _, sig := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM} {
		t.Run(sig.String(), func(t *testing.T) {
			t.Parallel()
			f := newFolders(t)
			cmd, server := startHelper(t, f)
			dir, pids := server()
			testutil.NoError(t, cmd.Process.Signal(sig))
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
			testutil.Eventually(t, "the helper has made "+when, func() bool {
				// The last state follows all others, in case one was too short to be seen.
				return len(entries(t, f.temp, when))+len(entries(t, f.temp, last)) > 0
			})
			testutil.NoError(t, cmd.Process.Kill())
			testutil.Eventually(t, "nothing is left behind in "+f.temp, func() bool {
				return len(entries(t, f.temp, dirPrefix+"*"))+len(entries(t, f.temp, "cache/*.new-*")) == 0
			})
			checkNothingNames(t, f.temp)
		})
	}
}

func checkNothingNames(t *testing.T, temp string) {
	t.Helper()
	testutil.Eventually(t, "no process names "+temp, func() bool { return len(processesNaming(t, temp)) == 0 })
}
