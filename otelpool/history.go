package otelpool

import (
	"maps"
	"sync"
	"time"

	"github.com/otelpool/otelpool-go/otelpool/internal/instruments"
	"github.com/otelpool/otelpool-go/otelpool/internal/poolstate"
)

// How often the holds of a pool are sampled, and how far apart the points are from which a period may begin.
const (
	sampleInterval = time.Second
	minuteStep     = 10 * time.Second
	tenStep        = time.Minute
)

// history is what a pool has counted at moments of the last minutes, so that a period can be told by a difference. It has a
// point for each ten seconds of the last minute and each minute of the last ten. A point has a few words for each name.
type history struct {
	mu      sync.Mutex
	sampled time.Duration // when the holds were last sampled
	held    map[string]sampledHolds
	long    map[*poolstate.Acquire]string // the long holds of the last sample, and their units of work
	samples int64
	minute  [6 + 1]*point // the oldest first, nil before there are so many
	ten     [10 + 1]*point
}

// point is what a pool had counted at one moment.
type point struct {
	at      time.Duration
	values  instruments.Values
	calls   []instruments.Calls
	held    map[string]sampledHolds
	samples int64

	dials    int64
	dialTime time.Duration
}

// sampledHolds are how many connections a unit of work held, summed over all samples, by what they did.
type sampledHolds struct {
	running, open, inTransaction, idle int64

	longEnded int64 // long holds that a sample had, and the next had not
}

// A hold of longTime is worth a look: a pool whose holds take that long, and end, is used so.
const longTime = 5 * time.Second

func (s sampledHolds) sum() int64 { return s.running + s.open + s.inTransaction + s.idle }

func (s sampledHolds) minus(t sampledHolds) sampledHolds {
	return sampledHolds{s.running - t.running, s.open - t.open, s.inTransaction - t.inTransaction, s.idle - t.idle, s.longEnded - t.longEnded}
}

func (s *sampledHolds) add(does poolstate.Activity) {
	switch {
	case does.Running:
		s.running++
	case does.Open:
		s.open++
	case does.InTransaction:
		s.inTransaction++
	default:
		s.idle++
	}
}

// look samples the holds of a snapshot, unless it was done within the last second, and keeps points.
func (h *history) look(o *observed, s *poolstate.Snapshot) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.sampled != 0 && s.Now-h.sampled < sampleInterval*9/10 { // a timer is not exact
		return
	}
	h.sampled = s.Now
	h.samples++
	ended := h.long
	h.long = nil
	for _, hold := range s.Holds {
		name := nameOf(o.hooks.operations, hold.Unit())
		h.change(name, func(sums *sampledHolds) { sums.add(hold.Conn.Activity()) })
		delete(ended, hold.Acquire)
		if s.Now-hold.Since >= longTime {
			if h.long == nil {
				h.long = make(map[*poolstate.Acquire]string)
			}
			h.long[hold.Acquire] = name
		}
	}
	for _, name := range ended {
		h.change(name, func(sums *sampledHolds) { sums.longEnded++ })
	}
	now := sync.OnceValue(func() *point { return h.point(o, s) })
	keep(h.minute[:], minuteStep, s.Now, now)
	keep(h.ten[:], tenStep, s.Now, now)
}

// change changes the sums of a unit of work.
func (h *history) change(name string, change func(*sampledHolds)) {
	if h.held == nil {
		h.held = make(map[string]sampledHolds)
	}
	sums := h.held[name]
	change(&sums)
	h.held[name] = sums
}

// point returns what the pool has counted until now. The caller must hold the lock.
func (h *history) point(o *observed, s *poolstate.Snapshot) *point {
	p := &point{at: s.Now, calls: o.hooks.operations.Calls(), held: maps.Clone(h.held), samples: h.samples}
	p.dials, p.dialTime = o.hooks.dials.count.Load(), time.Duration(o.hooks.dials.time.Load())
	o.readHooks(&p.values, s)
	return p
}

// keep adds a point, which make returns, if the newest is a step old.
func keep(points []*point, step, now time.Duration, make func() *point) {
	newest := points[len(points)-1]
	if newest != nil && now-newest.at < step-sampleInterval/2 {
		return
	}
	copy(points, points[1:])
	points[len(points)-1] = make()
}

// since returns the point at which a period of that length begins: the newest that is at least as old, else the oldest.
func since(points []*point, length, now time.Duration) *point {
	var at *point
	for _, p := range points {
		if p != nil && (at == nil || now-p.at >= length) {
			at = p
		}
	}
	return at
}
