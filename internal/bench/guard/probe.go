package main

import (
	"fmt"
	"runtime"
	"syscall"
)

// markSignal is what the probe stops itself with. It is never delivered.
const markSignal = syscall.SIGUSR1

// marks is how many counts are taken of a scenario: the first ones are of nothing, and tell what a mark itself costs.
const (
	emptyMarks = 3
	fullMarks  = 7
	marks      = emptyMarks + fullMarks
)

// probeEnv makes what a probe executes depend on little but the program: no collection of garbage, no interruption by
// the scheduler, and none of the faster instructions that one processor has and another lacks.
var probeEnv = []string{"GOMAXPROCS=1", "GOGC=off", "GODEBUG=asyncpreemptoff=1,cpu.all=off"}

// warmUp is how often a scenario runs before it is counted.
const warmUp = 50

func init() { runtime.LockOSThread() } // main has to run on the thread that is traced

// runProbe runs a scenario between marks.
func runProbe(name string) error {
	s, ok := find(name)
	if !ok {
		return fmt.Errorf("no scenario %q", name)
	}
	run, end, err := s.set()
	if err != nil {
		return err
	}
	defer end()
	for range warmUp {
		run()
	}
	mark()
	for range emptyMarks {
		mark()
	}
	for range fullMarks {
		run()
		mark()
	}
	return nil
}

func mark() {
	_, _, _ = syscall.RawSyscall(syscall.SYS_TGKILL, uintptr(syscall.Getpid()), uintptr(syscall.Gettid()), uintptr(markSignal))
}
