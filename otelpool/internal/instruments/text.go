package instruments

import (
	"strings"
	"sync"
	"sync/atomic"
)

// The limits of a generation of the cache. A program may generate any number of texts, but the two generations of a
// pool keep at most 2 × 512 texts and 2 × 1 MiB.
const (
	maxCachedTexts = 512
	maxCachedBytes = 1 << 20
)

// text has the name of a SQL text and its operation.
type text struct {
	sql     string // of a long text the part that is read
	name    Name
	listens bool                      // it begins to listen for notifications
	op      atomic.Pointer[Operation] // set when an operation is recorded; parts of a batch have none

	sanitized atomic.Pointer[string] // the text without its literals, set on demand
}

// newText reads a text. It keeps a copy, because sql may be a slice of something much larger.
func newText(sql string) *text {
	sql = strings.Clone(sql)
	return &text{sql: sql, name: nameOf(sql), listens: Listens(sql)}
}

// textCache maps SQL texts, of long ones the part that is read, to their names. A full generation replaces the previous
// one. A text that is still in use moves to the current generation at its next look-up. textCache is safe for
// concurrent use.
type textCache struct {
	current, previous atomic.Pointer[textGeneration]
	mu                sync.Mutex // held to start a new generation
}

type textGeneration struct {
	texts sync.Map // string to *text
	count atomic.Int64
	bytes atomic.Int64
}

// get returns the entry of sql, nil if there is none.
func (c *textCache) get(sql string) *text {
	if t := c.current.Load().get(sql); t != nil {
		return t
	}
	t := c.previous.Load().get(sql)
	if t != nil {
		c.put(t)
	}
	return t
}

// put adds an entry.
func (c *textCache) put(t *text) {
	g := c.current.Load()
	if g.full() {
		g = c.rotate(g)
	}
	if _, known := g.texts.LoadOrStore(t.sql, t); !known {
		g.count.Add(1)
		g.bytes.Add(int64(len(t.sql)))
	}
}

// rotate replaces the full generation, unless another goroutine has done so, and returns the current one.
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

func (g *textGeneration) get(sql string) *text {
	if g == nil {
		return nil
	}
	if t, ok := g.texts.Load(sql); ok {
		return t.(*text)
	}
	return nil
}
