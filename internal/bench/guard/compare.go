package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
)

// How much more than the committed figures is allowed.
const (
	// instructionTolerance is what differs where the code does not: a cycle by half a percent from run to run, and by up to
	// three if a change of the code elsewhere moves all hash seeds.
	instructionTolerance = 0.05

	// otherGoTolerance is for another release of Go than the figures were taken with.
	otherGoTolerance = 0.25

	// allocationTolerance is for what is allocated now and then, such as a node of a hash trie. A cycle's few allocations
	// leave no room for one more.
	allocationTolerance = 0.03
)

// compare reports each figure beside its committed one, and an error if there is one beyond the tolerance or without
// committed one.
func compare(to io.Writer, got, committed figures) error {
	tolerance := instructionTolerance
	if got.Go != committed.Go {
		tolerance = otherGoTolerance
		fmt.Fprintf(to, "the figures were taken with %s, this is %s: %.0f %% more instructions are allowed\n", committed.Go, got.Go, 100*tolerance)
	}
	failed := 0
	check := func(scenario, unit string, got, committed, tolerance float64) {
		verdict := "ok"
		switch {
		case got > committed*(1+tolerance):
			verdict = "TOO MUCH"
			failed++
		case got < committed*(1-tolerance):
			verdict = "better: write the figures anew"
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
			fmt.Fprintf(to, "%-34s has %d instructions, and %d in %s\n", name, g.Instructions, c.Instructions, figuresFile)
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
		fmt.Fprintln(to, "instructions were NOT counted: that is done on linux/amd64 alone")
	}
	if failed > 0 {
		return fmt.Errorf("%d figures are beyond those in %s: make it cheaper, or, where it is worth its price, run with -update and say so", failed, figuresFile)
	}
	return nil
}

func percent(got, committed float64) float64 {
	if committed == 0 {
		return 100 * got
	}
	return 100 * (got/committed - 1)
}
