package instruments

import (
	"fmt"
	"strings"
	"testing"
)

func TestTextCacheIsBounded(t *testing.T) {
	t.Parallel()
	var c textCache
	op := &text{name: Name{Text: "x"}}
	long := strings.Repeat("y", 10_000)
	for i := range 20_000 {
		c.put(fmt.Sprintf("SELECT %d", i), op)
		c.put(fmt.Sprintf("SELECT %d -- %s", i%1000, long), op)
	}
	var texts, bytes int
	for _, g := range []*textGeneration{c.current.Load(), c.previous.Load()} {
		g.texts.Range(func(key, _ any) bool {
			texts++
			bytes += len(key.(string))
			return true
		})
	}
	if texts > 2*maxCachedTexts {
		t.Errorf("%d texts are kept, want at most %d", texts, 2*maxCachedTexts)
	}
	if most := 2 * (maxCachedBytes + len(long) + 20); bytes > most {
		t.Errorf("%d bytes are kept, want at most %d", bytes, most)
	}
}

func TestTextCacheKeepsUsedTexts(t *testing.T) {
	t.Parallel()
	var c textCache
	op := &text{name: Name{Text: "x"}}
	c.put("used", op)
	for i := range 10 * maxCachedTexts {
		c.put(fmt.Sprintf("once %d", i), new(text))
		if c.get("used") != op {
			t.Fatalf("a text in use was forgotten after %d others", i)
		}
	}
	if c.get("once 0") != nil {
		t.Error("a text of long ago is still known")
	}
}

func TestTextCacheSkipsHugeTexts(t *testing.T) {
	t.Parallel()
	var c textCache
	huge := strings.Repeat("x", maxCachedText+1)
	c.put(huge, new(text))
	if c.get(huge) != nil {
		t.Error("a text beyond the limit was kept")
	}
}
