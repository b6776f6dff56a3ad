package otelpool

import (
	"sync/atomic"
	"time"
)

// peak is the largest value of a rotating window: of the current bucket of time and of the one before. Reading does not
// reset it, so that every reader whose interval is no longer than a bucket sees every spike. It is safe for concurrent
// use, and without locks.
type peak struct {
	bucket time.Duration

	// slots hold number and maximum of a bucket each, even and odd ones: what is two buckets old gives way.
	slots [2]atomic.Uint64
}

func packPeak(number, value uint64) uint64 { return number<<24 | value&(1<<24-1) }

// note takes in a value that held at now.
func (p *peak) note(now time.Duration, value int64) {
	number := uint64(now / p.bucket)
	slot := &p.slots[number&1]
	next := packPeak(number, uint64(max(0, value)))
	for old := slot.Load(); old < next; old = slot.Load() {
		if slot.CompareAndSwap(old, next) {
			return
		}
	}
}

// read gives the largest value noted in the window that ends now.
func (p *peak) read(now time.Duration) int64 {
	number := uint64(now / p.bucket)
	var largest uint64
	for i := range p.slots {
		word := p.slots[i].Load()
		if n := word >> 24; n == number || n+1 == number {
			largest = max(largest, word&(1<<24-1))
		}
	}
	return int64(largest)
}
