package otelpool

import (
	"strings"
	"sync"
	"sync/atomic"
)

// What a generation of the cache holds at most. Texts can be unbounded (generated IN lists, inlined literals), the
// memory for them may not: the two generations keep at most 2 × 512 texts and 2 × 1 MiB of a pool.
const (
	maxCachedTexts = 512
	maxCachedBytes = 1 << 20
	maxCachedText  = 32 << 10 // a longer text is read anew each time; reading stops early, and hashing it would cost more
)

// textCache remembers the operation of a SQL text. When a generation is full it becomes the previous one, and that is
// forgotten; what is still in use moves on to the new one at its next look-up. It is safe for concurrent use.
type textCache struct {
	current, previous atomic.Pointer[textGeneration]
	mu                sync.Mutex // held to start a new generation
}

type textGeneration struct {
	texts sync.Map // string to *operation
	count atomic.Int64
	bytes atomic.Int64
}

// get gives the operation of sql, nil if it is not known.
func (c *textCache) get(sql string) *operation {
	if len(sql) > maxCachedText {
		return nil
	}
	if op := c.current.Load().get(sql); op != nil {
		return op
	}
	op := c.previous.Load().get(sql)
	if op != nil {
		c.put(sql, op)
	}
	return op
}

// put remembers op as the operation of sql.
func (c *textCache) put(sql string, op *operation) {
	if len(sql) > maxCachedText {
		return
	}
	g := c.current.Load()
	if g.full() {
		g = c.rotate(g)
	}
	// A copy, since sql may be a slice of something much larger.
	if _, known := g.texts.LoadOrStore(strings.Clone(sql), op); !known {
		g.count.Add(1)
		g.bytes.Add(int64(len(sql)))
	}
}

// rotate replaces the full generation, unless another goroutine has done so already, and gives the current one.
func (c *textCache) rotate(full *textGeneration) *textGeneration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if g := c.current.Load(); g != full {
		return g
	}
	g := new(textGeneration)
	c.previous.Store(full)
	c.current.Store(g)
	return g
}

// full reports whether g takes no more texts. There is no generation before the first text.
func (g *textGeneration) full() bool {
	return g == nil || g.count.Load() >= maxCachedTexts || g.bytes.Load() >= maxCachedBytes
}

func (g *textGeneration) get(sql string) *operation {
	if g == nil {
		return nil
	}
	if op, ok := g.texts.Load(sql); ok {
		return op.(*operation)
	}
	return nil
}
