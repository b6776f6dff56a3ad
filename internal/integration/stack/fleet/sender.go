package fleet

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"
)

// workers is the number of concurrent pushes. More would only compete for the processors, which the receivers need.
const workers = 16

// sender pushes for its instances, each once an interval, evenly spread over it.
type sender struct {
	url       string // of the receiver
	recording *Recording
	interval  time.Duration
	instances []*instance
}

// pushes is the result of a number of pushes.
type pushes struct {
	sent, failed int
	err          error           // the first error
	took         []time.Duration // time from sending to the answer
	late         time.Duration   // longest delay of a push
}

func (s *sender) grow(n int) {
	for len(s.instances) < n {
		s.instances = append(s.instances, newInstance(len(s.instances)))
	}
}

// round makes every instance push once, within an interval if the receiver is fast enough. It ends early if ctx ends.
func (s *sender) round(ctx context.Context) pushes {
	work := make(chan *instance)
	results := make([]pushes, workers)
	var wg sync.WaitGroup
	for n := range workers {
		wg.Go(func() {
			for i := range work {
				start := time.Now()
				results[n].add(i.push(s.url, s.recording), time.Since(start))
			}
		})
	}
	begin := time.Now()
	var late time.Duration
	for n, i := range s.instances {
		due := begin.Add(s.interval * time.Duration(n) / time.Duration(len(s.instances)))
		if !sleepUntil(ctx, due) {
			break
		}
		work <- i
		late = max(late, time.Since(due))
	}
	close(work)
	wg.Wait()
	// A round takes the whole interval, even with few instances.
	sleepUntil(ctx, begin.Add(s.interval))

	all := pushes{late: late}
	for _, r := range results {
		all.sent += r.sent
		all.failed += r.failed
		all.took = append(all.took, r.took...)
		all.err = cmp.Or(all.err, r.err)
	}
	slices.Sort(all.took)
	return all
}

// add records the result of a push.
func (p *pushes) add(err error, took time.Duration) {
	p.took = append(p.took, took)
	p.sent++
	if err != nil {
		p.failed++
		p.err = cmp.Or(p.err, err)
	}
}

// quantile returns the q-quantile of the duration of pushes.
func (p pushes) quantile(q float64) time.Duration {
	if len(p.took) == 0 {
		return 0
	}
	return p.took[min(len(p.took)-1, int(q*float64(len(p.took))))]
}

func (s *sender) close() {
	for _, i := range s.instances {
		i.client.CloseIdleConnections()
	}
}

// sleepUntil waits until t. It returns false if ctx ends first.
func sleepUntil(ctx context.Context, t time.Time) bool {
	select {
	case <-time.After(time.Until(t)):
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
