package hostile

import (
	"context"
	"flag"
	"runtime"
	"testing"
	"time"

	"github.com/otelpool/otelpool-go/internal/integration/faults/rig"
)

var soakTime = flag.Duration("soak", 10*time.Second, "how long TestMemoryIsFlatOverSoak runs")

// The most that the heap may grow from the first third of a soak to its end, by the best straight line. In ten minutes
// with five hundred requests a second this allows a leak of five bytes a request.
const (
	soakBytes   = 1 << 20
	soakObjects = 10_000
)

// warmRequests is how many requests create all series, their exemplars and the caches of texts. With the race detector
// they take some 15 s.
const warmRequests = 2000

// TestMemoryIsFlatOverSoak uses every feature of package otelpool with a bridge, an OTLP reader and two others, for the
// time of -soak. It watches the heap.
func TestMemoryIsFlatOverSoak(t *testing.T) {
	config := onDatabase(t, 4)
	rig.NoLeak(t)
	s := newSoak(t, config)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for range 12 {
		s.work.Go(func() { s.use(ctx) })
	}
	s.work.Go(func() { s.comeAndGo(ctx, t) })
	for _, read := range s.readers {
		s.work.Go(func() {
			for ctx.Err() == nil {
				s.gate.RLock()
				read()
				s.gate.RUnlock()
				pause(ctx, 20*time.Millisecond)
			}
		})
	}
	for warm := time.Now().Add(time.Minute); s.requests.Load() < warmRequests && time.Now().Before(warm); {
		pause(ctx, 20*time.Millisecond)
	}
	defer time.AfterFunc(*soakTime, cancel).Stop()
	samples := s.watch(ctx, t)
	s.work.Wait()
	s.end(t)
	bytes, objects := growth(samples, func(m heap) float64 { return m.bytes }), growth(samples, func(m heap) float64 { return m.objects })
	last := samples[len(samples)-1]
	recordFigure(t, "soak of %v: %d requests, %d pools came and went, %d pushes, heap at the end %.2f MiB in %.0f objects; trend after the first third %+.0f KiB, %+.0f objects",
		*soakTime, s.requests.Load(), s.pools.Load(), s.pushes.Load(), last.bytes/(1<<20), last.objects, bytes/1024, objects)
	if bytes > soakBytes || objects > soakObjects {
		t.Errorf("the heap grows: %+.0f bytes, %+.0f objects; allowed are %d and %d", bytes, objects, soakBytes, soakObjects)
	}
	if s.requests.Load() == 0 || s.pools.Load() == 0 || s.pushes.Load() == 0 || s.exemplars.Load() == 0 || s.hooked.Load() == 0 {
		t.Errorf("%d requests, %d pools, %d pushes, %d exemplars, %d calls of hooks", s.requests.Load(), s.pools.Load(), s.pushes.Load(), s.exemplars.Load(), s.hooked.Load())
	}
}

type heap struct {
	at             time.Duration
	bytes, objects float64
}

// watch measures the heap until the soak ends.
func (s *soak) watch(ctx context.Context, t *testing.T) []heap {
	t.Helper()
	var samples []heap
	start := time.Now()
	for n := 0; ctx.Err() == nil; n++ {
		pause(ctx, *soakTime/60)
		s.gate.Lock() // no request is in progress
		for range 3 { // also frees what cleanups and sync.Pools held
			runtime.GC()
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		s.gate.Unlock()
		samples = append(samples, heap{time.Since(start), float64(m.HeapAlloc), float64(m.HeapObjects)})
		if n%6 == 0 {
			t.Logf("%8v: %8d requests, heap %7.2f MiB, %7d objects, %d goroutines",
				time.Since(start).Round(time.Second), s.requests.Load(), float64(m.HeapAlloc)/(1<<20), m.HeapObjects, runtime.NumGoroutine())
		}
	}
	return samples
}

// growth returns the growth of a value after the first third, by the best straight line.
func growth(samples []heap, value func(heap) float64) float64 {
	samples = samples[len(samples)/3:]
	var n, x, y, xx, xy float64
	for _, s := range samples {
		n++
		x += s.at.Seconds()
		y += value(s)
		xx += s.at.Seconds() * s.at.Seconds()
		xy += s.at.Seconds() * value(s)
	}
	slope := (n*xy - x*y) / (n*xx - x*x)
	return slope * (samples[len(samples)-1].at - samples[0].at).Seconds()
}
