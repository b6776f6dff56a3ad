//go:build unix && !aix && !solaris

package postgres

import (
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"syscall"
)

// watchScript waits until its standard input is closed, which also happens when the process at the other end is killed.
// Lines on it are the id of the process to end then; an empty one: none. It ends that process, waits for it, and removes
// the paths that are its arguments, the first of which is the server's directory.
//
// The lock file is there only after a death without cleaning up: its first line is the id of the process, and its
// seventh names the piece of System V shared memory that nobody would remove.
const watchScript = `
trap '' HUP INT QUIT TERM
dir=$1
lock=$dir/data/postmaster.pid
pid=
while read -r line; do pid=$line; done
if [ -n "$pid" ] && kill -QUIT "$pid" 2>/dev/null; then
	tries=0
	while kill -0 "$pid" 2>/dev/null; do
		tries=$((tries + 1))
		if [ "$tries" -gt 100 ]; then
			[ "$(head -n 1 "$lock" 2>/dev/null)" = "$pid" ] && kill -KILL "$pid"
			break
		fi
		sleep 0.1
	done
fi
if [ -r "$lock" ]; then
	memory=$(sed -n '7s/.* //p' "$lock")
	[ -n "$memory" ] && ipcrm -m "$memory" 2>/dev/null
fi
tries=0
until rm -rf -- "$@" 2>/dev/null && [ ! -e "$dir" ]; do
	tries=$((tries + 1))
	[ "$tries" -gt 100 ] && exit 1
	sleep 0.1
done
`

// watchdog is a small process that outlives this one by a moment, if need be, to end the server and remove its files.
type watchdog struct {
	pipe io.WriteCloser // closed by the kernel when this process ends
	done chan struct{}
}

// startWatchdog starts the watchdog of paths, which need not exist.
func startWatchdog(paths ...string) (*watchdog, error) {
	cmd := exec.Command("/bin/sh", append([]string{"-c", watchScript, "otelpool-watchdog"}, paths...)...)
	cmd.Dir = "/"
	cmd.Env = environment()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // out of reach of Ctrl-C and of a closing terminal
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
		_ = cmd.Wait() // what counts is whether the directory is gone
	}()
	return w, nil
}

// follow names the process to end when this one dies; 0 is none, and due as soon as the process was waited for: from
// then on its id can be another's.
func (w *watchdog) follow(pid int) {
	line := "\n"
	if pid != 0 {
		line = strconv.Itoa(pid) + "\n"
	}
	_, _ = io.WriteString(w.pipe, line) // a watchdog that was killed can do no more
}

// release has the watchdog remove its paths, and waits for that.
func (w *watchdog) release() {
	_ = w.pipe.Close()
	<-w.done
}
