package diagnose_test

import (
	"fmt"

	"github.com/otelpool/otelpool-go/otelpool/diagnose"
)

func ExampleFindings() {
	report := leakingPool() // of a program: inst.Report()
	for _, f := range diagnose.Findings(report) {
		fmt.Printf("%s: %s\n", f.Severity, f.Summary)
	}
	// Output:
	// warning: "POST /orders" keeps 3 of 8 connections and does not return them: nothing runs on them, and the oldest has been held for 42 s.
}

func leakingPool() diagnose.Report {
	return diagnose.Report{
		Settings: diagnose.Settings{MaxConns: 8},
		Used:     3,
		Holds:    []diagnose.Holds{{Operation: "POST /orders", Count: 3, IdleOutside: 3, OldestSeconds: 42}},
	}
}
