package main

import (
	"slices"
	"strings"
	"sync"

	"github.com/otelpool/otelpool-go/otelpool"
	"github.com/otelpool/otelpool-go/otelpool/diagnose"
)

// findings keeps the last finding of each trouble. It is safe for concurrent use.
type findings struct {
	inst *otelpool.Instrumentation

	mu   sync.Mutex
	last map[string]string // by the name of the trouble
}

func newFindings(inst *otelpool.Instrumentation) *findings {
	return &findings{inst: inst, last: make(map[string]string)}
}

// look returns the current findings, the worst first.
func (f *findings) look() []diagnose.Finding {
	found := diagnose.Findings(f.inst.Report())
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, finding := range slices.Backward(found) { // the worst finding of a trouble stays
		for _, t := range troubles {
			if slices.ContainsFunc(t.operations, func(name string) bool { return strings.HasPrefix(finding.Operation, name) }) {
				f.last[t.name] = finding.String()
			}
		}
	}
	return found
}

// of returns the last finding of a trouble, "" if there was none.
func (f *findings) of(t trouble) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.last[t.name]
}
