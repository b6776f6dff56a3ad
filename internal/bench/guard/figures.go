package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"

	"github.com/otelpool/otelpool-go/internal/bench/measure"
)

const figuresFile = "guard/figures.json"

// figures are what the scenarios cost.
type figures struct {
	// Go is the release they were taken with, without its patch level: another compiler makes other instructions.
	Go string `json:"go"`

	Costs map[string]cost `json:"costs"`
}

// cost is of one run of a scenario.
type cost struct {
	Allocations  float64 `json:"allocations"`
	Bytes        float64 `json:"bytes"`
	Instructions int     `json:"instructions,omitempty"`
}

// take measures all scenarios.
func take() (figures, error) {
	f := figures{Go: release(runtime.Version()), Costs: map[string]cost{}}
	for _, s := range scenarios {
		for seed := range s.seeds {
			c, err := s.observe(byte(seed + 1))
			if err != nil {
				return figures{}, fmt.Errorf("%s: %w", s.name, err)
			}
			if least, seen := f.Costs[s.name]; seen {
				c = least.min(c)
			}
			f.Costs[s.name] = c
		}
	}
	return f, nil
}

// attempts is how often a probe is started that did not come to its end.
const attempts = 3

// observe runs a probe, anew if it fails: another process may have taken its processor at the wrong moment.
func (s scenario) observe(seed byte) (c cost, err error) {
	for range attempts {
		if c, err = observe(s, seed); err == nil {
			return c, nil
		}
		fmt.Fprintf(os.Stderr, "%s: %v\n", s.name, err)
	}
	return c, err
}

// min gives the lesser of each cost.
func (c cost) min(other cost) cost {
	return cost{
		Allocations:  min(c.Allocations, other.Allocations),
		Bytes:        min(c.Bytes, other.Bytes),
		Instructions: min(c.Instructions, other.Instructions),
	}
}

// command is that of the probe of a scenario, and where it will say what it allocates.
func (s scenario) command() (*exec.Cmd, *strings.Builder, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, nil, fmt.Errorf("find the probe: %w", err)
	}
	said := new(strings.Builder)
	cmd := exec.Command(self, "-probe", s.name)
	cmd.Env = append(os.Environ(), probeEnv...)
	cmd.Stdout, cmd.Stderr = said, os.Stderr
	return cmd, said, nil
}

// say prints what a run allocates, as parse reads it.
func say(run func()) {
	allocations, bytes := measure.Allocs(allocationRuns, run)
	fmt.Println(allocations, bytes)
}

// parse reads what a probe said. The fractions are left out, as testing.AllocsPerRun does: they are others'.
func parse(said string) (c cost, err error) {
	if _, err := fmt.Sscan(said, &c.Allocations, &c.Bytes); err != nil {
		return cost{}, fmt.Errorf("the probe said %q: %w", said, err)
	}
	c.Allocations, c.Bytes = math.Floor(c.Allocations), math.Floor(c.Bytes)
	return c, nil
}

var releaseOf = regexp.MustCompile(`^go\d+\.\d+`)

func release(version string) string { return releaseOf.FindString(version) }

func read() (f figures, err error) {
	data, err := os.ReadFile(figuresFile)
	if err != nil {
		return f, fmt.Errorf("read the committed figures: %w", err)
	}
	if err := json.Unmarshal(data, &f); err != nil {
		return f, fmt.Errorf("read %s: %w", figuresFile, err)
	}
	return f, nil
}

func (f figures) write() error {
	data, err := json.MarshalIndent(f, "", "\t")
	if err != nil {
		return fmt.Errorf("write the figures: %w", err)
	}
	if err := os.WriteFile(figuresFile, append(data, '\n'), 0o644); err != nil {
		return fmt.Errorf("write the figures: %w", err)
	}
	return nil
}
