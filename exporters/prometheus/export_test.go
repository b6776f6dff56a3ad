package prometheus

// SanitizeExemplars is exported for a test of its allocations.
var SanitizeExemplars = sanitizeExemplars

// Waiting returns the number of requests that wait for the next gathering.
func (e *Exporter) Waiting() int {
	e.sharer.mu.Lock()
	defer e.sharer.mu.Unlock()
	if e.sharer.next == nil {
		return 0
	}
	return e.sharer.next.waiting
}

// Gathering returns the number of gatherings that run.
func (e *Exporter) Gathering() int {
	e.sharer.mu.Lock()
	defer e.sharer.mu.Unlock()
	return e.sharer.running
}

// LabelSets returns the number of label sets that the exporter keeps.
func (e *Exporter) LabelSets() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.pools.labels.sets) + len(e.pools.labels.last)
}
