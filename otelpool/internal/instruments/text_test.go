package instruments

import (
	"fmt"
	"strings"
	"testing"
)

func TestTextCacheIsBounded(t *testing.T) {
	t.Parallel()
	var c textCache
	long := strings.Repeat("y", 10_000)
	for i := range 20_000 {
		c.put(newText(fmt.Sprintf("SELECT %d", i)))
		c.put(newText(fmt.Sprintf("SELECT %d -- %s", i%1000, long)))
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
	used := newText("used")
	c.put(used)
	for i := range 10 * maxCachedTexts {
		c.put(newText(fmt.Sprintf("once %d", i)))
		if c.get("used") != used {
			t.Fatalf("a text in use was forgotten after %d others", i)
		}
	}
	if c.get("once 0") != nil {
		t.Error("an old text is still known")
	}
}

func TestHugeTextsAreReadOnce(t *testing.T) {
	t.Parallel()
	o := newOperations(200, nil)
	huge := "SELECT * FROM users WHERE id IN (1" + strings.Repeat(", 2", 1<<20) + ")"
	first := o.text(huge)
	if first.name != (Name{Text: "SELECT users", Source: Summarized}) {
		t.Errorf("named %v", first.name)
	}
	if o.text(strings.Clone(huge)) != first || o.text(huge+" -- more") != first {
		t.Error("a huge text was read again")
	}
	if other := o.text(strings.Replace(huge, "users", "roles", 1)); other.name.Text != "SELECT roles" {
		t.Errorf("another huge text is named %v", other.name)
	}
	var bytes int64
	for _, g := range []*textGeneration{o.texts.current.Load(), o.texts.previous.Load()} {
		if g != nil {
			bytes += g.bytes.Load()
		}
	}
	if bytes > 64<<10 {
		t.Errorf("two huge texts take %d bytes", bytes)
	}
}
