package otelpool

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/otelpool/otelpool-go/otelpool/internal/instruments"
)

// observers holds one observer for each MeterProvider, from its first pool to its last. With a callback for each pool,
// registering one would take four times as long and fourteen times the memory. The lock is held for look-ups only, never
// during a call of a MeterProvider, which may wait for its user's callbacks.
var observers struct {
	sync.Mutex
	of map[metric.MeterProvider]*observer
}

// observer reads all pools of a MeterProvider when that collects.
type observer struct {
	provider metric.MeterProvider

	mu           sync.Mutex // held to change what follows; taken before the lock of observers
	instruments  instruments.Observables
	registration metric.Registration  // nil until the first pool
	gone         bool                 // the last pool has left
	keys         []attribute.Distinct // of the groups, in their order: quicker to search

	// left is what groups had counted when their last member left. A pool of the same name goes on from there.
	left map[attribute.Distinct]*instruments.Values

	// groups is replaced and never changed, so that a collection needs no lock.
	groups atomic.Pointer[[]*group]
}

// group is the pools that share a name and attributes. They are reported as one, because a reader cannot tell them apart.
type group struct {
	attributes *instruments.PoolAttributes
	members    []*observed
	left       *instruments.Values // what members that have left had counted, nil if none has
}

// has reports whether a pool is a member.
func (g *group) has(pool *pgxpool.Pool) bool {
	return slices.ContainsFunc(g.members, func(m *observed) bool { return m.pool == pool })
}

// read returns the values of the group.
func (g *group) read() instruments.Values {
	var sum instruments.Values
	if g.left != nil {
		sum = *g.left
	}
	for i, m := range g.members {
		if i == 0 && g.left == nil { // mostly there is nothing to add it to
			m.read(&sum)
			continue
		}
		var v instruments.Values
		m.read(&v)
		sum.Merge(&v)
	}
	return sum
}

// countedWith returns what members that have left had counted, with one more that leaves.
func (g *group) countedWith(leaving *observed) *instruments.Values {
	var sum, v instruments.Values
	if g.left != nil {
		sum = *g.left
	}
	leaving.read(&v)
	sum.MergeCounters(&v)
	return &sum
}

// observe adds a pool to those of its MeterProvider and returns the observer.
func observe(provider metric.MeterProvider, set attribute.Set, m *observed) (*observer, error) {
	for {
		o := observerOf(provider)
		if done, err := o.add(set, m); done || err != nil {
			return o, err
		}
	}
}

// observerOf returns the provider's observer. It creates it if there is none.
func observerOf(provider metric.MeterProvider) *observer {
	o := &observer{provider: provider}
	o.groups.Store(new([]*group))
	if !o.shared() {
		return o
	}
	observers.Lock()
	defer observers.Unlock()
	if known := observers.of[provider]; known != nil {
		return known
	}
	if observers.of == nil {
		observers.of = make(map[metric.MeterProvider]*observer)
	}
	observers.of[provider] = o
	return o
}

// shared reports whether all pools of the provider have one observer. A provider whose type cannot be a map key has an
// observer for each pool.
func (o *observer) shared() bool { return reflect.ValueOf(o.provider).Comparable() }

// add adds a pool. It returns false if the observer's last pool has left meanwhile.
func (o *observer) add(set attribute.Set, m *observed) (done bool, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.gone {
		return false, nil
	}
	groups := *o.groups.Load()
	// A pool with hooks has one Instrumentation, which registers it once.
	if m.hooks == nil && slices.ContainsFunc(groups, func(g *group) bool { return g.has(m.pool) }) {
		return false, errors.New("otelpool: pool is registered already")
	}
	if o.registration == nil {
		if err := o.start(); err != nil {
			o.end()
			return false, err
		}
	}
	key := set.Equivalent()
	at := slices.Index(o.keys, key)
	if at < 0 {
		o.keys = append(o.keys, key)
		g := &group{attributes: instruments.NewPoolAttributes(set), members: []*observed{m}, left: o.left[key]}
		groups = append(groups, g) // beyond what a collection that runs may read
		delete(o.left, key)
	} else {
		g := groups[at]
		groups = slices.Clone(groups)
		groups[at] = &group{g.attributes, append(slices.Clone(g.members), m), g.left}
	}
	o.groups.Store(&groups)
	return true, nil
}

// start creates the instruments and registers the callback. The caller must hold the lock.
func (o *observer) start() error {
	return instruments.WithMeter(o.provider, Version, func(m metric.Meter) (err error) {
		if o.instruments, err = instruments.NewObservables(m); err != nil {
			return err
		}
		if o.registration, err = m.RegisterCallback(o.collect, o.instruments.All()...); err != nil {
			return fmt.Errorf("otelpool: register callback: %w", err)
		}
		if o.registration == nil {
			return fmt.Errorf("otelpool: register callback: Meter %T returned no Registration", m)
		}
		return nil
	})
}

// end takes the observer out of use. The caller must hold the lock.
func (o *observer) end() {
	o.gone = true
	if o.shared() {
		observers.Lock()
		defer observers.Unlock()
		delete(observers.of, o.provider)
	}
}

// forget removes a pool, and with the last one the callback.
func (o *observer) forget(m *observed) (err error) {
	if !o.remove(m) {
		return nil
	}
	defer func() { // the provider is the user's
		if p := recover(); p != nil {
			err = fmt.Errorf("otelpool: unregister callback: %v", p)
		}
	}()
	// Without the lock, because this waits for a collection that runs.
	if err := o.registration.Unregister(); err != nil {
		return fmt.Errorf("otelpool: unregister callback: %w", err)
	}
	return nil
}

// remove removes a pool and reports whether it was the last.
func (o *observer) remove(m *observed) (last bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	groups := slices.Clone(*o.groups.Load())
	at := slices.IndexFunc(groups, func(g *group) bool { return slices.Contains(g.members, m) })
	if at < 0 {
		return false
	}
	g := groups[at]
	left := g.countedWith(m)
	if len(g.members) == 1 {
		o.keep(o.keys[at], left)
		groups = slices.Delete(groups, at, at+1)
		o.keys = slices.Delete(o.keys, at, at+1)
	} else {
		members := slices.DeleteFunc(slices.Clone(g.members), func(other *observed) bool { return other == m })
		groups[at] = &group{g.attributes, members, left}
	}
	o.groups.Store(&groups)
	if len(groups) == 0 {
		o.end()
		return true
	}
	return false
}

// maxLeft is how many groups without members an observer remembers the counts of.
const maxLeft = 1000

// keep remembers what a group had counted when it ends. The caller must hold the lock.
func (o *observer) keep(key attribute.Distinct, counted *instruments.Values) {
	if o.left == nil {
		o.left = make(map[attribute.Distinct]*instruments.Values)
	}
	if len(o.left) < maxLeft {
		o.left[key] = counted
	}
}

// collect is the callback. Several readers may call it at the same time. A panic in it must not crash the program.
func (o *observer) collect(_ context.Context, to metric.Observer) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("otelpool: collect: %v", p)
		}
	}()
	for _, g := range *o.groups.Load() {
		v := g.read()
		o.instruments.Report(to, &v, g.attributes)
	}
	return nil
}
