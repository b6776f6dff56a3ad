package main

import (
	"fmt"
	"time"

	"github.com/otelpool/otelpool-go/otelpool/sizing"
)

// The verdicts.
const (
	verdictNew       = "new"
	verdictFits      = "fits"
	verdictTooSmall  = "too small"
	verdictTooBig    = "too big"
	verdictSaturated = "saturated"
	verdictBursts    = "bursts"
)

const (
	// saturation is the share in use from which a measured load is taken for what the pool let through.
	saturation = 0.9
	// buffer is what the base size has above the average, the rest being overflow.
	buffer = 0.2
	// slack is how far a pool may be above its need before it is called too big.
	slack = 1.25
	// fewAcquires is how many are too few to go by.
	fewAcquires = 100
)

// advice is what to do about a pool.
type advice struct {
	verdict        string
	size, overflow int
	atLeast        bool // the need is not known, only that it is no less
	reasons        []string
}

func (a advice) capacity() int { return a.size + a.overflow }

func (a *advice) because(format string, args ...any) {
	a.reasons = append(a.reasons, fmt.Sprintf(format, args...))
}

// advise judges a pool. Its error is [sizing.ErrOverloaded] if no pool is large enough.
func advise(m measurement, goal sizing.Goal) (advice, error) {
	need, err := m.load.SizeForGoal(goal)
	if err != nil {
		return advice{}, err
	}
	average, err := m.load.SizeForAverage(buffer)
	if err != nil {
		return advice{}, err
	}
	a := judge(m, goal, need)
	a.split(m, average)
	a.because("the rule of thumb, average use and %.0f %%, would give %d; it does not look at waiting", buffer*100, average)
	a.caveats(m)
	return a, nil
}

// judge finds the verdict; size is that of the whole pool.
func judge(m measurement, goal sizing.Goal, need int) advice {
	capacity := m.capacity()
	a := advice{verdict: verdictFits, size: capacity}
	// Half as many again is enough to see a difference, and little enough for the server.
	more := max(need, capacity+(capacity+1)/2)
	switch {
	case capacity == 0:
		a.verdict, a.size = verdictNew, need
	case m.saturated():
		a.verdict, a.size, a.atLeast = verdictSaturated, more, true
		a.because("the pool was full: on average %.3g of %d connections were in use, %d at the peak, and there were timeouts: %.0f",
			m.inUse, capacity, m.peak, m.timeouts)
		a.because("rate × hold is capped by the pool then, so that this measurement can not tell the need: raise the size and measure again")
		return a
	case m.waitsMoreThanExpected(goal):
		a.verdict, a.size, a.atLeast = verdictBursts, more, true
		a.because("acquires waited %v on average, far longer than callers would that come independently; for those, %d connections would do",
			round(m.meanWait), need)
		a.because("they come in bursts, or the pool was full for a part of the time, and rate × hold was capped by it then")
		a.because("spread them, or add connections, in the end about as many as db_pool_pending_peak shows, and measure again")
		return a
	case need > capacity:
		a.verdict, a.size = verdictTooSmall, need
	case tooBig(capacity, max(need, m.peak)):
		a.verdict, a.size = verdictTooBig, max(need, m.peak)
	}
	a.because("%d is the smallest size with which %s of the acquires wait no longer than %v", need, percent(goal.Quantile), goal.Wait)
	if m.peak > need && a.verdict == verdictTooBig {
		a.because("%d were in use at once at the peak, which stays possible", m.peak)
	} else if m.peak > need && a.verdict == verdictFits {
		a.because("%d were in use at once at the peak, so that it is not called too big", m.peak)
	}
	return a
}

func tooBig(capacity, need int) bool {
	return capacity-need >= 2 && float64(capacity) > slack*float64(need)
}

// saturated tells whether the measured load is that which a full pool let through.
func (m measurement) saturated() bool {
	return m.measured() && m.capacity() > 0 &&
		(m.inUse >= saturation*float64(m.capacity()) || m.timeouts > 0 && m.peak >= m.capacity())
}

// waitsMoreThanExpected tells whether the queue that was measured is another than that of the formulas, so that these do
// not tell the need.
func (m measurement) waitsMoreThanExpected(goal sizing.Goal) bool {
	if !m.measured() || m.meanWait <= goal.Wait {
		return false
	}
	q, err := m.load.At(m.capacity())
	return err == nil && m.meanWait > 2*q.MeanWait
}

// split divides the size into base size and overflow, where the pool has any. The base is for the average.
func (a *advice) split(m measurement, average int) {
	switch {
	case a.verdict == verdictFits:
		a.size, a.overflow = m.size, m.overflow
		return
	case m.overflow == 0:
		return
	}
	total := a.size
	a.size = min(total, average)
	a.overflow = total - a.size
	a.because("the base size of %d is for the average and stays open, the overflow of %d is for the peaks", a.size, a.overflow)
}

// caveats says what the figures do not tell.
func (a *advice) caveats(m measurement) {
	inUse := m.load.Rate * m.load.Hold.Seconds()
	switch {
	case !m.measured() && m.capacity() > 0 && inUse >= saturation*float64(m.capacity()):
		a.because("if these figures were measured on a pool of %d, they are what it let through: measure again after raising it", m.capacity())
	case m.load.CV == 0:
		a.because("the spread of the hold times (CV) is not known and taken for exponential, CV 1")
	case m.measured():
		a.because("the CV of the hold times, %.2g, is estimated from the buckets of the histogram", m.load.CV)
	}
	if m.measured() && m.acquires < fewAcquires {
		a.because("it goes by only %.0f acquires: measure for longer", m.acquires)
	}
	if m.measured() {
		a.because("it is for the load of these %v: go by a busy time", round(m.over))
	}
	if m.young {
		a.because("an instance has not run for all of that time, so that the rate may be higher than it seems")
	}
}

// percent is a share in words.
func percent(share float64) string {
	return fmt.Sprintf("%.5g %%", share*100)
}

// round leaves a duration the digits that mean something.
func round(d time.Duration) time.Duration {
	for unit := time.Duration(1); unit <= time.Hour; unit *= 10 {
		if d < 1000*unit {
			return d.Round(unit)
		}
	}
	return d.Round(time.Second)
}
