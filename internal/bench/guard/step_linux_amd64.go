package main

import (
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// canCount reports whether instructions can be counted on this system.
const canCount = true

// markSignal is the signal by which the probe stops itself. It is never delivered.
const markSignal = syscall.SIGUSR1

// mark stops the probe.
func mark() {
	_, _, _ = syscall.RawSyscall(syscall.SYS_TGKILL, uintptr(syscall.Getpid()), uintptr(syscall.Gettid()), uintptr(markSignal))
}

// Numbers of the kernel's interface that package syscall lacks.
const (
	ptraceSeize     = 0x4206
	ptraceInterrupt = 0x4207
	optionExitKill  = 0x100000
	waitAll         = 0x40000000 // __WALL
)

// waitLimit ends a probe that waits for a stopped thread. A probe runs some ten thousand instructions a second on a
// busy machine, and a hundred times as many on an idle one.
const waitLimit = 2 * time.Minute

// maxSteps is far more than a scenario takes. A probe reaches it only if it spins on a lock of a stopped thread.
const maxSteps = 50_000_000

// observe runs the probe of a scenario. It returns the allocations that the probe prints, and the number of
// instructions that its main thread executes between the marks.
//
// It executes them one by one with ptrace, like a debugger. That needs no hardware counters, which virtual machines
// often lack, and only rights over a child. The other threads are stopped meanwhile; otherwise the scheduler would
// find the main thread slow and interrupt it.
func observe(s scenario, seed byte) (cost, error) {
	runtime.LockOSThread() // ptrace accepts calls only from the thread that started the probe
	defer runtime.UnlockOSThread()
	cmd, output, err := s.command()
	if err != nil {
		return cost{}, err
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	if err := cmd.Start(); err != nil {
		return cost{}, fmt.Errorf("start the probe under ptrace: %w", err)
	}
	kill := func() { _ = cmd.Process.Kill() }
	timer := time.AfterFunc(waitLimit, kill)
	defer timer.Stop()
	p := &probe{pid: cmd.Process.Pid}
	counts, err := p.count(s, seed)
	kill()
	p.reap()
	_ = cmd.Wait() // it was killed
	if err != nil {
		return cost{}, err
	}
	c, err := parse(output.String())
	if s.runs > 0 {
		c.Instructions = slices.Min(counts[emptyMarks:]) - slices.Min(counts[:emptyMarks])
	}
	return c, err
}

// count returns the number of instructions before each mark but the first.
func (p *probe) count(s scenario, seed byte) (counts []int, err error) {
	if err := p.begin(seed); err != nil {
		return nil, err
	}
	if s.runs == 0 {
		return nil, nil
	}
	for range emptyMarks + s.runs {
		n, err := p.step()
		if err != nil {
			return nil, err
		}
		counts = append(counts, n)
	}
	return counts, nil
}

// probe is a traced process.
type probe struct {
	pid     int
	threads []int // the stopped threads
}

// begin lets the probe run to its first mark and stops its other threads.
func (p *probe) begin(seed byte) error {
	if signal, err := p.wait(p.pid); err != nil || signal != syscall.SIGTRAP {
		return fmt.Errorf("the probe does not stop at its start: %v, %w", signal, err)
	}
	if err := syscall.PtraceSetOptions(p.pid, optionExitKill); err != nil {
		return fmt.Errorf("set options: %w", err)
	}
	if err := p.setAuxv(seed); err != nil {
		return err
	}
	for deliver := 0; ; {
		if err := syscall.PtraceCont(p.pid, deliver); err != nil {
			return fmt.Errorf("continue: %w", err)
		}
		signal, err := p.wait(p.pid)
		if err != nil {
			return err
		}
		if signal == markSignal {
			return p.stopOthers()
		}
		deliver = int(signal)
	}
}

// step executes instructions up to the next mark and returns their number.
func (p *probe) step() (n int, err error) {
	for ; n < maxSteps; n++ {
		if err := ptrace(syscall.PTRACE_SINGLESTEP, p.pid); err != nil {
			return 0, err
		}
		switch signal, err := p.wait(p.pid); {
		case err != nil:
			return 0, err
		case signal == markSignal:
			return n, nil
		case signal != syscall.SIGTRAP:
			return 0, fmt.Errorf("the probe stops for %v", signal)
		}
	}
	return 0, fmt.Errorf("the probe has no mark within %d instructions", n)
}

// wait waits until a thread stops and returns the signal that stopped it.
func (p *probe) wait(thread int) (syscall.Signal, error) {
	var status syscall.WaitStatus
	for {
		_, err := syscall.Wait4(thread, &status, waitAll, nil)
		switch {
		case err == syscall.EINTR:
			continue
		case err != nil:
			return 0, fmt.Errorf("wait: %w", err)
		case !status.Stopped():
			return 0, fmt.Errorf("the probe ended, status %#x", int(status))
		}
		return status.StopSignal(), nil
	}
}

// stopOthers stops all threads but the main one, including threads created in the meantime.
func (p *probe) stopOthers() error {
	for {
		before := len(p.threads)
		if err := p.stopKnown(); err != nil || len(p.threads) == before {
			return err
		}
	}
}

// stopKnown stops the existing threads.
func (p *probe) stopKnown() error {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", p.pid))
	if err != nil {
		return fmt.Errorf("list threads: %w", err)
	}
	for _, task := range tasks {
		thread, err := strconv.Atoi(filepath.Base(task))
		if err != nil {
			return fmt.Errorf("list threads: %w", err)
		}
		if thread == p.pid || slices.Contains(p.threads, thread) {
			continue
		}
		if err := ptrace(ptraceSeize, thread); err != nil {
			return err
		}
		p.threads = append(p.threads, thread)
		if err := ptrace(ptraceInterrupt, thread); err != nil {
			return err
		}
		if _, err := p.wait(thread); err != nil {
			return err
		}
	}
	return nil
}

// reap waits for the stopped threads, which only their tracer can do. The process does not end before.
func (p *probe) reap() {
	for _, thread := range p.threads {
		var status syscall.WaitStatus
		for {
			_, err := syscall.Wait4(thread, &status, waitAll, nil)
			if err != syscall.EINTR && (err != nil || !status.Stopped()) {
				break
			}
		}
	}
}

func ptrace(request, thread int) error {
	if _, _, errno := syscall.RawSyscall6(syscall.SYS_PTRACE, uintptr(request), uintptr(thread), 0, 0, 0, 0); errno != 0 {
		return fmt.Errorf("ptrace %#x: %w", request, errno)
	}
	return nil
}
