package sizing

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// ErrOverloaded is what the errors of [Load] are, by [errors.Is], when the numbers make sense but so many connections are
// in use on average that the pool, or the largest pool there can be, does not do.
var ErrOverloaded = errors.New("sizing: overloaded")

// maxConnections is the most that PostgreSQL lets max_connections be, so that no pool can have more. It bounds the work
// of every calculation, and no sum of such numbers overflows an int.
const maxConnections = 262143

// maxCV is far beyond what two moments can describe; with it, no figure of a queue becomes infinite.
const maxCV = 100

// Load is what callers ask of one pool: how often they acquire a connection, and for how long they hold it. Take the
// figures of the busiest time that the pool is to serve well.
type Load struct {
	// Rate is the number of acquires a second, the failed ones included: the rate of db_pool_acquires_total.
	Rate float64
	// Hold is the mean time from the end of Acquire to Release: the rate of db_pool_hold_duration_seconds_sum over the
	// rate of its _count. It is not the time of the queries, which is shorter.
	Hold time.Duration
	// CV is the coefficient of variation of the hold times: their standard deviation over their mean. Zero, if it is not
	// known, and everything up to 1 counts as 1.
	CV float64
}

// Goal is what a pool is to achieve: the share Quantile of the acquires, 0.99 for 99 %, waits no longer than Wait. With a
// Wait of 0 that share does not wait at all.
type Goal struct {
	Wait     time.Duration
	Quantile float64
}

// SizeForAverage returns Rate × Hold × (1 + buffer), rounded up; a buffer of 0.2 is 20 %. That many connections suffice
// on average, which says nothing of how long callers wait: [Load.At] tells that, and [Load.SizeForGoal] limits it.
func (l Load) SizeForAverage(buffer float64) (int, error) {
	inUse, err := l.inUse()
	if !(buffer >= 0 && buffer <= 10) {
		err = errors.Join(err, fmt.Errorf("sizing: buffer %v is not from 0 to 10: 0.2 is 20 %%", buffer))
	}
	if err != nil {
		return 0, err
	}
	size := math.Ceil(snap(inUse * (1 + buffer)))
	if size > maxConnections {
		return 0, l.tooMuch(inUse)
	}
	return max(1, int(size)), nil
}

// SizeForGoal returns the smallest size that meets the goal. It is the size of the whole pool, MaxConns: a caller waits
// only when no overflow is left either.
func (l Load) SizeForGoal(goal Goal) (int, error) {
	inUse, err := l.inUse()
	if err := errors.Join(err, goal.check()); err != nil {
		return 0, err
	}
	blocked := 1.0
	for size := 1; size <= maxConnections; size++ {
		blocked = erlangB(blocked, inUse, size)
		if float64(size) > inUse && l.queue(inUse, size, blocked).over(goal.Wait) <= 1-goal.Quantile {
			return size, nil
		}
	}
	return 0, l.tooMuch(inUse)
}

// At returns how callers fare with a pool of that size, overflow included. Its error is [ErrOverloaded] if the size is not
// above Rate × Hold: then the line of waiting callers grows for as long as the load lasts. A load measured on a pool that
// was full comes close to that at its own size, however long the callers waited.
func (l Load) At(size int) (Queue, error) {
	inUse, err := l.inUse()
	if err := errors.Join(err, within("size", size, 1)); err != nil {
		return Queue{}, err
	}
	if inUse >= float64(size) {
		return Queue{}, fmt.Errorf("%w: Load.Rate %v/s × Load.Hold %v keep %.6g connections in use on average, and size %d is not more",
			ErrOverloaded, l.Rate, l.Hold, inUse, size)
	}
	blocked := 1.0
	for n := 1; n <= size; n++ {
		blocked = erlangB(blocked, inUse, n)
	}
	return l.queue(inUse, size, blocked), nil
}

// inUse is the mean number of connections in use by Little's law, the offered load of queueing theory.
func (l Load) inUse() (float64, error) {
	var errs []error
	if !(l.Rate > 0) || math.IsInf(l.Rate, 0) {
		errs = append(errs, fmt.Errorf("sizing: Load.Rate %v is not a finite number above 0", l.Rate))
	}
	if l.Hold <= 0 {
		errs = append(errs, fmt.Errorf("sizing: Load.Hold %v is not above 0", l.Hold))
	}
	if !(l.CV >= 0 && l.CV <= maxCV) {
		errs = append(errs, fmt.Errorf("sizing: Load.CV %v is not from 0 to %d", l.CV, maxCV))
	}
	return snap(l.Rate * l.Hold.Seconds()), errors.Join(errs...)
}

func (l Load) tooMuch(inUse float64) error {
	return fmt.Errorf("%w: Load.Rate %v/s × Load.Hold %v keep %.6g connections in use on average, and no size up to %d, the most that PostgreSQL allows, is enough",
		ErrOverloaded, l.Rate, l.Hold, inUse, maxConnections)
}

func (g Goal) check() error {
	return errors.Join(notNegative("Goal.Wait", g.Wait), fraction("Goal.Quantile", g.Quantile))
}
