// Package measure compares different ways of doing the same work. A machine's speed changes from second to second, so
// all contenders run in short slices that take turns. The result is the median of the ratios within the rounds, with
// its interval.
package measure

import (
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"
)

// Contender is one way of doing the work.
type Contender struct {
	Name string

	// Run does the work for about the given time and returns the number of operations. It does at least one.
	Run func(slice time.Duration) (ops int)

	// After, if not nil, is called after each turn and not measured. It may change the result.
	After func(*Slice)
}

// Slice is the result of one contender in one turn.
type Slice struct {
	Ops  int
	Time time.Duration
	CPU  time.Duration // of the whole process, all its threads

	P50, P99 time.Duration // of the operations' durations, if After sets them
}

// TimePerOp returns the duration of an operation in seconds.
func TimePerOp(s Slice) float64 { return s.Time.Seconds() / float64(s.Ops) }

// CPUPerOp returns the processor time of an operation in seconds.
func CPUPerOp(s Slice) float64 { return s.CPU.Seconds() / float64(s.Ops) }

// P50 returns the median of the operations' durations in seconds.
func P50(s Slice) float64 { return s.P50.Seconds() }

// P99 returns the 99th percentile of the operations' durations in seconds.
func P99(s Slice) float64 { return s.P99.Seconds() }

// Rounds are the slices of all contenders. Each round has one slice of each, in the contenders' order.
type Rounds struct {
	Names  []string
	Slices [][]Slice
}

// minRounds is the minimum number of rounds: a 95 % interval needs six.
const minRounds = 6

// Interleave runs the contenders in turns until the budget is spent, in a different order in each round. It collects
// garbage between rounds and not in the slices, where one contender would pay for another's garbage. So the times
// include the making of allocations, but not their collection.
func Interleave(contenders []Contender, slice, budget time.Duration) Rounds {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	return interleave(contenders, slice, budget, runtime.GC)
}

// InterleaveCollecting is Interleave with the garbage collector on, as in a program. Slices must be so long that each
// contender's own garbage is collected in them several times. Compare the processor time then.
func InterleaveCollecting(contenders []Contender, slice, budget time.Duration) Rounds {
	return interleave(contenders, slice, budget, func() {})
}

func interleave(contenders []Contender, slice, budget time.Duration, between func()) Rounds {
	r := Rounds{Names: make([]string, len(contenders))}
	for i, c := range contenders {
		r.Names[i] = c.Name
		run(c, slice) // warms up
	}
	random := rand.New(rand.NewPCG(1, 2))
	for begin, round := time.Now(), 0; round < minRounds || time.Since(begin) < budget; round++ {
		between()
		slices := make([]Slice, len(contenders))
		for _, at := range random.Perm(len(contenders)) {
			slices[at] = run(contenders[at], slice)
		}
		r.Slices = append(r.Slices, slices)
	}
	return r
}

func run(c Contender, slice time.Duration) Slice {
	cpu, start := CPU(), time.Now()
	ops := c.Run(slice)
	s := Slice{Ops: ops, Time: time.Since(start), CPU: CPU() - cpu}
	if c.After != nil {
		c.After(&s)
	}
	return s
}

// CPU returns the processor time that this process has used.
func CPU() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err) // RUSAGE_SELF is always valid
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// Repeat returns a Run that calls f batch times between readings of the clock.
func Repeat(batch int, f func()) func(time.Duration) int {
	return func(slice time.Duration) (ops int) {
		for begin := time.Now(); ops == 0 || time.Since(begin) < slice; ops += batch {
			for range batch {
				f()
			}
		}
		return ops
	}
}

// RepeatParallel returns a Run that calls the functions side by side, each on its own goroutine. If there are more
// functions than processors, each goroutine yields after a batch.
func RepeatParallel(batch int, each []func()) func(time.Duration) int {
	crowded := len(each) > runtime.GOMAXPROCS(0)
	return func(slice time.Duration) (ops int) {
		done := make(chan int, len(each))
		begin := time.Now()
		for _, f := range each {
			go func() {
				n := 0
				for ; n == 0 || time.Since(begin) < slice; n += batch {
					for range batch {
						f()
					}
					if crowded {
						runtime.Gosched()
					}
				}
				done <- n
			}()
		}
		for range each {
			ops += <-done
		}
		return ops
	}
}

// Allocs returns the number of allocations and bytes of one call of f, as the mean of n calls.
func Allocs(n int, f func()) (count, bytes float64) {
	f()
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range n {
		f()
	}
	runtime.ReadMemStats(&after)
	return float64(after.Mallocs-before.Mallocs) / float64(n), float64(after.TotalAlloc-before.TotalAlloc) / float64(n)
}

// Heap returns the size of the live heap in bytes.
func Heap() int64 {
	runtime.GC() // twice: the second frees what a finalizer or a cleanup held
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
