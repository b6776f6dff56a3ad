//go:build !(linux && amd64)

package main

import "fmt"

// canCount reports whether instructions can be counted on this system.
const canCount = false

func mark() {}

// observe runs the probe of a scenario and returns the allocations that it prints.
func observe(s scenario, _ byte) (cost, error) {
	cmd, output, err := s.command()
	if err != nil {
		return cost{}, err
	}
	if err := cmd.Run(); err != nil {
		return cost{}, fmt.Errorf("run the probe: %w", err)
	}
	return parse(output.String())
}
