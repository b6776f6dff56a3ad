package main

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// lateAfter is how late a request may begin. Timers of an idle machine are at most a millisecond late.
const lateAfter = 20 * time.Millisecond

// arrive sends requests at a rate until ctx ends, and waits for the running requests. The arrivals are a Poisson
// process, which does not depend on the answers. A latency is the time since the request was due, so it includes a late
// start.
func (l *load) arrive(ctx context.Context, rate float64, inFlight int, latency prometheus.Observer) {
	requests, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	var running sync.WaitGroup
	places := make(chan struct{}, inFlight)
	next := time.Now()
	for {
		next = next.Add(time.Duration(rand.ExpFloat64() / rate * float64(time.Second)))
		due := next
		if wait := time.Until(due); wait > 0 {
			pause(ctx, wait)
		}
		if ctx.Err() != nil {
			break
		}
		if !l.admit(places, time.Since(due) >= lateAfter) {
			continue
		}
		running.Go(func() {
			err := l.request(requests)
			<-places
			if l.count(err, requests.Err() != nil); err == nil {
				latency.Observe(time.Since(due).Seconds())
			}
		})
	}
	limit := time.AfterFunc(drainLimit, cancel)
	defer limit.Stop()
	running.Wait()
}

// admit takes a place for a request. It counts a request without one as dropped.
func (l *load) admit(places chan<- struct{}, late bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if late {
		l.late++
	}
	select {
	case places <- struct{}{}:
		return true
	default:
		l.dropped++
		return false
	}
}
