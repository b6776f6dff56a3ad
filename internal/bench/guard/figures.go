package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"regexp"
	"runtime"
	"slices"

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

// allocationRuns is how often a scenario runs for the mean of its allocations.
const allocationRuns = 200

// take measures all scenarios.
func take() (figures, error) {
	f := figures{Go: release(runtime.Version()), Costs: map[string]cost{}}
	for _, s := range scenarios {
		c, err := s.take()
		if err != nil {
			return figures{}, fmt.Errorf("%s: %w", s.name, err)
		}
		f.Costs[s.name] = c
	}
	return f, nil
}

func (s scenario) take() (c cost, err error) {
	run, end, err := s.set()
	if err != nil {
		return cost{}, err
	}
	defer end()
	for range warmUp {
		run()
	}
	c.Allocations, c.Bytes = measure.Allocs(allocationRuns, run)
	c.Allocations, c.Bytes = math.Floor(c.Allocations), math.Floor(c.Bytes) // as testing.AllocsPerRun does: the rest is others'
	if s.uncounted || !canCount {
		return c, nil
	}
	counts, err := count(s.name)
	if err != nil {
		return cost{}, err
	}
	c.Instructions = middle(counts[emptyMarks:]) - middle(counts[:emptyMarks])
	return c, nil
}

// middle gives the median of an odd number of counts.
func middle(counts []int) int {
	counts = slices.Clone(counts)
	slices.Sort(counts)
	return counts[len(counts)/2]
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
