package sizing_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool/sizing"
)

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
			late := func(load sizing.Load) (size int, share float64) {
				size, err := load.SizeForGoal(goal)
				testutil.NoError(t, err)
				return size, simulate(load, size, goal.Wait, c.hold)
			}
			if size, share := late(load); share > 1-goal.Quantile {
				t.Errorf("with %d, %v wait too long, allowed are %v", size, share, 1-goal.Quantile)
			}
			load.CV = 0
			if size, share := late(load); share > 1-goal.Quantile != c.needsCV {
				t.Errorf("with %d, the size without CV, %v wait too long, allowed are %v", size, share, 1-goal.Quantile)
			}
		})
	}
}

// simulate simulates callers of a pool of the given size, first come first served, and returns the share that waits
// longer than the limit. hold returns hold times of mean 1.
func simulate(load sizing.Load, size int, limit time.Duration, hold func(*rand.Rand) float64) float64 {
	const settling, acquires = 5_000, 200_000
	random := rand.New(rand.NewPCG(uint64(size), math.Float64bits(load.Rate)))
	free := make([]float64, size) // when the last holder of each connection has released it
	now, late := 0.0, 0
	for n := range settling + acquires {
		now += random.ExpFloat64() / load.Rate
		first := slices.Index(free, slices.Min(free))
		acquired := max(now, free[first])
		free[first] = acquired + hold(random)*load.Hold.Seconds()
		if n >= settling && acquired-now > limit.Seconds() {
			late++
		}
	}
	return float64(late) / acquires
}

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
