package main

import (
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// phase is a time of more or less traffic.
type phase struct {
	name    string
	length  time.Duration
	callers int
	pause   time.Duration // of a caller, between two requests, on average
}

// phases follow each other in turn. The busy one has more callers than the pool has connections.
var phases = []phase{
	{name: "quiet", length: 3 * time.Second, callers: 3, pause: 40 * time.Millisecond},
	{name: "busy", length: 4 * time.Second, callers: 40, pause: 10 * time.Millisecond},
}

// pauseAfterFailure keeps callers from asking a database that is away as fast as they can.
const pauseAfterFailure = 250 * time.Millisecond

// traffic calls the service over HTTP, as its users would.
type traffic struct {
	base    string
	client  *http.Client
	current atomic.Pointer[phase]
}

func newTraffic(base string) *traffic {
	t := &traffic{base: base, client: &http.Client{
		Timeout: 2 * requestTimeout,
		// No proxy, whatever the environment says: these requests never leave the machine.
		Transport: &http.Transport{MaxIdleConnsPerHost: 64},
	}}
	t.current.Store(&phases[0])
	return t
}

// phase gives the name of the current phase. It is safe for concurrent use.
func (t *traffic) phase() string { return t.current.Load().name }

// run calls until ctx ends. Then it waits for the answers that are due: what was begun is not cut short.
func (t *traffic) run(ctx context.Context) {
	defer t.client.CloseIdleConnections()
	for n := 0; ctx.Err() == nil; n++ {
		t.runPhase(ctx, &phases[n%len(phases)])
	}
}

func (t *traffic) runPhase(ctx context.Context, p *phase) {
	ctx, cancel := context.WithTimeout(ctx, p.length)
	defer cancel()
	t.current.Store(p)
	var callers sync.WaitGroup
	for range p.callers {
		callers.Go(func() {
			for ctx.Err() == nil {
				pause := time.Duration((0.5 + rand.Float64()) * float64(p.pause))
				if !t.request(anyRoute()) {
					pause = max(pause, pauseAfterFailure)
				}
				sleep(ctx, pause)
			}
		})
	}
	callers.Wait()
}

// request makes one request and tells whether the service was able to answer.
func (t *traffic) request(r route) bool {
	req, err := http.NewRequest(r.method, t.base+r.example(), http.NoBody)
	if err != nil {
		return false
	}
	res, err := t.client.Do(req)
	if err != nil {
		return false
	}
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body)
	return err == nil && res.StatusCode < http.StatusInternalServerError
}

// sleep waits for d, or for the end of ctx.
func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
