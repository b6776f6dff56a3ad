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
	// saturation is the share in use above which the pool may have limited the measured load.
	saturation = 0.9
	// buffer is the share of the base size above the average use. The rest of the size is overflow.
	buffer = 0.2
	// slack is the ratio of size to need above which a pool is too big.
	slack = 1.25
	// smallest is the smallest size to recommend.
	smallest = 2
	// fewAcquires is the number of acquires below which a measurement is unreliable.
	fewAcquires = 100
)

// advice is the recommendation for a pool.
type advice struct {
	verdict        string
	size, overflow int
	atLeast        bool // size is only a lower bound of the need
	contradicted   bool // the measurement contradicts the model of package sizing
	reasons        []string
}

func (a advice) capacity() int { return a.size + a.overflow }

func (a *advice) addReason(format string, args ...any) {
	a.reasons = append(a.reasons, fmt.Sprintf(format, args...))
}

// advise judges a pool. The error is [sizing.ErrOverloaded] if no pool is large enough.
func advise(m measurement, goal sizing.Goal) (advice, error) {
	need, err := m.load.SizeForGoal(goal)
	if err != nil {
		return advice{}, err
	}
	average, err := m.load.SizeForAverage(buffer)
	if err != nil {
		return advice{}, err
	}
	a := judge(m, goal, max(need, smallest))
	a.split(m, max(average, smallest))
	if need < smallest {
		a.addReason("no size below %d is recommended: with 1, all callers wait while the connection is replaced, and a caller that needs a second one waits forever", smallest)
	}
	a.addReason("the rule of thumb, average use plus %.0f %%, is %d; it ignores waiting", buffer*100, average)
	a.caveats(m)
	return a, nil
}

// judge returns the verdict and the size of the whole pool.
func judge(m measurement, goal sizing.Goal, need int) advice {
	capacity := m.capacity()
	a := advice{verdict: verdictFits, size: capacity}
	// Half as many more make a difference without overloading the server.
	more := max(need, capacity+(capacity+1)/2)
	switch {
	case capacity == 0:
		a.verdict, a.size = verdictNew, need
	case m.saturated():
		a.verdict, a.size, a.atLeast, a.contradicted = verdictSaturated, more, true, true
		a.addReason("the pool was full: on average %.3g of %d connections were in use, %d at the peak, and there were timeouts: %.0f",
			m.inUse, capacity, m.peak, m.timeouts)
		a.addReason("a full pool limits rate × time, so this measurement does not show the need: raise the size and measure again")
		return a
	case m.waitsMoreThanExpected(goal):
		a.verdict, a.size, a.atLeast, a.contradicted = verdictBursts, more, true, true
		a.addReason("acquires waited %v on average, far longer than in the model of independent callers, which therefore does not apply",
			round(m.meanWait))
		a.addReason("they come in bursts, or the pool was full for part of the time and limited rate × time")
		a.addReason("spread them, or add connections, up to about db_pool_pending_peak, and measure again")
		return a
	case need > capacity && m.waitsLessThanExpected(goal):
		a.contradicted = true
		a.addReason("acquires waited %v on average, so at least %s of them waited no longer than %v", round(m.meanWait), percent(goal.Quantile), goal.Wait)
		a.addReason("in the model of independent callers they would wait far longer, so it does not apply: these callers take turns")
		return a
	case need > capacity:
		a.verdict, a.size = verdictTooSmall, need
	case tooBig(capacity, max(need, m.peak)):
		a.verdict, a.size = verdictTooBig, max(need, m.peak)
	}
	a.addReason("in the model of independent callers, %d is the smallest size with which %s of the acquires wait no longer than %v", need, percent(goal.Quantile), goal.Wait)
	if m.peak > need && a.verdict == verdictTooBig {
		a.addReason("%d were in use at the peak, and that many remain possible", m.peak)
	} else if m.peak > need && a.verdict == verdictFits {
		a.addReason("%d were in use at the peak, so the pool is not too big", m.peak)
	}
	return a
}

func tooBig(capacity, need int) bool {
	return capacity-need >= 2 && float64(capacity) > slack*float64(need)
}

// saturated reports whether a full pool may have limited the measured load.
func (m measurement) saturated() bool {
	return m.measured() && m.capacity() > 0 &&
		(m.inUse >= saturation*float64(m.capacity()) || m.timeouts > 0 && m.peak >= m.capacity())
}

// waitsMoreThanExpected reports whether the measured waits exceed those of the model, so the model does not show the
// need.
func (m measurement) waitsMoreThanExpected(goal sizing.Goal) bool {
	if !m.measured() || m.meanWait <= goal.Wait {
		return false
	}
	q, err := m.load.At(m.capacity())
	return err == nil && m.meanWait > 2*q.MeanWait
}

// waitsLessThanExpected reports whether the goal was met although the model expects longer waits. At most mean / t of
// the acquires can wait longer than t.
func (m measurement) waitsLessThanExpected(goal sizing.Goal) bool {
	if !m.measured() || m.acquires < fewAcquires || m.timeouts > 0 || m.meanWait.Seconds() > (1-goal.Quantile)*goal.Wait.Seconds() {
		return false
	}
	q, err := m.load.At(m.capacity())
	return err == nil && q.MeanWait > goal.Wait
}

// split divides the size into base size and overflow if the pool has an overflow. The base size is for the average.
func (a *advice) split(m measurement, average int) {
	switch {
	case a.verdict == verdictFits:
		a.size, a.overflow = m.size, m.overflow
		if m.size < smallest && m.overflow > 0 {
			a.size, a.overflow = smallest, m.capacity()-smallest
		}
		return
	case m.overflow == 0:
		return
	}
	if a.atLeast { // the pool was in trouble, so its average is not the need
		average = max(average, m.size)
	}
	total := a.size
	a.size = min(total, average)
	a.overflow = total - a.size
	a.addReason("the base size of %d covers the average and stays open; the overflow of %d covers the peaks", a.size, a.overflow)
}

// caveats adds the limits of the figures to the reasons.
func (a *advice) caveats(m measurement) {
	inUse := m.load.Rate * m.load.Hold.Seconds()
	if m.other > 0 {
		a.addReason("on average %.3g connections were not idle ("+takenMetric+"), far more than rate × time, so the size covers these too: "+
			"an AfterRelease hook and closing take a connection that no caller holds, and the hold times lack holds that have not ended",
			m.inUse)
	}
	switch {
	case !m.measured() && m.capacity() > 0 && inUse >= saturation*float64(m.capacity()):
		a.addReason("if these figures were measured on a pool of %d, the pool limited them: raise its size and measure again", m.capacity())
	case m.load.CV == 0:
		a.addReason("the CV of the hold times is unknown and assumed to be 1 (exponential)")
	case m.measured():
		a.addReason("the CV of the hold times, %.2g, is estimated from the buckets of the histogram", m.load.CV)
	}
	if m.measured() && m.acquires < fewAcquires {
		a.addReason("the measurement has only %.0f acquires: measure for longer", m.acquires)
	}
	if m.measured() {
		a.addReason("this applies to the load of these %v: measure a busy time", round(m.over))
	}
	if m.young {
		a.addReason("an instance did not run for the whole window, so its rate may be higher")
	}
}

// percent formats a share as a percentage.
func percent(share float64) string {
	return fmt.Sprintf("%.5g %%", share*100)
}

// round rounds a duration to its significant digits.
func round(d time.Duration) time.Duration {
	for unit := time.Duration(1); unit <= time.Hour; unit *= 10 {
		if d < 1000*unit {
			return d.Round(unit)
		}
	}
	return d.Round(time.Second)
}
