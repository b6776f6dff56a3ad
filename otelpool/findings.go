package otelpool

import (
	"slices"
	"sync"
	"time"

	"github.com/otelpool/otelpool-go/otelpool/diagnose"
	"github.com/otelpool/otelpool-go/otelpool/internal/instruments"
)

// findingsAge is how long findings are shared by readers and errors before they are found again.
const findingsAge = time.Second

// findingKeys has the series of pgxpool.finding by kind.
var findingKeys = instruments.OpenKeysOf("pgxpool.finding")

// findings are what is wrong with a pool. It is safe for concurrent use.
type findings struct {
	mu    sync.Mutex
	at    time.Duration // when they were found, 0 before that
	found []diagnose.Finding
	shown recent[shownFinding]
}

// shownFinding is a series of pgxpool.finding.
type shownFinding struct {
	key       instruments.OpenKey
	operation string
}

// found returns what is wrong with the pool, as it was within the last second. The caller must not change it.
func (o *observed) found() []diagnose.Finding {
	f := &o.findings
	f.mu.Lock()
	defer f.mu.Unlock()
	if now := monotonic(); f.at == 0 || now-f.at >= findingsAge {
		f.at = now
		_, f.found = o.diagnose()
	}
	return f.found
}

// findingsNow returns a copy of what is wrong with the pool, for a caller of this package.
func (h *hooks) findingsNow() []diagnose.Finding {
	o := h.observed.Load()
	if o == nil {
		return nil
	}
	found := slices.Clone(o.found())
	for i := range found {
		found[i].Evidence = slices.Clone(found[i].Evidence)
	}
	return found
}

// diagnose returns what is wrong with the pool now, and the report that says so. A panic is no reason to lose a collection,
// nor a caller's error, nor to crash the program.
func (o *observed) diagnose() (r diagnose.Report, found []diagnose.Finding) {
	defer func() { _ = recover() }()
	r = o.report(noTrace)
	return r, diagnose.Findings(r)
}

// read sets the findings that hold now, except those that cost little and those that only follow from others. The first
// is never left out for that.
func (f *findings) read(v *instruments.Values, found []diagnose.Finding, now time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, finding := range found {
		key, known := findingKeys[string(finding.Kind)]
		if !known || finding.Severity == diagnose.Info || finding.Consequence && i > 0 {
			continue
		}
		v.AddOpen(key, finding.Operation, 1)
		f.shown.note(shownFinding{key, finding.Operation}, now)
	}
	for at := range f.shown.remembered(now) {
		v.AddOpen(at.key, at.operation, 0)
	}
}
