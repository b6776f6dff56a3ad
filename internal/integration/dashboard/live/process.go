package live

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"
)

// grace is how long a program may take to end once it is told to.
const grace = 20 * time.Second

// process is a program that runs.
type process struct {
	cmd  *exec.Cmd
	done chan error // its end

	mu    sync.Mutex
	lines []string
	found chan string // what it says about itself
}

// start runs a program until ctx ends or it is stopped. It waits until the program prints a line that matches said, and
// gives what the group of that expression matches.
func start(ctx context.Context, cmd *exec.Cmd, said *regexp.Regexp) (*process, string, error) {
	p := &process{cmd: cmd, done: make(chan error, 1), found: make(chan string, 1)}
	reader, writer := io.Pipe()
	cmd.Stdout, cmd.Stderr = writer, writer
	if err := cmd.Start(); err != nil {
		return nil, "", fmt.Errorf("live: %w", err)
	}
	go p.read(reader, said)
	go func() {
		err := cmd.Wait()
		writer.Close()
		p.done <- err
	}()
	select {
	case text := <-p.found:
		return p, text, nil
	case err := <-p.done:
		p.done <- err
		return nil, "", fmt.Errorf("live: %s ended at once: %v\n%s", cmd.Path, err, p.output())
	case <-ctx.Done():
		p.stop()
		return nil, "", fmt.Errorf("live: %s is not ready: %w\n%s", cmd.Path, ctx.Err(), p.output())
	}
}

// read keeps what the program prints, and looks for what it says about itself.
func (p *process) read(r io.Reader, said *regexp.Regexp) {
	for scanner := bufio.NewScanner(r); scanner.Scan(); {
		line := scanner.Text()
		p.mu.Lock()
		p.lines = append(p.lines, line)
		p.mu.Unlock()
		if parts := said.FindStringSubmatch(line); parts != nil {
			select {
			case p.found <- parts[1]:
			default: // said before
			}
		}
	}
}

func (p *process) output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.lines, "\n")
}

// stop ends the program and waits until it has ended.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	kill := time.AfterFunc(grace, func() { _ = p.cmd.Process.Kill() })
	defer kill.Stop()
	p.done <- <-p.done
}
