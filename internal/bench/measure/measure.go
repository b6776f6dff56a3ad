// Package measure compares what does the same work in different ways. A machine's speed changes from second to second,
// so it never compares two numbers that were taken one after the other: all contenders run in short slices that take
// turns, and what is reported is the median of the ratios within the rounds, with its interval.
package measure

import (
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"
)

// Contender does the work in one of the ways.
type Contender struct {
	Name string

	// Run does the work for about the given time and tells how often. One whose single operation takes longer does one.
	Run func(slice time.Duration) (ops int)

	// After, if there is one, is called after each turn and not measured.
	After func()
}

// Slice is what one contender did in one turn.
type Slice struct {
	Ops  int
	Time time.Duration
	CPU  time.Duration // of the whole process, all its threads
}

// TimePerOp is the cost of an operation in seconds.
func TimePerOp(s Slice) float64 { return s.Time.Seconds() / float64(s.Ops) }

// CPUPerOp is the processor time of an operation in seconds.
func CPUPerOp(s Slice) float64 { return s.CPU.Seconds() / float64(s.Ops) }

// Throughput is the number of operations a second.
func Throughput(s Slice) float64 { return float64(s.Ops) / s.Time.Seconds() }

// Rounds are the slices of all contenders: each round has one of each, in the contenders' order.
type Rounds struct {
	Names  []string
	Slices [][]Slice
}

// minRounds are run however long they take: an interval of 95 % needs six.
const minRounds = 6

// Interleave runs the contenders in turns until the budget is spent, in each round in another order. The garbage is
// collected between rounds, and not in the slices, where one would pay for what another left: what allocations cost beyond
// their making is not in the times.
func Interleave(contenders []Contender, slice, budget time.Duration) Rounds {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	return interleave(contenders, slice, budget, runtime.GC)
}

// InterleaveCollecting does the same with the garbage collector at work, as in a program. Slices have to be so long that
// each contender has its own garbage collected in them, several times; the processor time is what tells then.
func InterleaveCollecting(contenders []Contender, slice, budget time.Duration) Rounds {
	return interleave(contenders, slice, budget, func() {})
}

func interleave(contenders []Contender, slice, budget time.Duration, between func()) Rounds {
	r := Rounds{Names: make([]string, len(contenders))}
	for i, c := range contenders {
		r.Names[i] = c.Name
		run(c, slice) // what is made at first use is made
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
		c.After()
	}
	return s
}

// CPU is the processor time that this process has used.
func CPU() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err) // RUSAGE_SELF is always known
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// Repeat makes a Run of f, which it calls some times between looks at the clock.
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

// RepeatParallel makes a Run of functions that run side by side, each on its goroutine.
func RepeatParallel(batch int, each []func()) func(time.Duration) int {
	return func(slice time.Duration) (ops int) {
		done := make(chan int, len(each))
		for _, f := range each {
			go func() { done <- Repeat(batch, f)(slice) }()
		}
		for range each {
			ops += <-done
		}
		return ops
	}
}

// Allocs is what one call of f allocates, on average of n calls: how often, and how many bytes.
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

// Heap is what is live, in bytes.
func Heap() int64 {
	runtime.GC() // twice: what a finalizer or a cleanup held is freed by the second
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
