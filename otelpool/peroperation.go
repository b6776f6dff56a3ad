package otelpool

import (
	"sync"

	"github.com/otelpool/otelpool-go/otelpool/internal/instruments"
)

// perOperation keeps what is made once for each operation of a pool. It is bounded, because operations are. It is safe for
// concurrent use.
type perOperation[T any] struct {
	make   func(*instruments.Operation) *T
	values sync.Map // *instruments.Operation to *T
}

func (p *perOperation[T]) of(op *instruments.Operation) *T {
	if known, ok := p.values.Load(op); ok {
		return known.(*T)
	}
	made, _ := p.values.LoadOrStore(op, p.make(op))
	return made.(*T)
}
