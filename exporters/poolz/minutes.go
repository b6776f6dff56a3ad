package poolz

import (
	"cmp"
	"maps"
	"slices"
	"strconv"

	"github.com/otelpool/otelpool-go/internal/printable"
	"github.com/otelpool/otelpool-go/otelpool/diagnose"
)

// phase is a phase in which acquires spent time.
type phase struct {
	Name                 string
	Seconds, Share, Each cell
}

// phases returns the phases in which acquires of a period spent time, the longest first.
func phases(p diagnose.Period) []phase {
	var total float64
	for _, s := range p.WaitedSeconds {
		total += s
	}
	var acquires int64
	for _, n := range p.Acquires {
		acquires += n
	}
	var list []phase
	for _, name := range byValue(p.WaitedSeconds) {
		s := p.WaitedSeconds[name]
		share := s / total * 100
		list = append(list, phase{
			Name: name, Seconds: duration(s), Each: each(s, acquires),
			Share: cell{strconv.FormatFloat(share, 'g', 6, 64), printable.Number(share) + " %"},
		})
	}
	return list
}

// change has a count in the last minute, and in the last ten.
type change struct {
	Name        string
	Minute, Ten int64
}

// changes returns how many connections were opened, could not be opened, and were closed, by reason.
func changes(minute, ten diagnose.Period) []change {
	var list []change
	add := func(name string, minute, ten int64) {
		if minute != 0 || ten != 0 {
			list = append(list, change{name, minute, ten})
		}
	}
	add("opened", minute.Opened, ten.Opened)
	add("opened beyond the base size", minute.OverflowOpened, ten.OverflowOpened)
	for _, reason := range byValue(ten.DialsFailed, minute.DialsFailed) {
		add("not opened: "+reason, minute.DialsFailed[reason], ten.DialsFailed[reason])
	}
	for _, reason := range byValue(ten.Closed, minute.Closed) {
		add("closed: "+reason, minute.Closed[reason], ten.Closed[reason])
	}
	return list
}

// failures returns how often operations failed, by error, the most frequent in ten minutes first.
func failures(minute, ten diagnose.Period) rows[change] {
	type failure struct{ operation, err string }
	counted := make(map[failure]change)
	for _, p := range []struct {
		operations []diagnose.Operation
		count      func(*change) *int64
	}{
		{minute.Operations, func(c *change) *int64 { return &c.Minute }},
		{ten.Operations, func(c *change) *int64 { return &c.Ten }},
	} {
		for _, o := range p.operations {
			for err, n := range o.Failures {
				f := failure{o.Operation, err}
				c := counted[f]
				c.Name = name(o.Operation) + ": " + name(err)
				*p.count(&c) += n
				if n != 0 {
					counted[f] = c
				}
			}
		}
	}
	return cut(slices.SortedFunc(maps.Values(counted), func(a, b change) int {
		return cmp.Or(cmp.Compare(b.Ten, a.Ten), cmp.Compare(b.Minute, a.Minute), cmp.Compare(a.Name, b.Name))
	}))
}

// byValue returns the keys with a nonzero value in one of the maps, sorted by the value in the first map, the largest
// first.
func byValue[N int64 | float64](all ...map[string]N) []string {
	found := make(map[string]bool)
	for _, m := range all {
		for key, n := range m {
			if n != 0 {
				found[key] = true
			}
		}
	}
	return slices.SortedFunc(maps.Keys(found), func(a, b string) int {
		return cmp.Or(cmp.Compare(all[0][b], all[0][a]), cmp.Compare(a, b))
	})
}
