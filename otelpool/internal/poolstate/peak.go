package poolstate

import (
	"sync/atomic"
	"time"
)

// peak is the largest value of a rotating window, which is the current bucket of time and the one before. Reading does
// not reset it, so every reader whose interval is no longer than a bucket sees every spike. It takes no lock.
type peak struct {
	bucket time.Duration // how long a bucket lasts

	// buckets hold the number and the maximum of one even and one odd bucket. A newer bucket replaces the one before last.
	buckets [2]atomic.Uint64
}

func packPeak(number, value uint64) uint64 { return number<<24 | value&(1<<24-1) }

// rises reports whether note would raise the largest value of the current bucket.
func (p *peak) rises(now time.Duration, value int64) bool {
	number := uint64(now / p.bucket)
	return p.buckets[number&1].Load() < packPeak(number, uint64(max(0, value)))
}

// note records the value at now.
func (p *peak) note(now time.Duration, value int64) {
	number := uint64(now / p.bucket)
	at := &p.buckets[number&1]
	next := packPeak(number, uint64(max(0, value)))
	for old := at.Load(); old < next; old = at.Load() {
		if at.CompareAndSwap(old, next) {
			return
		}
	}
}

// read returns the largest value noted in the window that ends now.
func (p *peak) read(now time.Duration) int64 {
	number := uint64(now / p.bucket)
	var largest uint64
	for i := range p.buckets {
		word := p.buckets[i].Load()
		if n := word >> 24; n == number || n+1 == number {
			largest = max(largest, word&(1<<24-1))
		}
	}
	return int64(largest)
}
