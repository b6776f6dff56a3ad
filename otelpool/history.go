package otelpool

import (
	"sync"
	"time"
	"weak"

	"github.com/otelpool/otelpool-go/otelpool/internal/poolstate"
)

// How often the holds of a pool are sampled, and how far apart the points are from which a period may begin.
const (
	sampleInterval = time.Second
	minuteStep     = 10 * time.Second
	tenStep        = time.Minute
)

// history has the counts of a pool at moments of the last minutes; the counts of a period are the difference of two
// points. It has a point for each ten seconds of the last minute and each minute of the last ten.
type history struct {
	mu      sync.Mutex
	sampled time.Duration  // when the holds were last sampled
	held    []sampledHolds // by the number of the unit of work
	samples int64

	answers    int64         // of the server, when there last were more of them
	answeredAt time.Duration // when an answer was last noticed
	givenUp    int64         // calls and acquires that have ended without an answer
	givenUpAt  time.Duration // when more of them were last noticed
	unasked    time.Duration // when there was last nothing that the server had to answer

	// long has the long holds of the last sample, and their units of work. The pointers are weak, because no sample
	// after Unregister would drop them.
	long map[weak.Pointer[poolstate.Acquire]]uint32

	minute [6 + 1]*keptPoint // the oldest first, nil before there are so many
	ten    [10 + 1]*keptPoint
}

// sampledHolds are how many connections a unit of work held, summed over all samples, by what they did.
type sampledHolds struct {
	running, open, inTransaction, idle int64

	longEnded int64 // long holds that were in one sample and not in the next
}

// longTime is the age of a hold that counts as long. If such holds of a unit of work end, they are its normal use.
const longTime = 5 * time.Second

func (s sampledHolds) sum() int64 { return s.running + s.open + s.inTransaction + s.idle }

func (s *sampledHolds) each(yield func(n *int64)) {
	for _, n := range []*int64{&s.running, &s.open, &s.inTransaction, &s.idle, &s.longEnded} {
		yield(n)
	}
}

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

// look samples the holds of a snapshot and keeps points, unless it did so within the last second.
func (h *history) look(o *observed, s *poolstate.Snapshot) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.sampled != 0 && s.Now-h.sampled < sampleInterval*9/10 { // a timer is not exact
		return
	}
	h.sampled = s.Now
	h.silence(o, s)
	h.samples++
	ended := h.long
	h.long = nil
	for _, hold := range s.Holds {
		unit := o.hooks.operations.Unit(uint32(hold.Unit())).ID
		h.of(unit).add(hold.Conn.Activity())
		if s.Now-hold.Since >= longTime {
			if h.long == nil {
				h.long = make(map[weak.Pointer[poolstate.Acquire]]uint32)
			}
			id := weak.Make(hold.Acquire)
			delete(ended, id)
			h.long[id] = unit
		}
	}
	for _, unit := range ended {
		h.of(unit).longEnded++
	}
	now := sync.OnceValue(func() *keptPoint { return h.point(o, s).keep() })
	keep(h.minute[:], minuteStep, s.Now, now)
	keep(h.ten[:], tenStep, s.Now, now)
}

// silence returns for how long the server has been asked and has answered nothing: it has neither ended an operation, nor
// sent a part of a result on a connection that is held, nor opened a connection. It is up to a second too short, because
// nothing is noted at an answer itself. The caller must hold the lock.
func (h *history) silence(o *observed, s *poolstate.Snapshot) time.Duration {
	n, givenUp := o.hooks.operations.Answered()
	n += o.hooks.dials.count.Load()
	answered := n > h.answers || h.answeredAt == 0
	h.answers = max(h.answers, n)
	for _, result := range []poolstate.Result{poolstate.Timeout, poolstate.Canceled, poolstate.Failed} {
		givenUp += o.hooks.counters.Get(acquiresBy[result])
	}
	var asked time.Duration // when the newest of the operations that run began, 0 if none runs
	for _, hold := range s.Holds {
		answers, since := hold.Look(s.Now)
		answered, asked = answered || answers, max(asked, since)
	}
	if answered {
		h.answeredAt = s.Now
	}
	if givenUp > h.givenUp {
		h.givenUp, h.givenUpAt = givenUp, s.Now
	}
	if !h.asks(s, asked) && s.Now-h.givenUpAt > askedBefore {
		h.unasked = s.Now
	}
	return max(0, s.Now-max(h.answeredAt, h.unasked)) // another look may be newer than that snapshot
}

// askedBefore is how long before an answer an operation may have begun that is still thought to be next, and how long after
// a caller has given up the server is thought to be asked: others may do so between two looks.
const askedBefore = 2 * sampleInterval

// asks reports whether the server has something to answer, if the newest of the operations that run began at asked. An
// operation that began well before the last answer is not evidence of a server that answers nothing: it is blocked, or its
// connection died in a failover. Connections that are being closed are evidence only if callers wait for their slots.
func (h *history) asks(s *poolstate.Snapshot, asked time.Duration) bool {
	others := s.Stat.Acquired - int64(len(s.Holds)) // pinged, or being closed
	if s.Pending == 0 {
		others -= s.Closing
	}
	return s.Stat.Constructing > 0 || others > 0 || asked > 0 && asked >= h.answeredAt-askedBefore
}

// of returns the sums of a unit of work, to be changed.
func (h *history) of(unit uint32) *sampledHolds {
	if missing := int(unit) + 1 - len(h.held); missing > 0 {
		h.held = append(h.held, make([]sampledHolds, missing)...)
	}
	return &h.held[unit]
}

// keep adds a point, which make returns, if the newest is a step old.
func keep(points []*keptPoint, step, now time.Duration, make func() *keptPoint) {
	newest := points[len(points)-1]
	if newest != nil && now-newest.at < step-sampleInterval/2 {
		return
	}
	copy(points, points[1:])
	points[len(points)-1] = make()
}

// since returns the point at which a period of that length begins: the newest that is at least as old, else the oldest.
func since(points []*keptPoint, length, now time.Duration) *keptPoint {
	var at *keptPoint
	for _, p := range points {
		if p != nil && (at == nil || now-p.at >= length) {
			at = p
		}
	}
	return at
}
