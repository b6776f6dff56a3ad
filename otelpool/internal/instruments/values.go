package instruments

import (
	"maps"
	"slices"
)

// Values are the observed values of one pool, or of several pools of one name. Times are in nanoseconds. A series that is
// not set is not reported.
type Values struct {
	n    [maxSeries]int64
	set  [maxSeries]bool
	open map[openValue]int64

	// order has the keys of open in the order in which they were added. It must not change: above the cardinality limit
	// the SDK merges the series that are observed last, and a counter that is in their sum only at times would fall.
	order []openValue
}

type openValue struct {
	key   OpenKey
	value string
}

// Set sets the value of a series.
func (v *Values) Set(s Key, n int64) { v.n[s], v.set[s] = n, true }

// Add adds to the value of a series.
func (v *Values) Add(s Key, n int64) { v.n[s], v.set[s] = v.n[s]+n, true }

// Get returns the value of a series, 0 if it is not set.
func (v *Values) Get(s Key) int64 { return v.n[s] }

// EachCounter calls yield with the value of each counter.
func (v *Values) EachCounter(yield func(n *int64)) {
	for i := range seriesTable.counters {
		yield(&v.n[i])
	}
}

// Copy sets the value of a series to that of another.
func (v *Values) Copy(to, from Key) { v.Set(to, v.n[from]) }

// AddOpen adds n to the series of an open key with that attribute value, without the attribute if it is "". For rows
// with Largest set, it keeps the larger value.
func (v *Values) AddOpen(s OpenKey, value string, n int64) { v.addOpen(openValue{s, value}, n) }

func (v *Values) addOpen(at openValue, n int64) {
	if v.open == nil {
		v.open, v.order = make(map[openValue]int64), make([]openValue, 0, 8)
	}
	was, known := v.open[at]
	if !known {
		v.order = append(v.order, at)
	}
	if at.key.row().Largest {
		v.open[at] = max(was, n)
	} else {
		v.open[at] = was + n
	}
}

// Clone returns a copy.
func (v *Values) Clone() Values {
	c := *v
	c.open, c.order = maps.Clone(v.open), slices.Clone(v.order)
	return c
}

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
	for _, at := range w.order {
		v.addOpen(at, w.open[at])
	}
}

// KeepRising replaces each counter of v by the largest value that it ever had, which kept remembers.
func (v *Values) KeepRising(kept *Values) {
	for i := range seriesTable.counters {
		if v.set[i] {
			kept.Set(Key(i), max(kept.n[i], v.n[i]))
			v.n[i] = kept.n[i]
		}
	}
	for _, at := range v.order {
		if at.key.counter() {
			kept.addOpen(at, max(0, v.open[at]-kept.open[at]))
			v.open[at] = kept.open[at]
		}
	}
}

// SetCounters replaces the counters of v by those of w.
func (v *Values) SetCounters(w *Values) {
	for i := range seriesTable.counters {
		if w.set[i] {
			v.Set(Key(i), w.n[i])
		}
	}
	maps.DeleteFunc(v.open, func(at openValue, _ int64) bool { return at.key.counter() })
	v.order = slices.DeleteFunc(v.order, func(at openValue) bool { return at.key.counter() })
	for _, at := range w.order {
		if at.key.counter() {
			v.addOpen(at, w.open[at])
		}
	}
}
