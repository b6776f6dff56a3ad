package main

import (
	"fmt"
	"runtime"
)

// emptyMarks is how many marks follow one another with nothing between them: they tell what a mark itself costs.
const emptyMarks = 3

// probeEnv makes what a probe executes depend on little but the program: no collection of garbage, no interruption by
// the scheduler, and none of the faster instructions that one processor has and another lacks.
var probeEnv = []string{"GOMAXPROCS=1", "GOGC=off", "GODEBUG=asyncpreemptoff=1,cpu.all=off"}

// warmUp is how often a scenario runs before it is counted.
const warmUp = 50

// allocationRuns is how often it runs for the mean of its allocations.
const allocationRuns = 200

func init() { runtime.LockOSThread() } // main has to run on the thread that is traced

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
	say(run)
	if !canCount {
		return nil
	}
	mark()
	// From here on the other threads are stopped. What interrupts the main goroutine, as the scheduler had asked before,
	// must find that it may go on at once: bound to its thread it would wait for another thread to hand the processor back.
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
