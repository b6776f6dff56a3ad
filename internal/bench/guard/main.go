// Command guard fails if a cycle of hooks or a collection allocates more than figures.json allows, or if a cycle takes
// more time, as a multiple of a reference. See [floorWithRecords].
//
//	go run ./guard          compares
//	go run ./guard -update  writes the figures
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
)

const figuresFile = "guard/figures.json"

// cost is the cost of one run of a scenario.
type cost struct {
	Allocations float64 `json:"allocations"`
	Bytes       float64 `json:"bytes"`
	Time        float64 `json:"time,omitempty"` // as a multiple of the time of the reference
}

// How far a figure may exceed the committed one.
const (
	// timeTolerance and timeSlack cover differences without a change of the code: ten placements of functions in
	// memory, and twenty busy processes on two processors. The times of the cycles with an SDK differed by up to 6 %,
	// and the time with a no-op provider, which is 0.027, by up to 0.006.
	timeTolerance = 0.10
	timeSlack     = 0.006

	// allocationTolerance covers occasional allocations, such as a node of a hash trie. It is less than one allocation
	// of a cycle.
	allocationTolerance = 0.03
)

func main() {
	update := flag.Bool("update", false, "write "+figuresFile)
	flag.Parse()
	if err := run(*update); err != nil {
		fmt.Fprintln(os.Stderr, "guard:", err)
		os.Exit(1)
	}
}

func run(update bool) error {
	got := measureAll()
	if update {
		data, err := json.MarshalIndent(got, "", "\t")
		return errors.Join(err, os.WriteFile(figuresFile, append(data, '\n'), 0o644))
	}
	data, err := os.ReadFile(figuresFile)
	if err != nil {
		return fmt.Errorf("read the committed figures: %w", err)
	}
	var committed map[string]cost
	if err := json.Unmarshal(data, &committed); err != nil {
		return fmt.Errorf("read %s: %w", figuresFile, err)
	}
	return compare(os.Stdout, got, committed)
}

// compare prints each figure beside its committed one. It returns an error if one is beyond the tolerance, or if the
// scenarios are not those that were committed.
func compare(to io.Writer, got, committed map[string]cost) error {
	failed := 0
	check := func(scenario, unit string, got, committed, tolerance, slack float64) {
		verdict := "ok"
		switch {
		case got > committed*(1+tolerance)+slack:
			verdict = "TOO MUCH"
			failed++
		case got < committed*(1-tolerance)-slack:
			verdict = "better: write the figures with -update"
		}
		fmt.Fprintf(to, "%-31s %10.6g %-14s committed %10.6g  %s\n", scenario, got, unit, committed, verdict)
	}
	for _, name := range slices.Sorted(maps.Keys(got)) {
		g, c := got[name], committed[name]
		check(name, "allocations", g.Allocations, c.Allocations, allocationTolerance, 0)
		check(name, "bytes", g.Bytes, c.Bytes, allocationTolerance, 0)
		if g.Time > 0 {
			check(name, "× reference", g.Time, c.Time, timeTolerance, timeSlack)
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d figures exceed those in %s: reduce the cost, or run with -update and justify it in the commit", failed, figuresFile)
	}
	if g, c := slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(committed)); !slices.Equal(g, c) {
		return fmt.Errorf("%s has the scenarios %q (must be %q): run with -update", figuresFile, c, g)
	}
	return nil
}
