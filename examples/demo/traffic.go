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

// phase is a period with a constant amount of traffic, and possibly a trouble.
type phase struct {
	name    string
	length  time.Duration
	callers int
	pause   time.Duration // mean time between two requests of a caller
	trouble *trouble
}

// newPhases returns the phases, which repeat in this order. The busy one has more callers than the pool has
// connections; those with a trouble have few callers.
func newPhases() []phase {
	quiet := phase{name: "quiet", length: 3 * time.Second, callers: 3, pause: 40 * time.Millisecond}
	busy := phase{name: "busy", length: 4 * time.Second, callers: 40, pause: 10 * time.Millisecond}
	phases := []phase{quiet, busy, quiet}
	for i := range troubles {
		t := &troubles[i]
		phases = append(phases, phase{name: t.name, length: t.length, callers: 2, pause: 80 * time.Millisecond, trouble: t})
	}
	return phases
}

// pauseAfterFailure limits the rate of requests while the database is unreachable.
const pauseAfterFailure = 250 * time.Millisecond

// traffic sends requests to the service over HTTP, as users would.
type traffic struct {
	base    string
	client  *http.Client
	phases  []phase
	current atomic.Pointer[phase]
	started chan *trouble // receives a trouble when its phase begins
}

func newTraffic(base string) *traffic {
	t := &traffic{base: base, phases: newPhases(), started: make(chan *trouble, 1), client: &http.Client{
		Timeout: 2 * requestTimeout,
		// No proxy of the environment: these requests never leave the machine.
		Transport: &http.Transport{MaxIdleConnsPerHost: 64},
	}}
	t.current.Store(&t.phases[0])
	return t
}

// phase returns the name of the current phase. It is safe for concurrent use.
func (t *traffic) phase() string { return t.current.Load().name }

// run sends requests until ctx ends. Then it waits for the requests in progress.
func (t *traffic) run(ctx context.Context) {
	defer t.client.CloseIdleConnections()
	var callers sync.WaitGroup
	defer callers.Wait()
	// Phases change midway between two lines of the terminal, so that each line belongs to one phase.
	end := time.Now().Add(interval / 2)
	for n := 0; ctx.Err() == nil; n++ {
		p := &t.phases[n%len(t.phases)]
		end = end.Add(p.length)
		t.runPhase(ctx, p, end, &callers)
	}
}

// runPhase runs a phase to its end. Its last requests may end in the next phase.
func (t *traffic) runPhase(ctx context.Context, p *phase, end time.Time, callers *sync.WaitGroup) {
	within, cancel := context.WithDeadline(ctx, end)
	defer cancel()
	t.current.Store(p)
	for range p.callers {
		callers.Go(func() { t.call(within, p.pause) })
	}
	if p.trouble != nil {
		// On a busy machine a phase may begin after its end. Its trouble must not be skipped.
		select {
		case t.started <- p.trouble:
		case <-ctx.Done():
			return
		}
		callers.Go(func() { t.makeTrouble(within, p.trouble) })
	}
	<-within.Done()
}

// call sends requests to random routes until ctx ends.
func (t *traffic) call(ctx context.Context, pause time.Duration) {
	for ctx.Err() == nil {
		pause := time.Duration((0.5 + rand.Float64()) * float64(pause))
		if !t.request(randomRoute()) {
			pause = max(pause, pauseAfterFailure)
		}
		sleep(ctx, pause)
	}
}

// makeTrouble requests the trouble once, or repeatedly until ctx ends.
func (t *traffic) makeTrouble(ctx context.Context, trouble *trouble) {
	for {
		t.request(trouble.route())
		if trouble.again == 0 {
			return
		}
		sleep(ctx, trouble.again)
		if ctx.Err() != nil {
			return
		}
	}
}

// request sends one request and reports whether the service answered without a server error.
func (t *traffic) request(r route) bool {
	req, err := http.NewRequest(r.method, t.base+r.target(), http.NoBody)
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

// sleep waits for d or for the end of ctx.
func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
