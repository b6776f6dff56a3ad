// Command guard fails when a cycle of hooks, or a collection, costs more than is written in figures.json: in allocations,
// and in instructions, which unlike times are the same on a busy machine and on an idle one.
//
//	go run ./guard          compares
//	go run ./guard -update  writes the figures anew
//
// Instructions are counted on linux/amd64; elsewhere it says that they were not.
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	probe := flag.String("probe", "", "run a scenario to be counted")
	update := flag.Bool("update", false, "write "+figuresFile+" anew")
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
	got, err := take()
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
