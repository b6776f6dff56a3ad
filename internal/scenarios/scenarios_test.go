package scenarios

import (
	"fmt"
	"testing"
	"time"
)

func TestScenarios(t *testing.T) {
	t.Parallel()
	var seen outcomes
	t.Cleanup(func() {
		if *update {
			seen.write(t)
		}
	})
	for i, sc := range scenarios {
		t.Run(sc.Name, func(t *testing.T) {
			t.Parallel()
			seen.add(sc.Name, runScenario(t, sc, uint64(1+i%2)))
		})
	}
}

// TestHealthyServiceHasNoFinding watches the service at rest, in its usual traffic, and near the limit of the pool. At
// nine tenths of the limit, callers would wait on a slightly slower machine.
func TestHealthyServiceHasNoFinding(t *testing.T) {
	t.Parallel()
	for _, load := range []float64{0.2, 0.6, 0.8} {
		t.Run(fmt.Sprint(load), func(t *testing.T) {
			t.Parallel()
			runScenario(t, scenario{Name: "healthy", Load: load}, 2)
		})
	}
}

const (
	tries   = 3     // how often a scenario is run if the machine is too busy
	tooLate = 0.003 // share of the units in ten seconds, as after a stall of 50 ms
)

// runScenario runs a scenario and judges its outcome. A wrong outcome does not count if the machine was late, because a
// pool without a processor has another trouble.
func runScenario(t *testing.T, sc scenario, seed uint64) outcome {
	t.Helper()
	for try := 1; ; try++ {
		out := runOnce(t, sc, seed)
		wrong := judge(sc, out)
		if len(wrong) > 0 && out.Late > tooLate && try < tries {
			t.Logf("again, because the machine was late: %q", wrong)
			continue
		}
		for _, what := range wrong {
			t.Errorf("%s; at worst, %.1f %% of the units in ten seconds began late", what, 100*out.Late)
		}
		return out
	}
}

func runOnce(t *testing.T, sc scenario, seed uint64) outcome {
	t.Helper()
	o := options{seed: seed, healthy: 45 * time.Second}
	if sc.Begin == nil && !sc.FromStart {
		o.healthy = *healthy
	}
	if *dump != "" {
		o.stays = 21 * time.Second
		record(t, &o, sc.Name)
	}
	out, err := play(t.Context(), sc, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: %+v", sc.Name, out)
	return out
}

// judge returns what is wrong with an outcome.
func judge(sc scenario, out outcome) (wrong []string) {
	if out.Found == 0 && sc.Want.Kind != "" {
		wrong = append(wrong, fmt.Sprintf("%s was never the first finding; first came %q", sc.Want.Kind, out.Mistaken))
	}
	if sc.Also != nil && !out.Also {
		wrong = append(wrong, fmt.Sprintf("%s was never found as well", sc.Also.Kind))
	}
	if len(out.False) > 0 {
		wrong = append(wrong, fmt.Sprintf("found in the healthy time: %q", out.False))
	}
	if len(out.After) > 0 {
		wrong = append(wrong, fmt.Sprintf("found long after the repair: %q", out.After))
	}
	return wrong
}
