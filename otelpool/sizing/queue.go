package sizing

import (
	"math"
	"time"
)

// Queue describes the waits of callers for a pool of one size, in the long run. [Load.At] returns it.
type Queue struct {
	// Size is the number of connections, overflow included.
	Size int
	// InUse is the mean number of connections in use, Rate × Hold, independent of the size.
	InUse float64
	// Utilization is the mean share of the connections in use, InUse / Size.
	Utilization float64
	// WaitProbability is the share of the acquires that find every connection in use and have to wait.
	WaitProbability float64
	// MeanWait is the mean over all acquires, including those that do not wait.
	MeanWait time.Duration
	// MeanPending is the mean number of waiting callers, the mean of db_pool_pending.
	MeanPending float64

	delay float64 // mean wait of the acquires that wait, in seconds
}

// WaitOver returns the share of the acquires that wait longer than t.
func (q Queue) WaitOver(t time.Duration) (float64, error) {
	if err := checkNotNegative("wait", t); err != nil {
		return 0, err
	}
	return q.waitOver(t), nil
}

// WaitQuantile returns the maximum wait of the share p of the acquires: for 0.99, the 99th percentile.
func (q Queue) WaitQuantile(p float64) (time.Duration, error) {
	if err := checkFraction("quantile", p); err != nil {
		return 0, err
	}
	if q.WaitProbability <= 1-p {
		return 0, nil
	}
	return duration(q.delay * math.Log(q.WaitProbability/(1-p))), nil
}

func (q Queue) waitOver(t time.Duration) float64 {
	if q.WaitProbability == 0 {
		return 0 // the zero Queue has no delay to divide by
	}
	return q.WaitProbability * math.Exp(-t.Seconds()/q.delay)
}

// queue returns the Queue for size connections, which must exceed inUse; blocked is the result of erlangB for both.
func (l Load) queue(inUse float64, size int, blocked float64) Queue {
	c := float64(size)
	cv := max(1, l.CV)
	q := Queue{
		Size:            size,
		InUse:           inUse,
		Utilization:     inUse / c,
		WaitProbability: c * blocked / (c - inUse + inUse*blocked),
		delay:           l.Hold.Seconds() / (c - inUse) * (1 + cv*cv) / 2,
	}
	wait := q.WaitProbability * q.delay
	q.MeanWait = duration(wait)
	q.MeanPending = l.Rate * wait
	return q
}

// erlangB returns the probability that all of n connections are in use if no caller waits, from that of n-1.
func erlangB(previous, inUse float64, n int) float64 {
	return inUse * previous / (float64(n) + inUse*previous)
}

// duration converts seconds, up to the longest duration.
func duration(seconds float64) time.Duration {
	nanoseconds := math.Round(seconds * float64(time.Second))
	if nanoseconds >= math.MaxInt64 {
		return math.MaxInt64
	}
	return time.Duration(nanoseconds)
}
