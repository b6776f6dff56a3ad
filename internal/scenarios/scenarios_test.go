package scenarios

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"
)

// untroubled are the service without a trouble: at rest, in its usual traffic, and near the limit of the pool. At nine
// tenths of the limit, callers would wait on a slightly slower machine.
var untroubled = []scenario{
	{Name: "healthy at 0.2", Load: 0.2},
	{Name: "healthy at 0.6", Load: 0.6},
	{Name: "healthy at 0.8", Load: 0.8},
}

const (
	tries   = 3     // how often a scenario is run if the machine is too busy
	tooLate = 0.003 // share of the units in ten seconds, as after a stall of 50 ms
)

// TestScenarios runs each scenario and judges its outcome.
func TestScenarios(t *testing.T) {
	var seen outcomes
	var together, alone []scenario
	for _, sc := range slices.Concat(untroubled, scenarios) {
		if sc.Alone {
			alone = append(alone, sc)
		} else {
			together = append(together, sc)
		}
	}
	runAll(t, "together", &seen, together, atOnce)
	runAll(t, "alone", &seen, alone, 1)
	if *update {
		seen.write(t)
	}
}

// runAll runs scenarios, n at the same time. A wrong outcome does not count if the machine was late, because a pool
// without a processor has another trouble. Such a scenario is run again when the others have ended, with fewer at the
// same time: a quarter, then one.
func runAll(t *testing.T, name string, seen *outcomes, pending []scenario, n int) {
	t.Helper()
	for try := 1; len(pending) > 0; try++ {
		var mu sync.Mutex
		var again []scenario
		places := make(chan struct{}, max(1, n/(try*try)))
		t.Run(fmt.Sprint(name, ", try ", try), func(t *testing.T) {
			for i, sc := range pending {
				t.Run(sc.Name, func(t *testing.T) {
					t.Parallel()
					places <- struct{}{}
					defer func() { <-places }()
					out := runOnce(t, sc, uint64(1+i%2))
					wrong := judge(sc, out)
					if len(wrong) > 0 && out.Late > tooLate && try < tries {
						t.Logf("to be run again, because the machine was late: %q", wrong)
						mu.Lock()
						defer mu.Unlock()
						again = append(again, sc)
						return
					}
					for _, what := range wrong {
						t.Errorf("%s; at worst, %.1f %% of the units in ten seconds began late", what, 100*out.Late)
					}
					seen.add(sc.Name, out)
				})
			}
		})
		pending = again
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
