package fleet

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Settings are the settings of a run. Every field but CollectorEnv is required.
type Settings struct {
	Steps    []int         // numbers of instances
	Interval time.Duration // between two pushes of an instance, and between two scrapes

	// Limit and Memory end the run: after that time, or when Collector, Prometheus and the generator use that many
	// bytes.
	Limit  time.Duration
	Memory int64

	Recording                    *Recording // the pushes of an instance
	Collector, CollectorConfig   string     // a program and its configuration file
	Prometheus, PrometheusConfig string
	CollectorEnv                 []string // added to the Collector's environment, to raise its memory limit
	Dir                          string   // for the files of the programs
}

func (s Settings) check() error {
	switch {
	case len(s.Steps) == 0 || !slices.IsSorted(s.Steps) || s.Steps[0] < 1 || s.Steps[len(s.Steps)-1] > 10_000:
		return fmt.Errorf("fleet: the steps are %v: want rising numbers from 1 to 10000", s.Steps)
	case s.Interval < time.Second || s.Interval > 30*time.Second:
		return fmt.Errorf("fleet: the interval is %v: want 1s to 30s", s.Interval)
	case s.Limit <= 0:
		return fmt.Errorf("fleet: the time limit is %v: want more than 0", s.Limit)
	case s.Memory <= 0:
		return fmt.Errorf("fleet: the memory limit is %d: want more than 0", s.Memory)
	case s.Recording == nil:
		return errors.New("fleet: the recording is nil: want a recording")
	}
	return nil
}
