package fleet_test

import (
	"context"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/otelpool/otelpool-go/internal/integration/stack/fleet"
	"github.com/otelpool/otelpool-go/internal/integration/stacktest"
	"github.com/otelpool/otelpool-go/internal/programs"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

func TestFleetIsSeenAsManyInstances(t *testing.T) {
	t.Parallel()
	s := settings(t)
	s.Steps = []int{3, 8}
	var steps []fleet.Step
	result, err := fleet.Run(t.Context(), s, func(step fleet.Step) { steps = append(steps, step) })
	testutil.NoError(t, err)
	if len(steps) != len(result.Steps) || len(steps) == 0 {
		t.Fatalf("%d steps, ended %s", len(steps), result.End)
	}
	for i, step := range steps {
		t.Log(step.Line())
		if step.Instances != s.Steps[i] || step.Pushes != step.Instances || step.Failed != 0 || !step.Up {
			t.Errorf("step %d: %+v", i, step)
		}
		// Each instance has the metrics of a pool, which are more than a hundred.
		if step.Samples < 100*step.Instances || step.Series < step.Samples {
			t.Errorf("%d instances have %d samples and %d series", step.Instances, step.Samples, step.Series)
		}
		if step.Collector.Memory == 0 || step.Prometheus.Memory == 0 || step.Scrape == 0 {
			t.Errorf("step %d: %+v", i, step)
		}
	}
	var report strings.Builder
	testutil.NoError(t, fleet.Report(&report, s, result))
	if got := strings.Count(report.String(), "\n| "); got != len(steps)+1 {
		t.Errorf("the table has %d lines:\n%s", got, report.String())
	}
}

func TestRunEndsAtItsLimits(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*fleet.Settings)
		want   string
	}{
		"when the time is up":      {func(s *fleet.Settings) { s.Limit = 7 * time.Second }, "the time of 7s is up"},
		"when memory is exhausted": {func(s *fleet.Settings) { s.Memory = 1 << 20 }, "memory: Collector, Prometheus and generator use"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := settings(t)
			// A step takes three intervals. The run ends within the first, before a step can be an overload.
			s.Steps = []int{2, 3, 4, 5, 6, 7, 8, 9, 10}
			test.change(&s)
			result, err := fleet.Run(t.Context(), s, func(fleet.Step) {})
			testutil.NoError(t, err)
			if !strings.Contains(result.End, test.want) {
				t.Errorf("ended %s: want %s", result.End, test.want)
			}
		})
	}
}

func TestRunRefusesUnusableSettings(t *testing.T) {
	t.Parallel()
	good := fleet.Settings{Steps: []int{1}, Interval: time.Second, Limit: time.Minute, Memory: 1 << 30, Recording: &fleet.Recording{}}
	for want, change := range map[string]func(*fleet.Settings){
		"want rising numbers":                    func(s *fleet.Settings) { s.Steps = []int{5, 3} },
		"the interval is 1m0s":                   func(s *fleet.Settings) { s.Interval = time.Minute },
		"the time limit is -1s":                  func(s *fleet.Settings) { s.Limit = -time.Second },
		"the memory limit is 0":                  func(s *fleet.Settings) { s.Memory = 0 },
		"the recording is nil: want a recording": func(s *fleet.Settings) { s.Recording = nil },
		"want rising numbers from 1":             func(s *fleet.Settings) { s.Steps = nil },
	} {
		s := good
		change(&s)
		if _, err := fleet.Run(t.Context(), s, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v: want %s", err, want)
		}
	}
}

// recording is the recording of all tests.
var recording = sync.OnceValues(func() (*fleet.Recording, error) {
	demo, err := programs.Demo.Build(context.Background())
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "otelpool-fleet-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	return fleet.Record(context.Background(), demo, dir, 3)
})

// settings returns the settings of a small run. Its interval, which also limits a scrape, is long enough for a busy
// machine.
func settings(t *testing.T) fleet.Settings {
	t.Helper()
	s := fleet.Settings{
		Interval: 3 * time.Second, Limit: 5 * time.Minute, Memory: 4 << 30, Dir: t.TempDir(),
		Collector: stacktest.Program(t, programs.Collector), CollectorConfig: stacktest.Shipped(t, "collector.yaml"),
		Prometheus: stacktest.Program(t, programs.Prometheus), PrometheusConfig: stacktest.Shipped(t, "prometheus", "prometheus.yml"),
	}
	var err error
	s.Recording, err = recording()
	testutil.NoError(t, err)
	return s
}
