//go:build unix && !aix && !solaris

package postgres

import (
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"syscall"
)

// watchScript waits until its standard input is closed, which also happens when the process at the other end is
// killed. A line of input is the id of the process to end then; an empty line means none. The script ends that
// process, waits for it, and removes the paths in its arguments. The first path is the server's directory.
//
// The lock file exists only after a death without cleanup. Its first line is the id of the process. Its seventh line
// names the System V shared memory segment that would be left behind.
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

// watchdog is a small process that outlives this one for a moment, to end the server and remove its files.
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

// follow sets the process to end when this one dies, or 0 for none. Call it with 0 as soon as the process was waited
// for, because its id can then belong to another process.
func (w *watchdog) follow(pid int) {
	line := "\n"
	if pid != 0 {
		line = strconv.Itoa(pid) + "\n"
	}
	_, _ = io.WriteString(w.pipe, line) // a killed watchdog can do no more
}

// release makes the watchdog remove its paths, and waits for it.
func (w *watchdog) release() {
	_ = w.pipe.Close()
	<-w.done
}
