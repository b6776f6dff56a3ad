package poolz

import (
	"fmt"
	"strings"

	"github.com/otelpool/otelpool-go/otelpool/diagnose"
)

// maxUnits is how many units of work a bar shows separately.
const maxUnits = 6

// bar shows what a pool's connections do, each with the same length.
type bar struct {
	Size  int64  // how many connections the pool may have
	Base  int64  // the base size, 0 if it is Size
	Label string // the bar in words
	Parts []part
}

// part is a part of a bar. Its class determines its color.
type part struct {
	Class, Label string
	From, Count  int64
}

// newBar returns the bar of a pool.
func newBar(r diagnose.Report) bar {
	b := bar{Size: r.Settings.MaxConns}
	if r.Settings.BaseSize < r.Settings.MaxConns {
		b.Base = r.Settings.BaseSize
	}
	inUse := max(0, r.Used-r.Closing)
	for i, u := range heldByUnit(r.Holds) {
		n := min(u.count, inUse) // holds may have ended since
		if i >= maxUnits {
			break
		}
		b.add(fmt.Sprintf("unit%d", i), u.name, n)
		inUse -= n
	}
	b.add("others", "others in use", inUse)
	b.add("closing", "closing", r.Closing)
	b.add("constructing", "being opened", r.Constructing)
	b.add("idle", "idle", r.Idle)
	var used int64
	for _, p := range b.Parts {
		used += p.Count
	}
	b.Size = max(b.Size, used) // the numbers are not from one moment
	b.add("free", "not open", b.Size-used)
	var words []string
	for _, p := range b.Parts {
		words = append(words, fmt.Sprintf("%d %s", p.Count, p.Label))
	}
	b.Label = fmt.Sprintf("%d connections: %s", b.Size, strings.Join(words, ", "))
	return b
}

func (b *bar) add(class, label string, count int64) {
	if count <= 0 {
		return
	}
	from := int64(0)
	if n := len(b.Parts); n > 0 {
		from = b.Parts[n-1].From + b.Parts[n-1].Count
	}
	b.Parts = append(b.Parts, part{Class: class, Label: label, From: from, Count: count})
}

type heldUnit struct {
	name  string
	count int64
}

// heldByUnit adds up holds by unit of work, in the order of the report: the most holds first.
func heldByUnit(holds []diagnose.Holds) []heldUnit {
	var units []heldUnit
	at := make(map[string]int)
	for _, h := range holds {
		i, known := at[h.Operation]
		if !known {
			i = len(units)
			at[h.Operation] = i
			units = append(units, heldUnit{name: name(h.Operation)})
		}
		units[i].count += h.Count
	}
	return units
}
