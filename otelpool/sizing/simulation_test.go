package sizing_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/otelpool/otelpool-go/otelpool/sizing"
)

// TestSizeForGoalMeetsGoalInSimulation also checks that one connection fewer does not meet the goal.
func TestSizeForGoalMeetsGoalInSimulation(t *testing.T) {
	t.Parallel()
	const hold = 50 * time.Millisecond
	for _, inUse := range []float64{0.3, 1, 5, 18.5, 60} {
		for _, goal := range []sizing.Goal{
			{Wait: 0, Quantile: 0.95},
			{Wait: hold / 10, Quantile: 0.99},
			{Wait: hold / 4, Quantile: 0.98},
			{Wait: 2 * hold, Quantile: 0.98},
		} {
			if goal.Wait > hold && inUse > 10 {
				continue // the pool would be so full that a run of this length would have only a few independent acquires
			}
			t.Run(fmt.Sprintf("%v in use, %v of %v", inUse, goal.Wait, goal.Quantile), func(t *testing.T) {
				t.Parallel()
				load := sizing.Load{Rate: inUse / hold.Seconds(), Hold: hold}
				size, err := load.SizeForGoal(goal)
				if err != nil {
					t.Fatal(err)
				}
				late := 1 - goal.Quantile
				enough := simulate(load, size, goal.Wait, exponential)
				if enough.over.mean > late+3*enough.over.err {
					t.Errorf("with %d, %v wait too long, allowed are %v", size, enough.over, late)
				}
				checkAgainstQueue(t, load, size, goal.Wait, enough)
				if float64(size-1) <= inUse {
					return // overloaded: it would never settle
				}
				fewer := simulate(load, size-1, goal.Wait, exponential)
				if fewer.over.mean < late-3*fewer.over.err {
					t.Errorf("with %d, one fewer, only %v wait too long, allowed are %v", size-1, fewer.over, late)
				}
				checkAgainstQueue(t, load, size-1, goal.Wait, fewer)
			})
		}
	}
}

// checkAgainstQueue fails the test if the formulas differ from the simulation by more than its standard errors allow.
func checkAgainstQueue(t *testing.T, load sizing.Load, size int, wait time.Duration, got result) {
	t.Helper()
	q, err := load.At(size)
	if err != nil {
		t.Fatal(err)
	}
	over, err := q.WaitOver(wait)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what string
		want float64
		got  estimate
	}{
		{"InUse", q.InUse, got.inUse},
		{"WaitProbability", q.WaitProbability, got.waits},
		{"MeanWait in seconds", q.MeanWait.Seconds(), got.wait},
		{"WaitOver " + wait.String(), over, got.over},
	} {
		if math.Abs(c.got.mean-c.want) > 5*c.got.err {
			t.Errorf("with %d, %s is %v, simulated %v", size, c.what, c.want, c.got)
		}
	}
}

// TestSizeWithCVMeetsGoalInSimulation also checks that the size without CV is too small if holds vary much.
func TestSizeWithCVMeetsGoalInSimulation(t *testing.T) {
	t.Parallel()
	const hold = 50 * time.Millisecond
	goal := sizing.Goal{Wait: hold / 2, Quantile: 0.99}
	for _, c := range []struct {
		name      string
		inUse, cv float64
		hold      func(*rand.Rand) float64
		needsCV   bool
	}{
		{"constant", 2, 0.001, func(*rand.Rand) float64 { return 1 }, false},
		{"constant", 20, 0.001, func(*rand.Rand) float64 { return 1 }, false},
		{"many short, few long", 2, 4, shortAndLong(4), false},
		{"many short, few long", 20, 4, shortAndLong(4), true},
		{"lognormal", 2, 3, lognormal(3), false},
		{"lognormal", 20, 3, lognormal(3), true},
	} {
		t.Run(fmt.Sprintf("%s, %v in use", c.name, c.inUse), func(t *testing.T) {
			t.Parallel()
			load := sizing.Load{Rate: c.inUse / hold.Seconds(), Hold: hold, CV: c.cv}
			size, err := load.SizeForGoal(goal)
			if err != nil {
				t.Fatal(err)
			}
			if got := simulate(load, size, goal.Wait, c.hold); got.over.mean > 1-goal.Quantile {
				t.Errorf("with %d, %v wait too long, allowed are %v", size, got.over, 1-goal.Quantile)
			}
			load.CV = 0
			plain, err := load.SizeForGoal(goal)
			if err != nil {
				t.Fatal(err)
			}
			got := simulate(load, plain, goal.Wait, c.hold)
			if needsCV := got.over.mean > 1-goal.Quantile; needsCV != c.needsCV {
				t.Errorf("with %d, the size without CV, %v wait too long, allowed are %v", plain, got.over, 1-goal.Quantile)
			}
		})
	}
}
