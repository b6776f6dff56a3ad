package main

import (
	"fmt"
	"runtime"
)

// emptyMarks is the number of consecutive marks with nothing between them. They measure the cost of a mark.
const emptyMarks = 3

// probeEnv makes the instructions of a probe depend on little but the program. It disables garbage collection,
// preemption by the scheduler, and the faster instructions that only some processors have.
var probeEnv = []string{"GOMAXPROCS=1", "GOGC=off", "GODEBUG=asyncpreemptoff=1,cpu.all=off"}

// warmUp is how often a scenario runs before it is counted.
const warmUp = 50

// allocationRuns is how often it runs for the mean of its allocations.
const allocationRuns = 200

func init() { runtime.LockOSThread() } // main must run on the traced thread

// runProbe runs a scenario, first for its allocations, then between marks.
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
	printAllocations(run)
	if !canCount {
		return nil
	}
	mark()
	// From here on the other threads are stopped. The scheduler may already have asked the main goroutine to yield,
	// and it must be able to continue. A goroutine locked to its thread would wait for another thread to hand the
	// processor back.
	runtime.UnlockOSThread()
	for range emptyMarks {
		mark()
	}
	for range s.runs {
		run()
		mark()
	}
	return nil
}
