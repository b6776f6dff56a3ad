package direct

import (
	"context"
	"math"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/exemplar"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

const (
	shardBits = 3
	cacheLine = 64
)

// series keeps the measurements with one set of attributes. Goroutines record to different shards, mostly, so that
// processors need not wait for each other's cache lines.
type series struct {
	histogram  *histogram
	attributes attribute.Set
	shards     [1 << shardBits]atomic.Pointer[shard] // made when they are first needed
	reservoir  atomic.Pointer[reservoir]             // likewise
}

// shard is a part of a series, in cache lines of its own.
type shard struct {
	sum, min, max float64Bits
	counts        []atomic.Uint64 // by bucket
	_             [cacheLine - 48]byte
}

func newShard(buckets int) *shard {
	const perLine = cacheLine / 8
	s := &shard{counts: make([]atomic.Uint64, buckets, (buckets+perLine-1)/perLine*perLine)}
	s.min.store(math.Inf(1))
	s.max.store(math.Inf(-1))
	return s
}

// record keeps a measurement.
func (s *series) record(ctx context.Context, value float64) {
	// A goroutine keeps its stack for a long time, and no other has it: a number of the goroutine, at no cost.
	var onStack byte
	const golden = 0x9E3779B1 // Spreads addresses that differ in few bits.
	at := uint32(uintptr(unsafe.Pointer(&onStack))>>12) * golden >> (32 - shardBits)
	to := s.shards[at].Load()
	if to == nil {
		s.shards[at].CompareAndSwap(nil, newShard(len(s.histogram.bounds)+1))
		to = s.shards[at].Load()
	}

	// The first bucket whose bound is not below the value.
	low, high := 0, len(s.histogram.bounds)
	for low < high {
		if middle := int(uint(low+high) / 2); s.histogram.bounds[middle] >= value {
			high = middle
		} else {
			low = middle + 1
		}
	}
	to.sum.add(value)
	if !s.histogram.noMinMax {
		to.min.lower(value)
		to.max.raise(value)
	}
	to.counts[low].Add(1)
	if keep := s.histogram.exemplars; keep != nil && keep(ctx) {
		s.exemplar(ctx, value)
	}
}

// collect sets what was measured in point, whose BucketCounts are zero, and reports whether that is anything. If take is
// set, it takes it away.
func (s *series) collect(point *metricdata.HistogramDataPoint[float64], take bool) bool {
	least, most := math.Inf(1), math.Inf(-1)
	for i := range s.shards {
		from := s.shards[i].Load()
		if from == nil {
			continue
		}
		before := point.Count
		for j := range from.counts {
			n := from.counts[j].Load()
			if take && n > 0 {
				n = from.counts[j].Swap(0)
			}
			point.BucketCounts[j] += n
			point.Count += n
		}
		switch {
		case point.Count == before:
			// The sum is of a measurement that has yet to be counted, and belongs to the next collection.
		case take:
			point.Sum += from.sum.swap(0)
			least, most = min(least, from.min.swap(math.Inf(1))), max(most, from.max.swap(math.Inf(-1)))
		default:
			point.Sum += from.sum.load()
			least, most = min(least, from.min.load()), max(most, from.max.load())
		}
	}
	if point.Count == 0 {
		return false
	}
	if least <= most {
		point.Min, point.Max = metricdata.NewExtrema(least), metricdata.NewExtrema(most)
	}
	r := s.reservoir.Load()
	if take {
		s.reservoir.Store(nil)
	}
	if r != nil {
		point.Exemplars = r.collect()
	}
	return true
}

// reservoir is the SDK's for explicit buckets: the last sampled measurements of each bucket may be replaced.
type reservoir struct {
	mu   sync.Mutex // guards kept
	kept exemplar.Reservoir
}

// exemplar offers a measurement to the reservoir.
func (s *series) exemplar(ctx context.Context, value float64) {
	r := s.reservoir.Load()
	if r == nil {
		s.reservoir.CompareAndSwap(nil, &reservoir{kept: exemplar.NewHistogramReservoir(s.histogram.bounds)})
		if r = s.reservoir.Load(); r == nil {
			return // collected in between
		}
	}
	// Exemplars are a sample. Who would have to wait for another's is not in it.
	if r.mu.TryLock() {
		defer r.mu.Unlock()
		r.kept.Offer(ctx, time.Now(), exemplar.NewValue(value), nil)
	}
}

func (r *reservoir) collect() []metricdata.Exemplar[float64] {
	var kept []exemplar.Exemplar
	r.mu.Lock()
	r.kept.Collect(&kept)
	r.mu.Unlock()
	exemplars := make([]metricdata.Exemplar[float64], len(kept))
	for i, e := range kept {
		exemplars[i] = metricdata.Exemplar[float64]{
			FilteredAttributes: e.FilteredAttributes, Time: e.Time, Value: e.Value.Float64(), SpanID: e.SpanID, TraceID: e.TraceID,
		}
	}
	return exemplars
}

// float64Bits is a float64 for concurrent use.
type float64Bits struct{ bits atomic.Uint64 }

func (f *float64Bits) load() float64   { return math.Float64frombits(f.bits.Load()) }
func (f *float64Bits) store(v float64) { f.bits.Store(math.Float64bits(v)) }
func (f *float64Bits) swap(v float64) float64 {
	return math.Float64frombits(f.bits.Swap(math.Float64bits(v)))
}

func (f *float64Bits) add(v float64) {
	for {
		old := f.bits.Load()
		if f.bits.CompareAndSwap(old, math.Float64bits(math.Float64frombits(old)+v)) {
			return
		}
	}
}

// lower sets f to v if v is less.
func (f *float64Bits) lower(v float64) {
	for {
		old := f.bits.Load()
		if !(v < math.Float64frombits(old)) || f.bits.CompareAndSwap(old, math.Float64bits(v)) {
			return
		}
	}
}

// raise sets f to v if v is more.
func (f *float64Bits) raise(v float64) {
	for {
		old := f.bits.Load()
		if !(v > math.Float64frombits(old)) || f.bits.CompareAndSwap(old, math.Float64bits(v)) {
			return
		}
	}
}
