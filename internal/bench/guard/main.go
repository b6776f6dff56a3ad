// Command guard fails if a cycle of hooks, or a collection, costs more than figures.json allows. It counts
// allocations and instructions, which, unlike times, do not depend on the load of the machine.
//
//	go run ./guard          compares
//	go run ./guard -update  writes the figures
//
// Instructions are counted on linux/amd64. Elsewhere guard reports that they were not.
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	probe := flag.String("probe", "", "run the scenario with this name as a probe")
	update := flag.Bool("update", false, "write "+figuresFile)
	flag.Parse()
	if err := run(*probe, *update); err != nil {
		fmt.Fprintln(os.Stderr, "guard:", err)
		os.Exit(1)
	}
}

func run(probe string, update bool) error {
	if probe != "" {
		return runProbe(probe)
	}
	got, err := measureAll()
	if err != nil {
		return err
	}
	if update {
		return got.write()
	}
	committed, err := read()
	if err != nil {
		return err
	}
	return compare(os.Stdout, got, committed)
}
