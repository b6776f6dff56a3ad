package otelpool

import (
	"iter"
	"maps"
	"time"

	"github.com/otelpool/otelpool-go/otelpool/internal/instruments"
	"github.com/otelpool/otelpool-go/otelpool/internal/poolstate"
)

var (
	held       = instruments.OpenKeyOf("pgxpool.held")
	heldOldest = instruments.OpenKeyOf("pgxpool.held.oldest")
)

// seriesMemory is how long a series that has ended is observed as 0. Without that it would keep its last value: for
// five minutes in Prometheus if it is pushed, and for three on the Collector's page.
const seriesMemory = 5 * time.Minute

// recent maps the series that a recent collection had to the time of the last one. The zero value is ready.
type recent[K comparable] map[K]time.Duration

// note notes that a collection at that time has a series.
func (all *recent[K]) note(series K, now time.Duration) {
	if *all == nil {
		*all = make(recent[K])
	}
	(*all)[series] = now
}

// remembered returns the series that are still to be observed, and forgets the others.
func (all recent[K]) remembered(now time.Duration) iter.Seq[K] {
	maps.DeleteFunc(all, func(_ K, last time.Duration) bool { return now-last > seriesMemory })
	return maps.Keys(all)
}

// holders are the units of work that held a connection at a recent collection.
type holders struct{ recent recent[string] }

// read sets the connections that are held now, by unit of work.
func (all *holders) read(v *instruments.Values, s *poolstate.Snapshot, operations *instruments.Operations) {
	for _, h := range s.Holds {
		unit := operations.Unit(uint32(h.Unit())).Name
		v.AddOpen(held, unit, 1)
		v.AddOpen(heldOldest, unit, int64(max(0, s.Now-h.Since)))
		all.recent.note(unit, s.Now)
	}
	for unit := range all.recent.remembered(s.Now) {
		v.AddOpen(held, unit, 0)
		v.AddOpen(heldOldest, unit, 0)
	}
}
