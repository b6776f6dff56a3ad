//go:build unix

package postgres

import (
	"fmt"
	"io"
	"os/exec"
	"syscall"
)

// watchScript waits until its standard input is closed, which also happens when the process at the other end is killed.
// Then it removes the paths in its arguments. The first is the server's directory, which the processes of the server
// may still write to. If the server left its lock file, the seventh line names the System V shared memory segment to
// remove.
const watchScript = `
trap '' HUP INT QUIT TERM
cat >/dev/null
memory=$(sed -n '7s/.* //p' "$1/data/postmaster.pid" 2>/dev/null)
[ -n "$memory" ] && ipcrm -m "$memory" 2>/dev/null
tries=0
until rm -rf -- "$@" 2>/dev/null && [ ! -e "$1" ]; do
	tries=$((tries + 1))
	[ "$tries" -gt 100 ] && exit 1
	sleep 0.1
done
`

// watchdog is a small process that outlives this one for a moment, to remove the server's files.
type watchdog struct {
	pipe io.WriteCloser // closed by the kernel when this process ends
	done chan struct{}
}

// startWatchdog starts the watchdog of paths, which need not exist.
func startWatchdog(paths ...string) (*watchdog, error) {
	cmd := exec.Command("/bin/sh", append([]string{"-c", watchScript, "otelpool-watchdog"}, paths...)...)
	cmd.Dir = "/"
	cmd.Env = environment()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // not reached by Ctrl-C or a closing terminal
	pipe, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return nil, fmt.Errorf("postgres: start the watchdog: %w", err)
	}
	w := &watchdog{pipe: pipe, done: make(chan struct{})}
	go func() {
		defer close(w.done)
		_ = cmd.Wait() // only the removal of the directory matters
	}()
	return w, nil
}

// release makes the watchdog remove its paths, and waits for it.
func (w *watchdog) release() {
	_ = w.pipe.Close()
	<-w.done
}
