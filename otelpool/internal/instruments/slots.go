package instruments

import (
	"fmt"
	"slices"

	"go.opentelemetry.io/otel/attribute"

	"github.com/otelpool/otelpool-go/internal/catalogue"
)

// maxSlots is the most slots that the table may have. Raise it when the catalogue outgrows it.
const maxSlots = 64

// Slot is the place in [Values] of one series of an observable instrument.
type Slot uint8

// OpenSlot is the place in [Values] of an observable instrument whose attribute may have any value, such as error.type.
type OpenSlot uint8

// slots is the table of all observable series, made from the catalogue.
var slots = newTable(catalogue.Rows())

type table struct {
	instruments []catalogue.Row
	series      []observed
	open        []observedOpen
	labelled    int // how many series have an attribute besides the pool's
}

// observed is one series of an instrument.
type observed struct {
	instrument int                // index in table.instruments
	label      attribute.KeyValue // what tells it from others of the instrument, not valid if it has none
	labelled   int                // its number among those that have a label
}

// observedOpen is the series of an instrument whose attribute may have any value.
type observedOpen struct {
	instrument int
	key        attribute.Key
}

func newTable(rows []catalogue.Row) *table {
	t := new(table)
	for _, row := range rows {
		if row.Kind != catalogue.Histogram {
			t.add(row)
		}
	}
	if len(t.series) > maxSlots {
		panic(fmt.Sprintf("%d series in internal/catalogue, maxSlots is %d", len(t.series), maxSlots))
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
	label := slices.IndexFunc(row.Attributes, func(a catalogue.Attribute) bool { return a.Key != catalogue.AttrPool })
	if label < 0 {
		t.addSeries(i, attribute.KeyValue{})
		return
	}
	a := row.Attributes[label]
	if len(a.Values) == 0 {
		t.open = append(t.open, observedOpen{i, attribute.Key(a.Key)})
	}
	for _, value := range a.Values {
		t.addSeries(i, attribute.String(a.Key, value))
	}
}

func (t *table) addSeries(instrument int, label attribute.KeyValue) {
	t.series = append(t.series, observed{instrument, label, t.labelled})
	if label.Valid() {
		t.labelled++
	}
}

// SlotOf returns the slot of an instrument's series: the only one, or the one whose attribute has that value. It panics
// if the catalogue has no such series, so package variables are the place for it.
func SlotOf(name string, value ...string) Slot {
	for i, s := range slots.series {
		if slots.instruments[s.instrument].Name != name {
			continue
		}
		if !s.label.Valid() && len(value) == 0 || len(value) == 1 && s.label.Value.AsString() == value[0] {
			return Slot(i)
		}
	}
	panic(fmt.Sprintf("no series %s %q in internal/catalogue", name, value))
}

// OpenSlotOf returns the slot of an instrument whose attribute may have any value. It panics if the catalogue has no
// such instrument.
func OpenSlotOf(name string) OpenSlot {
	for i, o := range slots.open {
		if slots.instruments[o.instrument].Name == name {
			return OpenSlot(i)
		}
	}
	panic(fmt.Sprintf("no open series %s in internal/catalogue", name))
}

func (s observed) row() *catalogue.Row { return &slots.instruments[s.instrument] }
