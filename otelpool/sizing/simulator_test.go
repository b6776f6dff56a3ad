package sizing_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/otelpool/otelpool-go/otelpool/sizing"
)

// A simulated run has batches of acquires. The first batch is for settling and is not counted. The scatter of the batches
// determines the standard error of a result. Consecutive acquires have similar waits, so single acquires would
// underestimate it.
const (
	batches       = 40
	batchAcquires = 5_000
)

// result is the result of a run. over is the share of the acquires that waited longer than the limit.
type result struct{ waits, wait, over, inUse estimate }

// simulate runs a pool of the given size, event by event: callers arrive, wait in line, hold and release. hold returns
// hold times of mean 1.
func simulate(load sizing.Load, size int, limit time.Duration, hold func(*rand.Rand) float64) result {
	random := rand.New(rand.NewPCG(uint64(size), math.Float64bits(load.Rate)))
	var (
		now, meanHold = 0.0, load.Hold.Seconds()
		releases      minHeap   // times of the coming releases
		line          []float64 // arrival times of the waiting callers
		r             result
		b             batch
	)
	acquire := func(at, came float64) {
		held := hold(random) * meanHold
		releases.push(at + held)
		wait := at - came
		b.acquires++
		b.held += held
		b.wait += wait
		if wait > 0 {
			b.waits++
		}
		if wait > limit.Seconds() {
			b.over++
		}
		if b.acquires == batchAcquires {
			r.add(&b, at)
		}
	}
	for r.waits.n < batches {
		now += random.ExpFloat64() / load.Rate
		for len(releases) > 0 && releases[0] <= now {
			at := releases.pop()
			if len(line) > 0 {
				came := line[0]
				line = line[1:]
				acquire(at, came)
			}
		}
		if len(releases) < size {
			acquire(now, now)
		} else {
			line = append(line, now)
		}
	}
	return r
}

// batch adds up consecutive acquires since the time began.
type batch struct{ began, acquires, waits, over, wait, held float64 }

func (r *result) add(b *batch, now float64) {
	if b.began > 0 {
		r.waits.add(b.waits / b.acquires)
		r.over.add(b.over / b.acquires)
		r.wait.add(b.wait / b.acquires)
		r.inUse.add(b.held / (now - b.began))
	}
	*b = batch{began: now}
}

// estimate is the mean of samples with its standard error.
type estimate struct{ n, mean, squares, err float64 }

func (e *estimate) add(x float64) {
	e.n++
	delta := x - e.mean
	e.mean += delta / e.n
	e.squares += delta * (x - e.mean)
	e.err = math.Sqrt(e.squares / max(1, e.n-1) / e.n)
}

func (e estimate) String() string { return fmt.Sprintf("%.4g ± %.2g", e.mean, e.err) }

// minHeap is a heap of times without an interface, for speed.
type minHeap []float64

func (h *minHeap) push(x float64) {
	*h = append(*h, x)
	s := *h
	for i := len(s) - 1; i > 0 && s[(i-1)/2] > s[i]; i = (i - 1) / 2 {
		s[i], s[(i-1)/2] = s[(i-1)/2], s[i]
	}
}

func (h *minHeap) pop() float64 {
	s := *h
	top, n := s[0], len(s)-1
	s[0] = s[n]
	s = s[:n]
	for i := 0; ; {
		least := 2*i + 1
		if least+1 < n && s[least+1] < s[least] {
			least++
		}
		if least >= n || s[i] <= s[least] {
			break
		}
		s[i], s[least] = s[least], s[i]
		i = least
	}
	*h = s
	return top
}

func exponential(random *rand.Rand) float64 { return random.ExpFloat64() }

// shortAndLong returns hyperexponential hold times with balanced means.
func shortAndLong(cv float64) func(*rand.Rand) float64 {
	short := (1 + math.Sqrt((cv*cv-1)/(cv*cv+1))) / 2
	return func(random *rand.Rand) float64 {
		share := short
		if random.Float64() > short {
			share = 1 - short
		}
		return random.ExpFloat64() / (2 * share)
	}
}

func lognormal(cv float64) func(*rand.Rand) float64 {
	variance := math.Log(1 + cv*cv)
	return func(random *rand.Rand) float64 {
		return math.Exp(random.NormFloat64()*math.Sqrt(variance) - variance/2)
	}
}
