package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
)

// How far a figure may exceed the committed one.
const (
	// instructionTolerance covers differences without a change of the code. A cycle differs by half a percent from
	// run to run, and by up to three if a change of other code moves all hash seeds.
	instructionTolerance = 0.05

	// otherGoTolerance is the tolerance under another release of Go than that of the figures.
	otherGoTolerance = 0.25

	// allocationTolerance covers occasional allocations, such as a node of a hash trie. It does not allow a cycle,
	// which has few allocations, one more.
	allocationTolerance = 0.03
)

// compare prints each figure beside its committed one. It returns an error if one is beyond the tolerance or has no
// committed figure.
func compare(to io.Writer, got, committed figures) error {
	tolerance := instructionTolerance
	if got.Go != committed.Go {
		tolerance = otherGoTolerance
		fmt.Fprintf(to, "the figures were measured with %s, not %s: %.0f %% more instructions are allowed\n", committed.Go, got.Go, 100*tolerance)
	}
	failed := 0
	check := func(scenario, unit string, got, committed, tolerance float64) {
		verdict := "ok"
		switch {
		case got > committed*(1+tolerance):
			verdict = "TOO MUCH"
			failed++
		case got < committed*(1-tolerance):
			verdict = "better: write the figures with -update"
		}
		fmt.Fprintf(to, "%-34s %9.0f %-12s committed %9.0f  %+6.1f %%  %s\n", scenario, got, unit, committed, percent(got, committed), verdict)
	}
	for _, name := range slices.Sorted(maps.Keys(got.Costs)) {
		g := got.Costs[name]
		c, known := committed.Costs[name]
		if !known {
			fmt.Fprintf(to, "%-34s is not in %s\n", name, figuresFile)
			failed++
			continue
		}
		check(name, "allocations", g.Allocations, c.Allocations, allocationTolerance)
		check(name, "bytes", g.Bytes, c.Bytes, allocationTolerance)
		switch {
		case !canCount:
		case (g.Instructions > 0) != (c.Instructions > 0):
			fmt.Fprintf(to, "%-34s has %d instructions (%d in %s)\n", name, g.Instructions, c.Instructions, figuresFile)
			failed++
		case g.Instructions > 0:
			check(name, "instructions", float64(g.Instructions), float64(c.Instructions), tolerance)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(committed.Costs)) {
		if _, taken := got.Costs[name]; !taken {
			fmt.Fprintf(to, "%-34s was not measured\n", name)
			failed++
		}
	}
	if !canCount {
		fmt.Fprintln(to, "instructions were NOT counted (only on linux/amd64)")
	}
	if failed > 0 {
		return fmt.Errorf("%d figures exceed those in %s: reduce the cost, or run with -update and justify it in the commit", failed, figuresFile)
	}
	return nil
}

func percent(got, committed float64) float64 {
	if committed == 0 {
		return 100 * got
	}
	return 100 * (got/committed - 1)
}
