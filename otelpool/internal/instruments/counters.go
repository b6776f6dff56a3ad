package instruments

import (
	"sync"
	"sync/atomic"
)

// maxOpenValues is how many values of open keys are counted separately. Further ones become _OTHER.
const maxOpenValues = 50

// Counters are what a pool has counted, one for each series of a counter.
type Counters struct {
	n [maxCounters]atomic.Int64

	mu   sync.Mutex
	open map[openValue]int64
}

// Add adds n to the counter of a series.
func (c *Counters) Add(s Key, n int64) { c.n[s].Add(n) }

// Get returns the counter of a series.
func (c *Counters) Get(s Key) int64 { return c.n[s].Load() }

// AddOpen adds one to the counter of an open key with that value.
func (c *Counters) AddOpen(s OpenKey, value string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open == nil {
		c.open = make(map[openValue]int64)
	}
	at := openValue{s, value}
	if _, known := c.open[at]; !known && len(c.open) >= maxOpenValues {
		at.value = ErrorTypeOther
	}
	c.open[at]++
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
	for at, n := range c.open {
		v.addOpen(at, n)
	}
}
