package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
)

// canCount says that instructions can be counted on this system.
const canCount = true

// Numbers of the kernel's interface that package syscall lacks.
const (
	ptraceSeize     = 0x4206
	ptraceInterrupt = 0x4207
	optionExitKill  = 0x100000
	waitAll         = 0x40000000 // __WALL

	auxNull   = 0
	auxIgnore = 1
	auxVDSO   = 33
)

// maxSteps is far more than a scenario takes. It is reached only when the probe spins for what a stopped thread holds.
const maxSteps = 50_000_000

// count runs the probe of a scenario and gives the instructions that its main thread executes between the marks.
//
// It executes them one by one, by ptrace, as a debugger does: that needs no hardware counters, which virtual machines
// seldom have, and no rights beyond those over a child. The other threads are stopped meanwhile, or the scheduler would
// find the main thread slow and interrupt it.
func count(scenario string) (counts []int, err error) {
	runtime.LockOSThread() // ptrace obeys the thread that began it
	defer runtime.UnlockOSThread()
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("count: %w", err)
	}
	cmd := exec.Command(self, "-probe", scenario)
	cmd.Env = append(os.Environ(), probeEnv...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("count: start the probe under ptrace: %w", err)
	}
	p := &probe{pid: cmd.Process.Pid}
	defer func() {
		_ = cmd.Process.Kill()
		p.reap()
		_ = cmd.Wait()
	}()
	if err := p.begin(); err != nil {
		return nil, fmt.Errorf("count: %w", err)
	}
	for range marks {
		n, err := p.step()
		if err != nil {
			return nil, fmt.Errorf("count: %w", err)
		}
		counts = append(counts, n)
	}
	return counts, nil
}

// probe is a traced process.
type probe struct {
	pid     int
	threads []int // those that were stopped
}

// begin lets the probe run to its first mark and stops its other threads.
func (p *probe) begin() error {
	if signal, err := p.wait(p.pid); err != nil || signal != syscall.SIGTRAP {
		return fmt.Errorf("the probe does not stop at its start: %v, %w", signal, err)
	}
	if err := syscall.PtraceSetOptions(p.pid, optionExitKill); err != nil {
		return fmt.Errorf("set options: %w", err)
	}
	if err := p.hideVDSO(); err != nil {
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

// step executes instructions up to the next mark and tells how many.
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
	return 0, fmt.Errorf("no end after %d instructions", n)
}

// wait waits until a thread stops and tells for which signal.
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

// stopOthers stops all threads but the main one.
func (p *probe) stopOthers() error {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", p.pid))
	if err != nil {
		return fmt.Errorf("list threads: %w", err)
	}
	for _, task := range tasks {
		thread, err := strconv.Atoi(filepath.Base(task))
		if err != nil {
			return fmt.Errorf("list threads: %w", err)
		}
		if thread == p.pid {
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

// reap takes note of the end of the threads that were stopped. Nobody else may, and the process does not end before.
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

// hideVDSO takes the kernel's own code out of the auxiliary vector, so that reading the clock is a system call, one
// instruction, whatever the kernel and its clock. The process has not executed anything yet.
func (p *probe) hideVDSO() error {
	var regs syscall.PtraceRegs
	if err := syscall.PtraceGetRegs(p.pid, &regs); err != nil {
		return fmt.Errorf("get registers: %w", err)
	}
	at := uintptr(regs.Rsp)
	word := func() (uint64, error) {
		var b [8]byte
		if _, err := syscall.PtracePeekData(p.pid, at, b[:]); err != nil {
			return 0, fmt.Errorf("read the stack: %w", err)
		}
		at += 8
		return binary.LittleEndian.Uint64(b[:]), nil
	}
	if _, err := word(); err != nil { // argc
		return err
	}
	for range 2 { // the arguments, the environment: each ends with 0
		for {
			w, err := word()
			if err != nil {
				return err
			}
			if w == 0 {
				break
			}
		}
	}
	for {
		key := at
		kind, err := word()
		if err != nil || kind == auxNull {
			return err
		}
		if kind == auxVDSO {
			_, err := syscall.PtracePokeData(p.pid, key, []byte{auxIgnore, 0, 0, 0, 0, 0, 0, 0})
			return err
		}
		at += 8
	}
}

func ptrace(request, thread int) error {
	if _, _, errno := syscall.RawSyscall6(syscall.SYS_PTRACE, uintptr(request), uintptr(thread), 0, 0, 0, 0); errno != 0 {
		return fmt.Errorf("ptrace %#x: %w", request, errno)
	}
	return nil
}
