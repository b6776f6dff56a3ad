package stack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/otelpool/otelpool-go/internal/proc"
)

// stopTimeout is the time a program has to end after a signal.
const stopTimeout = 20 * time.Second

// Command says how to start a program.
type Command struct {
	Name string // in messages
	Path string
	Args []string
	Env  []string // added to the environment of this process
	Log  string   // the file for the program's output
}

// Process is a started program.
type Process struct {
	name string
	log  string
	cmd  *exec.Cmd
	done chan struct{}
	err  error // how it ended; read it only after done is closed
}

// Start starts a program. It receives no signals of the terminal, and it does not outlive this process.
func Start(c Command) (*Process, error) {
	log, err := os.OpenFile(c.Log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, fmt.Errorf("stack: open the log of %s: %w", c.Name, err)
	}
	defer log.Close()
	p := &Process{name: c.Name, log: c.Log, cmd: exec.Command(c.Path, c.Args...), done: make(chan struct{})}
	p.cmd.Env = slices.Concat(os.Environ(), c.Env)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // the terminal's signals are for the parent
	if err := proc.Start(p.cmd, syscall.SIGTERM, func(err error) { p.err = err; close(p.done) }); err != nil {
		return nil, fmt.Errorf("stack: start %s: %w", c.Name, err)
	}
	return p, nil
}

// StartReady starts a program and waits until probe returns nil. It stops a program for which that does not happen.
func StartReady(ctx context.Context, c Command, probe func(context.Context) error) (*Process, error) {
	p, err := Start(c)
	if err != nil {
		return nil, err
	}
	if err := p.Await(ctx, probe); err != nil {
		return nil, errors.Join(err, p.Stop())
	}
	return p, nil
}

// Name returns the program's name.
func (p *Process) Name() string { return p.name }

// PID returns the program's process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done returns a channel that is closed when the program has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Ended returns nil while the program runs. After that it returns an error that contains the result and the last
// lines of output.
func (p *Process) Ended() error {
	select {
	case <-p.done:
	default:
		return nil
	}
	how := "exit status 0"
	if p.err != nil {
		how = p.err.Error()
	}
	return fmt.Errorf("stack: %s ended by itself (%s). Its last lines:\n%s", p.name, how, indent(p.LastLines(12)))
}

// Signal sends the program a signal.
func (p *Process) Signal(sig os.Signal) error { return p.cmd.Process.Signal(sig) }

// Stop asks the program to end, and waits until it has. It kills a program that does not end in time, and returns an
// error. It does nothing if the program has ended.
func (p *Process) Stop() error {
	// A suspended program receives the signal only after it continues.
	_ = p.Signal(syscall.SIGCONT)
	if err := p.Signal(syscall.SIGTERM); errors.Is(err, os.ErrProcessDone) {
		<-p.done
		return nil
	} else if err != nil {
		return errors.Join(fmt.Errorf("stack: stop %s: %w", p.name, err), p.Kill())
	}
	timer := time.NewTimer(stopTimeout)
	defer timer.Stop()
	select {
	case <-p.done:
		return nil
	case <-timer.C:
		return errors.Join(fmt.Errorf("stack: %s did not end within %v and was killed", p.name, stopTimeout), p.Kill())
	}
}

// Kill kills the program and waits until it has ended.
func (p *Process) Kill() error {
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stack: kill %s: %w", p.name, err)
	}
	<-p.done
	return nil
}

// LastLines returns the last n lines of the program's output.
func (p *Process) LastLines(n int) string {
	const most = 64 << 10
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	text = bytes.TrimRight(text[max(0, len(text)-most):], "\n")
	lines := strings.Split(string(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

func indent(text string) string { return "    " + strings.ReplaceAll(text, "\n", "\n    ") }
