package otelpool

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"weak"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/otelpool/otelpool-go/otelpool/internal/instruments"
)

// observers finds the observer of a MeterProvider. It keeps neither alive: a MeterProvider keeps its observer alive
// through the callback. With a callback for each pool, registering a pool would take four times as long and fourteen
// times the memory. The lock is held for look-ups only, never during a call of a MeterProvider, which may wait for its
// user's callbacks.
var observers struct {
	sync.Mutex
	all []weak.Pointer[observer]
}

// observer reads all pools of a MeterProvider when that collects, from its first pool on.
type observer struct {
	provider metric.MeterProvider
	shared   bool // by all pools of the provider

	mu           sync.Mutex // held to change what follows
	instruments  instruments.Observables
	registration metric.Registration         // nil until the first pool
	keys         []attribute.Distinct        // of the groups, in their order: quicker to search
	sharedSaid   map[attribute.Distinct]bool // default names of which it was logged that several pools have them

	// groups is replaced and never changed, so that a collection needs no lock.
	groups atomic.Pointer[[]*group]
}

// group is the pools that share a name and attributes. They are reported as one, because a reader cannot tell them apart.
type group struct {
	attributes *instruments.PoolAttributes
	members    []*observed
	left       *instruments.Values // the counts of members that were unregistered, nil if there are none
}

// has reports whether a pool is a member.
func (g *group) has(pool any) bool {
	return slices.ContainsFunc(g.members, func(m *observed) bool { return m.pool == pool })
}

// retired reports whether all members were unregistered.
func (g *group) retired() bool { return len(g.members) == 0 }

// with returns the group with one more member.
func (g *group) with(m *observed) *group {
	return &group{g.attributes, append(slices.Clone(g.members), m), g.left}
}

// without returns the group without a member but with its counts. It is nil if there is nothing to keep.
func (g *group) without(m *observed) *group {
	members := slices.DeleteFunc(slices.Clone(g.members), func(other *observed) bool { return other == m })
	if !m.counts() {
		if len(members) == 0 && g.left == nil {
			return nil
		}
		return &group{g.attributes, members, g.left}
	}
	left := m.end()
	if g.left != nil {
		left.Merge(g.left)
	}
	return &group{g.attributes, members, &left}
}

// read returns the values of the group.
func (g *group) read() instruments.Values {
	var sum instruments.Values
	if g.left != nil {
		sum = g.left.Clone()
	}
	for i, m := range g.members {
		if i == 0 && g.left == nil { // most groups have one member, which needs no sum
			m.read(&sum)
			continue
		}
		var v instruments.Values
		m.read(&v)
		sum.Merge(&v)
	}
	return sum
}

// observerOf returns the provider's observer. It creates it if there is none. A provider that cannot be compared has an
// observer for each pool.
func observerOf(provider metric.MeterProvider) *observer {
	o := &observer{provider: provider, shared: reflect.ValueOf(provider).Comparable()}
	o.groups.Store(new([]*group))
	if !o.shared {
		return o
	}
	observers.Lock()
	defer observers.Unlock()
	alive := observers.all[:0]
	var found *observer
	for _, p := range observers.all {
		known := p.Value()
		if known == nil {
			continue
		}
		alive = append(alive, p)
		if known.provider == provider {
			found = known
		}
	}
	observers.all = alive
	if found != nil {
		return found
	}
	observers.all = append(observers.all, weak.Make(o))
	return o
}

// observe adds a pool to those of its MeterProvider and returns the observer.
func observe(provider metric.MeterProvider, set attribute.Set, m *observed) (*observer, error) {
	o := observerOf(provider)
	if err := o.add(set, m); err != nil {
		return nil, err
	}
	return o, nil
}

// add adds a pool.
func (o *observer) add(set attribute.Set, m *observed) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	groups := *o.groups.Load()
	// A pool with hooks has one Instrumentation, which registers it once.
	if m.hooks == nil && slices.ContainsFunc(groups, func(g *group) bool { return g.has(m.pool) }) {
		return errors.New("otelpool: pool is already registered")
	}
	if o.registration == nil {
		if err := o.start(); err != nil {
			return err
		}
	}
	key := set.Equivalent()
	at := slices.Index(o.keys, key)
	if at < 0 {
		o.keys = append(o.keys, key)
		groups = append(groups, &group{attributes: instruments.NewPoolAttributes(set), members: []*observed{m}}) // beyond what a collection that runs may read
	} else {
		groups = slices.Clone(groups)
		groups[at] = groups[at].with(m)
	}
	o.groups.Store(&groups)
	return nil
}

// firstShared reports whether several pools have those attributes, and whether that is so for the first time.
func (o *observer) firstShared(set attribute.Set) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	key := set.Equivalent()
	at := slices.Index(o.keys, key)
	if at < 0 || len((*o.groups.Load())[at].members) < 2 || o.sharedSaid[key] {
		return false
	}
	if o.sharedSaid == nil {
		o.sharedSaid = make(map[attribute.Distinct]bool)
	}
	o.sharedSaid[key] = true
	return true
}

// start creates the instruments and registers the callback. The caller must hold the lock.
func (o *observer) start() error {
	return instruments.WithMeter(o.provider, Version, func(m metric.Meter) error {
		all, err := instruments.NewObservables(m)
		if err != nil {
			return err
		}
		o.instruments = all
		registration, err := m.RegisterCallback(o.collect, all.All()...)
		if err != nil {
			return fmt.Errorf("otelpool: register callback: %w", err)
		}
		if registration == nil {
			return fmt.Errorf("otelpool: register callback: Meter %T returned no Registration", m)
		}
		o.registration = registration
		return nil
	})
}

// maxRetired is how many groups without members are still reported. Each costs a collection as much as the counters of a
// pool. The group that retired first is forgotten first, and a pool of its name starts at 0.
const maxRetired = 100

// forget removes a pool. Its counts stay and are still observed: the SDK forgets a series that is not observed in one
// collection, and a reader of deltas would count it again if the name came back. Only an observer of a single pool ends
// with it.
func (o *observer) forget(m *observed) (err error) {
	o.remove(m)
	if o.shared {
		return nil
	}
	defer func() { // the provider is the user's
		if p := recover(); p != nil {
			err = fmt.Errorf("otelpool: unregister callback: %v", p)
		}
	}()
	if err := o.registration.Unregister(); err != nil {
		return fmt.Errorf("otelpool: unregister callback: %w", err)
	}
	return nil
}

func (o *observer) remove(m *observed) {
	o.mu.Lock()
	defer o.mu.Unlock()
	groups := slices.Clone(*o.groups.Load())
	at := slices.IndexFunc(groups, func(g *group) bool { return slices.Contains(g.members, m) })
	if at < 0 {
		return
	}
	g, key := groups[at].without(m), o.keys[at]
	if g != nil && !g.retired() {
		groups[at] = g
		o.groups.Store(&groups)
		return
	}
	groups, o.keys = slices.Delete(groups, at, at+1), slices.Delete(o.keys, at, at+1)
	if g != nil { // at the end, so that retired groups are in the order in which they retired
		groups, o.keys = o.dropRetired(append(groups, g), append(o.keys, key))
	}
	o.groups.Store(&groups)
}

// dropRetired forgets the group that retired first, if there are too many.
func (o *observer) dropRetired(groups []*group, keys []attribute.Distinct) ([]*group, []attribute.Distinct) {
	retired := 0
	for _, g := range groups {
		if g.retired() {
			retired++
		}
	}
	if retired <= maxRetired {
		return groups, keys
	}
	first := slices.IndexFunc(groups, (*group).retired)
	return slices.Delete(groups, first, first+1), slices.Delete(keys, first, first+1)
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
		for _, m := range g.members {
			if m.settings != nil {
				o.instruments.ReportInfo(to, m.settings)
			}
		}
	}
	return nil
}
