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

// figures are the costs of the scenarios.
type figures struct {
	// Go is the release they were measured with, without its patch level. Another compiler generates other
	// instructions.
	Go string `json:"go"`

	Costs map[string]cost `json:"costs"`
}

// cost is the cost of one run of a scenario.
type cost struct {
	Allocations  float64 `json:"allocations"`
	Bytes        float64 `json:"bytes"`
	Instructions int     `json:"instructions,omitempty"`
}

// measureAll measures all scenarios.
func measureAll() (figures, error) {
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

// attempts is how often a probe is started until it finishes.
const attempts = 3

// observe runs a probe, and repeats it if it fails: another process may have taken its processor.
func (s scenario) observe(seed byte) (c cost, err error) {
	for range attempts {
		if c, err = observe(s, seed); err == nil {
			return c, nil
		}
		fmt.Fprintf(os.Stderr, "%s: %v\n", s.name, err)
	}
	return c, err
}

// min returns the lesser of each cost.
func (c cost) min(other cost) cost {
	return cost{
		Allocations:  min(c.Allocations, other.Allocations),
		Bytes:        min(c.Bytes, other.Bytes),
		Instructions: min(c.Instructions, other.Instructions),
	}
}

// command returns the command of a scenario's probe, and the buffer for its output.
func (s scenario) command() (*exec.Cmd, *strings.Builder, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, nil, fmt.Errorf("find the probe: %w", err)
	}
	output := new(strings.Builder)
	cmd := exec.Command(self, "-probe", s.name)
	cmd.Env = append(os.Environ(), probeEnv...)
	cmd.Stdout, cmd.Stderr = output, os.Stderr
	return cmd, output, nil
}

// printAllocations prints what a run allocates, in the format of parse.
func printAllocations(run func()) {
	allocations, bytes := measure.Allocs(allocationRuns, run)
	fmt.Println(allocations, bytes)
}

// parse reads the output of a probe. It drops the fractions, as testing.AllocsPerRun does, because they come from
// other goroutines.
func parse(output string) (c cost, err error) {
	if _, err := fmt.Sscan(output, &c.Allocations, &c.Bytes); err != nil {
		return cost{}, fmt.Errorf("the probe printed %q (must be two numbers): %w", output, err)
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
