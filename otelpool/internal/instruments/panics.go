package instruments

import (
	"fmt"
	"sync/atomic"

	"go.opentelemetry.io/otel"
)

// Panics recovers from panics of the user's telemetry and reports the first. It is safe for concurrent use.
type Panics struct {
	Lost     string // what happened, and what is lost
	reported atomic.Bool
}

// Recover recovers from a panic, if there is one. It has to be deferred.
func (p *Panics) Recover() { p.caught(recover()) }

// caught reports r unless it is nil, or a panic was reported before.
func (p *Panics) caught(r any) {
	if r != nil && !p.reported.Swap(true) {
		p.report(r)
	}
}

// report calls the user's error handler, which may panic as well.
func (p *Panics) report(r any) {
	defer func() { _ = recover() }()
	otel.Handle(fmt.Errorf("otelpool: %s: %v", p.Lost, r))
}
