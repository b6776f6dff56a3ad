package instruments

import (
	"slices"
	"sync"
	"sync/atomic"
)

// maxOpenValues is how many values of open keys are counted separately. Further ones become _OTHER.
const maxOpenValues = 50

// Counters has the counters of a pool, one for each series.
type Counters struct {
	n [maxCounters]atomic.Int64

	mu   sync.Mutex
	open []openCount // at most maxOpenValues, plus one with ErrorTypeOther per key
}

type openCount struct {
	openValue
	n int64
}

// Add adds n to the counter of a series.
func (c *Counters) Add(s Key, n int64) { c.n[s].Add(n) }

// Get returns the counter of a series.
func (c *Counters) Get(s Key) int64 { return c.n[s].Load() }

// AddOpen adds one to the counter of an open key with that value.
func (c *Counters) AddOpen(s OpenKey, value string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	find := func(value string) int {
		return slices.IndexFunc(c.open, func(o openCount) bool { return o.key == s && o.value == value })
	}
	at := find(value)
	if at < 0 && len(c.open) >= maxOpenValues {
		value = ErrorTypeOther
		at = find(value)
	}
	if at < 0 {
		at = len(c.open)
		c.open = append(c.open, openCount{openValue: openValue{s, value}})
	}
	c.open[at].n++
}

// Open returns the values of an open key and their counts, in the order in which they were first seen.
func (c *Counters) Open(s OpenKey) (values []string, counts []int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, o := range c.open {
		if o.key == s {
			values, counts = append(values, o.value), append(counts, o.n)
		}
	}
	return values, counts
}

// AddTo adds the counters to the values of their pgxpool, and sets those that counted nothing to 0.
func (c *Counters) AddTo(v *Values) {
	for i, s := range seriesTable.series[:seriesTable.counters] {
		if s.row().Database {
			continue
		}
		v.Add(Key(i), c.n[i].Load())
	}
	c.AddOpenTo(v)
}

// AddOpenTo adds the counters of open keys to the values of their pool.
func (c *Counters) AddOpenTo(v *Values) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, o := range c.open {
		v.addOpen(o.openValue, o.n)
	}
}
