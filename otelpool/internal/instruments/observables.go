package instruments

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/otelpool/otelpool-go/internal/catalogue"
)

// Observables are the instruments that are observed at collection.
type Observables struct {
	of []observable // by their place in the table
}

// observable is an instrument of one of two types: times are float64.
type observable struct {
	ints   metric.Int64Observable
	floats metric.Float64Observable
}

// NewObservables creates the observable instruments of the catalogue.
func NewObservables(m metric.Meter) (Observables, error) {
	var all Observables
	var errs []error
	for _, row := range seriesTable.instruments {
		o, err := newObservable(m, row)
		all.of, errs = append(all.of, o), append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return Observables{}, fmt.Errorf("otelpool: create gauges: %w", err)
	}
	return all, nil
}

func newObservable(m metric.Meter, row catalogue.Row) (o observable, err error) {
	unit, description := metric.WithUnit(row.Unit), metric.WithDescription(row.Description)
	inSeconds := row.Unit == "s"
	switch row.Kind {
	case catalogue.ObservableCounter:
		if inSeconds {
			o.floats, err = m.Float64ObservableCounter(row.Name, unit, description)
		} else {
			o.ints, err = m.Int64ObservableCounter(row.Name, unit, description)
		}
	case catalogue.ObservableUpDownCounter:
		if inSeconds {
			o.floats, err = m.Float64ObservableUpDownCounter(row.Name, unit, description)
		} else {
			o.ints, err = m.Int64ObservableUpDownCounter(row.Name, unit, description)
		}
	default:
		if inSeconds {
			o.floats, err = m.Float64ObservableGauge(row.Name, unit, description)
		} else {
			o.ints, err = m.Int64ObservableGauge(row.Name, unit, description)
		}
	}
	return o, err
}

// All returns the instruments for the registration of a callback.
func (o Observables) All() []metric.Observable {
	all := make([]metric.Observable, 0, len(o.of))
	for _, i := range o.of {
		if i.floats != nil {
			all = append(all, i.floats)
		} else {
			all = append(all, i.ints)
		}
	}
	return all
}

// Report observes the values that are set, with the attributes of their pool.
func (o Observables) Report(to metric.Observer, v *Values, of *PoolAttributes) {
	for i, s := range seriesTable.series {
		if !v.set[i] {
			continue
		}
		opts := of.plain
		if s.label.Valid() {
			opts = of.labelled(s)
		}
		o.of[s.instrument].observe(to, v.n[i], opts)
	}
	for _, at := range v.order {
		o.of[seriesTable.open[at.key].instrument].observe(to, v.open[at], of.open(at))
	}
}

// ReportInfo observes the instruments whose value is 1, with those attributes.
func (o Observables) ReportInfo(to metric.Observer, opts []metric.ObserveOption) {
	for _, i := range seriesTable.info {
		o.of[i].observe(to, 1, opts)
	}
}

func (o observable) observe(to metric.Observer, n int64, opts []metric.ObserveOption) {
	if o.floats != nil {
		to.ObserveFloat64(o.floats, time.Duration(n).Seconds(), opts...)
	} else {
		to.ObserveInt64(o.ints, n, opts...)
	}
}

// PoolAttributes are the attributes of a pool's series, prepared for observation. Those of series with a label are
// created at the first collection that needs them, because they take much time and memory.
type PoolAttributes struct {
	set    attribute.Set
	plain  []metric.ObserveOption                   // of series without a label
	labels []atomic.Pointer[[]metric.ObserveOption] // of series with one, by their number; nil until needed
	opened sync.Map                                 // openLabels to []metric.ObserveOption; bounded, because the values are
}

// NewPoolAttributes prepares the attributes of a pool.
func NewPoolAttributes(set attribute.Set) *PoolAttributes {
	return &PoolAttributes{
		set:    set,
		plain:  []metric.ObserveOption{metric.WithAttributeSet(set)},
		labels: make([]atomic.Pointer[[]metric.ObserveOption], seriesTable.labelled),
	}
}

// labelled returns the options of a series with a label.
func (p *PoolAttributes) labelled(s observed) []metric.ObserveOption {
	at := &p.labels[s.labelled]
	if opts := at.Load(); opts != nil {
		return *opts
	}
	opts := observeOptions(p.set, s.label)
	at.Store(&opts)
	return opts
}

// open returns the options of a value of an open key.
func (p *PoolAttributes) open(at openValue) []metric.ObserveOption {
	s := seriesTable.open[at.key]
	if at.value == "" && !s.fixed.Valid() {
		return p.plain
	}
	labels := openLabels{key: s.key, value: at.value}
	if s.fixed.Valid() {
		labels.of = at.key + 1
	}
	if opts, ok := p.opened.Load(labels); ok {
		return opts.([]metric.ObserveOption)
	}
	var more []attribute.KeyValue
	if s.fixed.Valid() {
		more = append(more, s.fixed)
	}
	if at.value != "" {
		more = append(more, s.key.String(at.value))
	}
	opts, _ := p.opened.LoadOrStore(labels, observeOptions(p.set, more...))
	return opts.([]metric.ObserveOption)
}

// openLabels are the attributes of a series of an open key. Several instruments share the options for them.
type openLabels struct {
	of    OpenKey // plus one, 0 without a fixed attribute
	key   attribute.Key
	value string
}

func observeOptions(set attribute.Set, more ...attribute.KeyValue) []metric.ObserveOption {
	return []metric.ObserveOption{metric.WithAttributeSet(NewSet(set.ToSlice(), more...))}
}

// InfoOptions returns the options to observe a pool's instruments of value 1 with.
func InfoOptions(set attribute.Set, more []attribute.KeyValue) []metric.ObserveOption {
	return observeOptions(set, more...)
}
