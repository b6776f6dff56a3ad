package sizing

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// ErrOverloaded matches, with [errors.Is], the error that a method of [Load] returns when the numbers are valid but the
// load keeps more connections in use on average than the pool, or the largest possible pool, has.
var ErrOverloaded = errors.New("sizing: overloaded")

// maxCV is far beyond the CVs for which the formula is useful. It keeps every figure of a queue finite.
const maxCV = 100

// Load describes the demand on one pool: how often callers acquire a connection, and for how long each takes one. Use the
// figures of the busiest time that the pool must serve well.
type Load struct {
	// Rate is the number of acquires a second, including failed ones: the rate of db_pool_acquires_total.
	Rate float64
	// Hold is the mean time for which an acquire takes a connection. That is the time from the end of Acquire to Release:
	// the rate of db_pool_hold_duration_seconds_sum divided by the rate of its _count. It is not the time of the queries,
	// which is shorter. Add the time to connect, ping and prepare if it is not negligible: the rate of
	// db_pool_acquire_phase_seconds_total in the phases connect, ping and prepare, divided by Rate. An AfterRelease hook
	// takes a connection too; then use the mean of db_pool_checked_out divided by Rate.
	Hold time.Duration
	// CV is the coefficient of variation of the hold times: their standard deviation divided by their mean. Use zero if
	// it is unknown. Values below 1 count as 1.
	CV float64
}

// Goal is the goal for a pool: the share Quantile of the acquires, 0.99 for 99 %, waits no longer than Wait. With a
// Wait of 0 that share does not wait at all.
type Goal struct {
	Wait     time.Duration
	Quantile float64
}

// SizeForAverage returns Rate × Hold × (1 + buffer), rounded up; a buffer of 0.2 is 20 %. That number of connections is
// sufficient on average, but callers may wait long: [Load.At] returns their waits, and [Load.SizeForGoal] limits them.
func (l Load) SizeForAverage(buffer float64) (int, error) {
	inUse, err := l.inUse()
	if !(buffer >= 0 && buffer <= 10) {
		err = errors.Join(err, fmt.Errorf("sizing: buffer %v is not between 0 and 10: 0.2 is 20 %%", buffer))
	}
	if err != nil {
		return 0, err
	}
	size := math.Ceil(roundNearInteger(inUse * (1 + buffer)))
	if size > maxConnections {
		return 0, l.overloadedAtAnySize(inUse)
	}
	return max(1, int(size)), nil
}

// SizeForGoal returns the smallest size that meets the goal. It is the size of the whole pool, MaxConns, because a
// caller waits only when the overflow is in use too. The result may be 1. Then all callers wait while that connection
// is replaced, and a caller that needs a second one waits forever: use at least 2.
func (l Load) SizeForGoal(goal Goal) (int, error) {
	inUse, err := l.inUse()
	if err := errors.Join(err, goal.check()); err != nil {
		return 0, err
	}
	blocked := 1.0
	for size := 1; size <= maxConnections; size++ {
		blocked = erlangB(blocked, inUse, size)
		if float64(size) > inUse && l.queue(inUse, size, blocked).waitOver(goal.Wait) <= 1-goal.Quantile {
			return size, nil
		}
	}
	return 0, l.overloadedAtAnySize(inUse)
}

// At returns the waits of callers for a pool of the given size, overflow included. The error is [ErrOverloaded] if the
// size is not above Rate × Hold, because the line of waiting callers would then grow without limit. A load measured on
// a full pool is always close to that limit at its own size, however long the callers waited.
func (l Load) At(size int) (Queue, error) {
	inUse, err := l.inUse()
	if err := errors.Join(err, checkRange("size", size, 1)); err != nil {
		return Queue{}, err
	}
	if inUse >= float64(size) {
		return Queue{}, fmt.Errorf("%w: Load.Rate %v/s × Load.Hold %v is %.6g connections in use on average, and size %d is not more",
			ErrOverloaded, l.Rate, l.Hold, inUse, size)
	}
	blocked := 1.0
	for n := 1; n <= size; n++ {
		blocked = erlangB(blocked, inUse, n)
	}
	return l.queue(inUse, size, blocked), nil
}

// inUse returns the mean number of connections in use by Little's law, which queueing theory calls the offered load.
func (l Load) inUse() (float64, error) {
	var errs []error
	if !(l.Rate > 0) || math.IsInf(l.Rate, 0) {
		errs = append(errs, fmt.Errorf("sizing: Load.Rate %v is not a finite number above 0", l.Rate))
	}
	if l.Hold <= 0 {
		errs = append(errs, fmt.Errorf("sizing: Load.Hold %v is not above 0", l.Hold))
	}
	if !(l.CV >= 0 && l.CV <= maxCV) {
		errs = append(errs, fmt.Errorf("sizing: Load.CV %v is not between 0 and %d", l.CV, maxCV))
	}
	return roundNearInteger(l.Rate * l.Hold.Seconds()), errors.Join(errs...)
}

func (l Load) overloadedAtAnySize(inUse float64) error {
	return fmt.Errorf("%w: Load.Rate %v/s × Load.Hold %v is %.6g connections in use on average, and no size up to %d, the maximum of PostgreSQL's max_connections, is enough",
		ErrOverloaded, l.Rate, l.Hold, inUse, maxConnections)
}

func (g Goal) check() error {
	return errors.Join(checkNotNegative("Goal.Wait", g.Wait), checkFraction("Goal.Quantile", g.Quantile))
}
