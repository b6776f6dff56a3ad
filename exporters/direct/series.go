package direct

import (
	"context"
	"math"
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

// series keeps the measurements of one attribute set. Goroutines mostly record to different shards, so that processors
// rarely wait for each other's cache lines.
type series struct {
	histogram  *histogram
	attributes attribute.Set
	shards     [1 << shardBits]atomic.Pointer[shard] // each is nil until its first measurement

	// reservoir is the SDK's for explicit buckets, which keeps one exemplar of each bucket and is safe for concurrent
	// use. It is nil until the first exemplar, because it takes more memory than everything else.
	reservoir atomic.Pointer[exemplar.HistogramReservoir]
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

// record adds a measurement.
func (s *series) record(ctx context.Context, value float64) {
	// The address of the stack distinguishes goroutines, and reading it needs no call.
	var onStack byte
	const golden = 0x9E3779B1 // 2^32 divided by the golden ratio: addresses that differ in few bits get different shards
	at := uint32(uintptr(unsafe.Pointer(&onStack))>>12) * golden >> (32 - shardBits)
	to := s.shards[at].Load()
	if to == nil {
		s.shards[at].CompareAndSwap(nil, newShard(len(s.histogram.bounds)+1))
		to = s.shards[at].Load()
	}

	// Find the first bucket whose bound is not below the value.
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

// collect adds the measurements to point, whose BucketCounts must be zero.
func (s *series) collect(point *metricdata.HistogramDataPoint[float64]) {
	least, most := math.Inf(1), math.Inf(-1)
	for i := range s.shards {
		from := s.shards[i].Load()
		if from == nil {
			continue
		}
		for j := range from.counts {
			n := from.counts[j].Load()
			point.BucketCounts[j] += n
			point.Count += n
		}
		point.Sum += from.sum.load()
		least, most = min(least, from.min.load()), max(most, from.max.load())
	}
	if least <= most {
		point.Min, point.Max = metricdata.NewExtrema(least), metricdata.NewExtrema(most)
	}
	if r := s.reservoir.Load(); r != nil {
		var kept []exemplar.Exemplar
		r.Collect(&kept)
		for _, e := range kept {
			point.Exemplars = append(point.Exemplars, metricdata.Exemplar[float64]{
				FilteredAttributes: e.FilteredAttributes, Time: e.Time, Value: e.Value.Float64(), SpanID: e.SpanID, TraceID: e.TraceID,
			})
		}
	}
}

// exemplar offers a measurement to the reservoir.
func (s *series) exemplar(ctx context.Context, value float64) {
	r := s.reservoir.Load()
	if r == nil {
		s.reservoir.CompareAndSwap(nil, exemplar.NewHistogramReservoir(s.histogram.bounds))
		r = s.reservoir.Load()
	}
	r.Offer(ctx, time.Now(), exemplar.NewValue(value), nil)
}

// float64Bits is a float64 for concurrent use.
type float64Bits struct{ bits atomic.Uint64 }

func (f *float64Bits) load() float64   { return math.Float64frombits(f.bits.Load()) }
func (f *float64Bits) store(v float64) { f.bits.Store(math.Float64bits(v)) }
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
