package instruments

import "maps"

// Values are the observed values of one pool, or of several pools of one name. Times are in nanoseconds. A series that is
// not set is not reported.
type Values struct {
	n    [maxSeries]int64
	set  [maxSeries]bool
	open map[openValue]int64
}

type openValue struct {
	key   OpenKey
	value string
}

// Set sets the value of a series.
func (v *Values) Set(s Key, n int64) { v.n[s], v.set[s] = n, true }

// Add adds to the value of a series.
func (v *Values) Add(s Key, n int64) { v.n[s], v.set[s] = v.n[s]+n, true }

// Copy sets the value of a series to that of another.
func (v *Values) Copy(to, from Key) { v.Set(to, v.n[from]) }

// Merge adds the values of another pool of the same name. For rows with Largest set, it keeps the larger value.
func (v *Values) Merge(w *Values) {
	for i, s := range seriesTable.series {
		switch {
		case !w.set[i]:
		case s.row().Largest:
			v.Set(Key(i), max(v.n[i], w.n[i]))
		default:
			v.Add(Key(i), w.n[i])
		}
	}
	v.addOpen(w.open)
}

// KeepRising replaces each counter of v by the largest value that it ever had, which kept remembers.
func (v *Values) KeepRising(kept *Values) {
	for i := range seriesTable.counters {
		if v.set[i] {
			kept.Set(Key(i), max(kept.n[i], v.n[i]))
		}
	}
	for at, n := range v.open {
		if n > kept.open[at] {
			kept.addOpen(map[openValue]int64{at: n - kept.open[at]})
		}
	}
	v.SetCounters(kept)
}

// SetCounters replaces the counters of v by those of w.
func (v *Values) SetCounters(w *Values) {
	for i := range seriesTable.counters {
		if w.set[i] {
			v.Set(Key(i), w.n[i])
		}
	}
	v.open = w.open
}

func (v *Values) addOpen(open map[openValue]int64) {
	if len(open) == 0 {
		return
	}
	sum := maps.Clone(v.open) // the old map may be shared with a copy of v
	if sum == nil {
		sum = make(map[openValue]int64, len(open))
	}
	for value, n := range open {
		sum[value] += n
	}
	v.open = sum
}
