package scenarios

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/otelpool"
)

const (
	poolSize       = 8               // of a pool that is neither too small nor too big
	requestTimeout = 5 * time.Second // of a healthy service
	overhead       = 0.0007          // about how many seconds a statement takes beyond its cost

	// maxInFlight is how many requests the service accepts at a time. Without this limit, requests would reach their
	// deadline when they get a connection, and the service would not recover after a trouble.
	maxInFlight = 100
)

// service is the shop. Requests arrive at a rate that does not depend on how fast it answers. It is safe for concurrent
// use.
type service struct {
	pool *pgxpool.Pool
	rng  *rand.Rand
	seed uint64

	mu      sync.Mutex
	units   []unit
	load    float64 // of poolSize connections
	timeout time.Duration

	running   sync.WaitGroup
	inFlight  atomic.Int64
	succeeded atomic.Int64
	failed    atomic.Int64
	dropped   atomic.Int64
	late      float64 // the largest share of units in ten seconds that began at least 20 ms late; set by run
}

func newService(pool *pgxpool.Pool, load float64, seed uint64) *service {
	return &service{
		pool: pool, rng: rand.New(rand.NewPCG(seed, 0)), seed: seed,
		units: append([]unit(nil), units...), load: load, timeout: requestTimeout,
	}
}

// change changes the service while it runs, and returns a function that undoes the change.
func (s *service) change(by func(*service)) (undo func() error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before, load, timeout := append([]unit(nil), s.units...), s.load, s.timeout
	by(s)
	return func() error {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.units, s.load, s.timeout = before, load, timeout
		return nil
	}
}

// unit returns a unit by its name, for change.
func (s *service) unit(name string) *unit {
	for i := range s.units {
		if s.units[i].name == name {
			return &s.units[i]
		}
	}
	panic("scenarios: no unit " + name)
}

// rate returns how many units of work a second cause the load, with the usual shares of the units.
func (s *service) rate() float64 {
	var seconds, shares float64
	for _, u := range units {
		for _, name := range u.does {
			seconds += u.share * (costs[name] + overhead)
		}
		shares += u.share
	}
	return s.load * poolSize / (seconds / shares)
}

// next returns the next unit, and the time between the previous one and it.
func (s *service) next() (u unit, timeout, after time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var usual, shares float64
	for i, u := range s.units {
		shares += u.share
		usual += units[i].share
	}
	at := s.rng.Float64() * shares
	for _, u = range s.units {
		if at -= u.share; at < 0 {
			break
		}
	}
	return u, s.timeout, time.Duration(s.rng.ExpFloat64() / (s.rate() * shares / usual) * float64(time.Second))
}

// run starts units of work until ctx ends, and waits for the last of them.
func (s *service) run(ctx context.Context) {
	defer s.running.Wait()
	due := time.Now()
	since, began, late := due, 0.0, 0.0
	for n := uint64(1); ; n++ {
		u, timeout, after := s.next()
		due = due.Add(after)
		wait := time.Until(due)
		if wait < -50*time.Millisecond { // the machine stalled; real users would not all come at the same time
			due = time.Now()
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		if began++; time.Since(due) > 20*time.Millisecond {
			late++
		}
		if due.Sub(since) > 10*time.Second { // the period of the rules
			s.late = max(s.late, late/began)
			since, began, late = due, 0, 0
		}
		s.begin(u, timeout, n)
	}
}

func (s *service) begin(u unit, timeout time.Duration, n uint64) {
	if s.inFlight.Add(1) > maxInFlight {
		s.inFlight.Add(-1)
		s.dropped.Add(1)
		return
	}
	s.running.Go(func() {
		defer s.inFlight.Add(-1)
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		defer cancel()
		if !u.unscoped {
			ctx = otelpool.WithScope(ctx, u.name)
		}
		rng := rand.New(rand.NewPCG(s.seed, n))
		if err := u.work(ctx, s, &request{rng: rng, customer: 1 + rng.IntN(500), product: 1 + rng.IntN(200)}); err != nil {
			s.failed.Add(1)
			return
		}
		s.succeeded.Add(1)
	})
}
