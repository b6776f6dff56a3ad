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

// stopTimeout is the time a program has to end after a signal.
const stopTimeout = 20 * time.Second

// process is a running program.
type process struct {
	cmd  *exec.Cmd
	done chan error // receives the program's result

	mu    sync.Mutex
	lines []string
	found chan string // receives the match in the output
}

// start runs a program until ctx ends or it is stopped. It waits until the program prints a line that matches
// pattern, and returns the match of the pattern's group.
func start(ctx context.Context, cmd *exec.Cmd, pattern *regexp.Regexp) (*process, string, error) {
	p := &process{cmd: cmd, done: make(chan error, 1), found: make(chan string, 1)}
	reader, writer := io.Pipe()
	cmd.Stdout, cmd.Stderr = writer, writer
	if err := cmd.Start(); err != nil {
		return nil, "", fmt.Errorf("live: %w", err)
	}
	go p.read(reader, pattern)
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
		return nil, "", fmt.Errorf("live: %s ended before it was ready: %v\n%s", cmd.Path, err, p.output())
	case <-ctx.Done():
		p.stop()
		return nil, "", fmt.Errorf("live: %s is not ready: %w\n%s", cmd.Path, ctx.Err(), p.output())
	}
}

// read keeps the program's output and searches it for the pattern.
func (p *process) read(r io.Reader, pattern *regexp.Regexp) {
	for scanner := bufio.NewScanner(r); scanner.Scan(); {
		line := scanner.Text()
		p.mu.Lock()
		p.lines = append(p.lines, line)
		p.mu.Unlock()
		if parts := pattern.FindStringSubmatch(line); parts != nil {
			select {
			case p.found <- parts[1]:
			default: // matched before
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
	kill := time.AfterFunc(stopTimeout, func() { _ = p.cmd.Process.Kill() })
	defer kill.Stop()
	p.done <- <-p.done
}
