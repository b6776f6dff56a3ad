package instruments

import (
	"fmt"
	"slices"

	"go.opentelemetry.io/otel/attribute"

	"github.com/otelpool/otelpool-go/internal/catalogue"
)

// The limits of the table. Raise them when the catalogue outgrows them.
const (
	maxSeries   = 64
	maxCounters = 32
)

// Key is the place in [Values] of one series of an observable instrument.
type Key uint8

// OpenKey is the place in [Values] of an observable instrument whose attribute may have any value, such as error.type.
type OpenKey uint8

// seriesTable is the table of all observable series, made from the catalogue.
var seriesTable = newTable(catalogue.Rows())

type table struct {
	instruments []catalogue.Row
	series      []observed
	counters    int // how many of the series are counters, which come first
	open        []observedOpen
	labelled    int   // how many series have an attribute besides the pool's
	info        []int // the instruments that have no place in Values
}

// observed is one series of an instrument.
type observed struct {
	instrument int                // index in table.instruments
	label      attribute.KeyValue // the attribute that distinguishes it, not valid if it has none
	labelled   int                // its index among the series with a label; 0 without one
}

// observedOpen is the series of an instrument whose attribute may have any value.
type observedOpen struct {
	instrument int
	key        attribute.Key
	fixed      attribute.KeyValue // a further attribute, of a closed set of values, not valid if it has none
}

func newTable(rows []catalogue.Row) *table {
	t := new(table)
	for _, row := range rows {
		if row.Kind == catalogue.ObservableCounter {
			t.add(row)
		}
	}
	t.counters = len(t.series)
	for _, row := range rows {
		if row.Kind != catalogue.ObservableCounter && row.Kind != catalogue.Histogram {
			t.add(row)
		}
	}
	if len(t.series) > maxSeries || t.counters > maxCounters {
		panic(fmt.Sprintf("%d series in internal/catalogue, %d of counters: maxSeries is %d, maxCounters is %d",
			len(t.series), t.counters, maxSeries, maxCounters))
	}
	return t
}

func (t *table) add(row catalogue.Row) {
	i := slices.IndexFunc(t.instruments, func(known catalogue.Row) bool { return known.Name == row.Name })
	if i < 0 {
		i = len(t.instruments)
		t.instruments = append(t.instruments, row)
	}
	if row.State != "" {
		t.addSeries(i, attribute.String(catalogue.AttrState, row.State))
		return
	}
	if row.Info {
		t.info = append(t.info, i)
		return
	}
	var open attribute.Key
	closed := []attribute.KeyValue{{}}
	for _, a := range row.Attributes {
		switch {
		case a.Key == catalogue.AttrPool:
		case len(a.Values) == 0:
			open = attribute.Key(a.Key)
		default:
			closed = nil
			for _, value := range a.Values {
				closed = append(closed, attribute.String(a.Key, value))
			}
		}
	}
	for _, label := range closed {
		if open != "" {
			t.open = append(t.open, observedOpen{i, open, label})
		} else {
			t.addSeries(i, label)
		}
	}
}

func (t *table) addSeries(instrument int, label attribute.KeyValue) {
	t.series = append(t.series, observed{instrument, label, t.labelled})
	if label.Valid() {
		t.labelled++
	}
}

// KeyOf returns the key of an instrument's series: the only one, or the one whose attribute has that value. It panics
// if the catalogue has no such series, so call it in the declaration of a package variable.
func KeyOf(name string, value ...string) Key {
	for i, s := range seriesTable.series {
		if seriesTable.instruments[s.instrument].Name != name {
			continue
		}
		if !s.label.Valid() && len(value) == 0 || len(value) == 1 && s.label.Value.AsString() == value[0] {
			return Key(i)
		}
	}
	panic(fmt.Sprintf("no series %s %q in internal/catalogue", name, value))
}

// ValuesOf returns the values of an instrument's own attribute.
func ValuesOf(name string) []string {
	var values []string
	for _, s := range seriesTable.series {
		if seriesTable.instruments[s.instrument].Name == name {
			values = append(values, s.label.Value.AsString())
		}
	}
	return values
}

// OpenKeysOf returns the keys of an instrument that has an attribute of any value, by the value of its other attribute.
func OpenKeysOf(name string) map[string]OpenKey {
	keys := make(map[string]OpenKey)
	for i, o := range seriesTable.open {
		if seriesTable.instruments[o.instrument].Name == name {
			keys[o.fixed.Value.AsString()] = OpenKey(i)
		}
	}
	return keys
}

// OpenKeyOf returns the key of an instrument whose attribute may have any value. It panics if the catalogue has no
// such instrument.
func OpenKeyOf(name string) OpenKey {
	for i, o := range seriesTable.open {
		if seriesTable.instruments[o.instrument].Name == name {
			return OpenKey(i)
		}
	}
	panic(fmt.Sprintf("no open series %s in internal/catalogue", name))
}

func (s observed) row() *catalogue.Row { return &seriesTable.instruments[s.instrument] }

func (k OpenKey) row() *catalogue.Row {
	return &seriesTable.instruments[seriesTable.open[k].instrument]
}

// counter reports whether the series belongs to a counter, which never falls.
func (k OpenKey) counter() bool { return k.row().Kind == catalogue.ObservableCounter }
