package otelpool

import (
	"slices"
	"sync"
	"time"

	"github.com/otelpool/otelpool-go/otelpool/diagnose"
	"github.com/otelpool/otelpool-go/otelpool/internal/instruments"
)

// findingsAge is how long readers and errors share findings before they are computed again.
const findingsAge = time.Second

// findingKeys has the series of pgxpool.finding by kind.
var findingKeys = instruments.OpenKeysOf("pgxpool.finding")

// findings caches what is wrong with a pool. It is safe for concurrent use.
type findings struct {
	mu    sync.Mutex
	at    time.Duration // when they were computed, 0 if never
	found []diagnose.Finding
	shown recent[shownFinding]
}

// shownFinding is a series of pgxpool.finding.
type shownFinding struct {
	key       instruments.OpenKey
	operation string
}

// found returns findings that are at most a second old. The caller must not change them.
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

// diagnose returns a report on the pool and its findings. It recovers: a panic must neither lose a collection or a
// caller's error nor crash the program.
func (o *observed) diagnose() (r diagnose.Report, found []diagnose.Finding) {
	defer func() { _ = recover() }()
	r = o.report(noTrace)
	return r, diagnose.Findings(r)
}

// read sets the current findings, except those of severity info and mere consequences. A consequence that comes first
// is kept.
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
