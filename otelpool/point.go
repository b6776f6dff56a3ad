package otelpool

import (
	"bytes"
	"encoding/binary"
	"slices"
	"time"

	"github.com/otelpool/otelpool-go/otelpool/internal/instruments"
	"github.com/otelpool/otelpool-go/otelpool/internal/poolstate"
)

// point has the counts of a pool at one moment. Its slices only grow from point to point, so an index means the same in
// all points.
type point struct {
	at                time.Duration
	peak, peakWaiting int64

	values     instruments.Values // the counters
	dials      int64
	dialTime   int64                // in nanoseconds
	waits      int64                // for a processor
	waitTime   int64                // in nanoseconds
	dialErrors []int64              // by their place among the counters of connectionsErrors
	operations []instruments.Counts // by number
	failures   []int64              // by their place among the operations' kinds of failures
	samples    int64                // of the holds
	held       []sampledHolds       // by the number of the unit of work
}

// point returns what the pool has counted until now. The caller must hold the lock.
func (h *history) point(o *observed, s *poolstate.Snapshot) *point {
	p := &point{
		at: s.Now, peak: s.Peak, peakWaiting: s.PendingPeak,
		dials: o.hooks.dials.count.Load(), dialTime: o.hooks.dials.time.Load(),
		operations: o.hooks.operations.Counts(), failures: o.hooks.operations.Failures(),
		samples: h.samples, held: slices.Clone(h.held),
	}
	p.waits, p.waitTime = processorWaits()
	_, p.dialErrors = o.hooks.counters.Open(connectionsErrors)
	o.readCounters(&p.values, s)
	return p
}

// each calls yield with each number of a point whose slices have their lengths.
func (p *point) each(yield func(n *int64)) {
	p.values.EachCounter(yield)
	yield(&p.dials)
	yield(&p.dialTime)
	yield(&p.waits)
	yield(&p.waitTime)
	yield(&p.samples)
	for _, list := range [][]int64{p.dialErrors, p.failures} {
		for i := range list {
			yield(&list[i])
		}
	}
	for i := range p.operations {
		p.operations[i].Each(yield)
	}
	for i := range p.held {
		p.held[i].each(yield)
	}
}

// keptPoint is a point in compressed form, for the history. Most numbers of a point are small, and a pool may have
// hundreds of operations.
type keptPoint struct {
	at                time.Duration
	peak, peakWaiting int64
	lengths           [4]int // of dialErrors, operations, failures, held
	numbers           []byte // as varints
}

// keep returns the point as it is kept.
func (p *point) keep() *keptPoint {
	k := &keptPoint{
		at: p.at, peak: p.peak, peakWaiting: p.peakWaiting,
		lengths: [...]int{len(p.dialErrors), len(p.operations), len(p.failures), len(p.held)},
	}
	p.each(func(n *int64) { k.numbers = binary.AppendVarint(k.numbers, *n) })
	k.numbers = bytes.Clone(k.numbers) // without the spare capacity
	return k
}

// point returns the point that was kept.
func (k *keptPoint) point() *point {
	p := &point{
		at: k.at, peak: k.peak, peakWaiting: k.peakWaiting,
		dialErrors: make([]int64, k.lengths[0]), operations: make([]instruments.Counts, k.lengths[1]),
		failures: make([]int64, k.lengths[2]), held: make([]sampledHolds, k.lengths[3]),
	}
	rest := k.numbers
	p.each(func(n *int64) {
		var size int
		*n, size = binary.Varint(rest)
		rest = rest[size:]
	})
	return p
}
