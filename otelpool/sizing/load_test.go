package sizing_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/otelpool/otelpool-go/otelpool/sizing"
)

func TestSizeForAverageIgnoresFloatError(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		rate   float64
		hold   time.Duration
		buffer float64
		want   int
	}{
		{100, 50 * time.Millisecond, 0.2, 6}, // the example of the formula
		{100, 50 * time.Millisecond, 0.2001, 7},
		{100, 50 * time.Millisecond, 0, 5},
		{100.001, 50 * time.Millisecond, 0, 6},
		{110, 10 * time.Millisecond, 0, 2},
		{100, 70 * time.Millisecond, 0, 7},     // 7.000000000000001
		{280, 20 * time.Millisecond, 0.25, 7},  // 7.000000000000001
		{160, 70 * time.Millisecond, 0.25, 14}, // 14.000000000000002
		{0.001, time.Millisecond, 0, 1},        // at least one
		{5e-324, 1, 0, 1},
		{262143, time.Second, 0, 262143},
	} {
		got, err := sizing.Load{Rate: c.rate, Hold: c.hold}.SizeForAverage(c.buffer)
		if err != nil || got != c.want {
			t.Errorf("%v/s × %v × (1 + %v): got %d, %v, want %d", c.rate, c.hold, c.buffer, got, err, c.want)
		}
	}
}

func TestSizeForGoalMatchesKnownExamples(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		load sizing.Load
		goal sizing.Goal
		want int
	}{
		// pyworkforce: 100 calls of 3 minutes in half an hour; goal: 80 % are answered within 20 seconds.
		{sizing.Load{Rate: 100. / 1800, Hold: 3 * time.Minute}, sizing.Goal{Wait: 20 * time.Second, Quantile: 0.8}, 14},
		// Mathematica's manual, ErlangC: 30 calls of 5 minutes an hour; goal: 90 % are not delayed. With 5, 13 % are delayed;
		// with 6, 5 % are.
		{sizing.Load{Rate: 30. / 3600, Hold: 5 * time.Minute}, sizing.Goal{Quantile: 0.9}, 6},
		{sizing.Load{Rate: 100, Hold: 50 * time.Millisecond}, sizing.Goal{Wait: 5 * time.Millisecond, Quantile: 0.99}, 11},
		// The smallest size.
		{sizing.Load{Rate: 1e-9, Hold: 1}, sizing.Goal{Quantile: 0.999}, 1},
		// Any size above the mean in use meets this goal.
		{sizing.Load{Rate: 3, Hold: time.Second}, sizing.Goal{Wait: time.Hour, Quantile: 0.5}, 4},
	} {
		got, err := c.load.SizeForGoal(c.goal)
		if err != nil || got != c.want {
			t.Errorf("%+v, %+v: got %d, %v, want %d", c.load, c.goal, got, err, c.want)
		}
	}
}

func TestQueueFiguresAreConsistent(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	logUniform := func(low, high float64) float64 { return low * math.Pow(high/low, random.Float64()) }
	for range 2000 {
		inUse := logUniform(1e-3, 2000)
		hold := time.Duration(logUniform(1e3, 1e11))
		load := sizing.Load{Rate: inUse / hold.Seconds(), Hold: hold, CV: []float64{0, 0.5, 1, 3}[random.IntN(4)]}
		goal := sizing.Goal{Wait: time.Duration(hold.Seconds() * logUniform(1e-3, 10) * 1e9), Quantile: 1 - logUniform(1e-6, 0.5)}

		size, err := load.SizeForGoal(goal)
		if err != nil {
			t.Fatalf("%+v, %+v: %v", load, goal, err)
		}
		q, err := load.At(size)
		if err != nil {
			t.Fatalf("%+v at %d: %v", load, size, err)
		}
		over, _ := q.WaitOver(goal.Wait)
		wait, _ := q.WaitQuantile(goal.Quantile)
		if over > 1-goal.Quantile || wait > goal.Wait+1 {
			t.Errorf("%+v, %+v: at %d, %v wait too long, the quantile is %v", load, goal, size, over, wait)
		}
		// Little's law for the waiting callers; MeanWait is rounded to a nanosecond.
		if pending := load.Rate * q.MeanWait.Seconds(); math.Abs(pending-q.MeanPending) > load.Rate*1e-9+q.MeanPending*1e-9 {
			t.Errorf("%+v at %d: %v pending, want %v", load, size, q.MeanPending, pending)
		}
		fewer, err := load.At(size - 1)
		if err != nil {
			if size > 1 && !errors.Is(err, sizing.ErrOverloaded) {
				t.Errorf("%+v at %d: %v", load, size-1, err)
			}
			continue
		}
		over, _ = fewer.WaitOver(goal.Wait)
		wait, _ = fewer.WaitQuantile(goal.Quantile)
		if over <= 1-goal.Quantile || wait < goal.Wait-1 {
			t.Errorf("%+v, %+v: %d is not the smallest: at %d, %v wait too long, the quantile is %v", load, goal, size, size-1, over, wait)
		}
	}
}
