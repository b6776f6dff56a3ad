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
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// The attributes that pgxpool.* has and the conventions do not.
const (
	phaseKey  = attribute.Key("phase")
	resultKey = attribute.Key("result")
	reasonKey = attribute.Key("reason")
)

// observers holds one observer a MeterProvider, from its first pool to its last. With a callback for each pool,
// registering one would take four times as long and fourteen times the memory.
var observers struct {
	sync.Mutex
	of map[metric.MeterProvider]*observer
}

// observer reads all pools of a MeterProvider at its collections.
type observer struct {
	provider     metric.MeterProvider
	instruments  observables
	registration metric.Registration

	// groups is replaced, never changed, with observers locked, so that a collection needs no lock: the SDK holds a lock
	// of its own while it calls back, and waits for it in Unregister.
	groups atomic.Pointer[[]*group]
}

// group is the pools that share a name and attributes. They are reported as one, since a reader cannot tell them apart.
type group struct {
	set     attribute.Set
	members []*stats

	opts, used, idle []metric.ObserveOption
	hooked           *hookedOptions // nil unless some member has hooks, and so counts what Stat does not
}

// hookedOptions are the options of what only hooks know.
type hookedOptions struct {
	phases  [phaseCount][]metric.ObserveOption
	results [resultCount][]metric.ObserveOption
	reasons [closeReasonCount][]metric.ObserveOption
	errors  sync.Map // error type to []metric.ObserveOption; closed, since the types are
}

func newGroup(set attribute.Set, members []*stats) *group {
	g := &group{
		set:     set,
		members: members,
		opts:    []metric.ObserveOption{metric.WithAttributeSet(set)},
		used:    observeOptions(set, semconv.DBClientConnectionStateUsed),
		idle:    observeOptions(set, semconv.DBClientConnectionStateIdle),
	}
	if !slices.ContainsFunc(members, func(s *stats) bool { return s.recorder != nil }) {
		return g
	}
	g.hooked = new(hookedOptions)
	for i, name := range phaseNames {
		g.hooked.phases[i] = observeOptions(set, phaseKey.String(name))
	}
	for i, name := range resultNames {
		g.hooked.results[i] = observeOptions(set, resultKey.String(name))
	}
	for i, name := range closeReasonNames {
		g.hooked.reasons[i] = observeOptions(set, reasonKey.String(name))
	}
	return g
}

func observeOptions(set attribute.Set, kv attribute.KeyValue) []metric.ObserveOption {
	return []metric.ObserveOption{metric.WithAttributeSet(newSet(set.ToSlice(), kv))}
}

// failure gives the options of an error type.
func (g *group) failure(errorType string) []metric.ObserveOption {
	if opts, ok := g.hooked.errors.Load(errorType); ok {
		return opts.([]metric.ObserveOption)
	}
	opts, _ := g.hooked.errors.LoadOrStore(errorType, observeOptions(g.set, semconv.ErrorTypeKey.String(errorType)))
	return opts.([]metric.ObserveOption)
}

// observe adds a pool to those of its MeterProvider.
func observe(provider metric.MeterProvider, set attribute.Set, s *stats) (*observer, error) {
	observers.Lock()
	defer observers.Unlock()
	o, err := observerOf(provider)
	if err != nil {
		return nil, err
	}
	groups := slices.Clone(*o.groups.Load())
	for i, g := range groups {
		if g.has(s.pool) {
			return nil, errors.New("otelpool: pool is registered already")
		}
		if g.set.Equals(&set) {
			groups[i] = newGroup(set, append(slices.Clone(g.members), s))
			o.groups.Store(&groups)
			return o, nil
		}
	}
	groups = append(groups, newGroup(set, []*stats{s}))
	o.groups.Store(&groups)
	return o, nil
}

// observerOf gives the provider's observer. Caller must hold the lock of observers.
func observerOf(provider metric.MeterProvider) (*observer, error) {
	// A provider of a type that cannot be a map's key has an observer for each of its pools.
	shared := reflect.ValueOf(provider).Comparable()
	if shared {
		if o := observers.of[provider]; o != nil {
			return o, nil
		}
	}
	meter := newMeter(provider)
	instruments, err := newObservables(meter)
	if err != nil {
		return nil, err
	}
	o := &observer{provider: provider, instruments: instruments}
	o.groups.Store(new([]*group))
	o.registration, err = meter.RegisterCallback(o.collect, instruments.all()...)
	if err != nil {
		return nil, fmt.Errorf("otelpool: register callback: %w", err)
	}
	if shared {
		if observers.of == nil {
			observers.of = make(map[metric.MeterProvider]*observer)
		}
		observers.of[provider] = o
	}
	return o, nil
}

// forget takes a pool away, and the callback with the last one.
func (o *observer) forget(s *stats) error {
	observers.Lock()
	defer observers.Unlock()
	groups := slices.Clone(*o.groups.Load())
	for i, g := range groups {
		at := slices.Index(g.members, s)
		if at < 0 {
			continue
		}
		if len(g.members) == 1 {
			groups = slices.Delete(groups, i, i+1)
		} else {
			groups[i] = newGroup(g.set, slices.Delete(slices.Clone(g.members), at, at+1))
		}
		break
	}
	o.groups.Store(&groups)
	if len(groups) > 0 {
		return nil
	}
	if reflect.ValueOf(o.provider).Comparable() {
		delete(observers.of, o.provider)
	}
	if err := o.registration.Unregister(); err != nil {
		return fmt.Errorf("otelpool: unregister callback: %w", err)
	}
	return nil
}

func (g *group) has(pool *pgxpool.Pool) bool {
	return slices.ContainsFunc(g.members, func(s *stats) bool { return s.pool == pool })
}

// collect is the callback. Readers may call it at the same time.
func (o *observer) collect(_ context.Context, to metric.Observer) error {
	for _, g := range *o.groups.Load() {
		v := g.members[0].snapshot()
		for _, s := range g.members[1:] {
			v = v.plus(s.snapshot())
		}
		o.report(to, g, v)
	}
	return nil
}

func (o *observer) report(to metric.Observer, g *group, v snapshot) {
	i := &o.instruments
	to.ObserveInt64(i.count, v.used, g.used...)
	to.ObserveInt64(i.count, v.idle, g.idle...)
	to.ObserveInt64(i.max, v.max, g.opts...)
	to.ObserveInt64(i.idleMax, v.idleMax, g.opts...)
	to.ObserveInt64(i.idleMin, v.idleMin, g.opts...)
	to.ObserveInt64(i.constructing, v.constructing, g.opts...)
	to.ObserveInt64(i.size, v.size, g.opts...)
	to.ObserveInt64(i.overflow, v.overflow, g.opts...)
	to.ObserveInt64(i.overflowMax, v.overflowMax, g.opts...)
	if g.hooked != nil {
		o.reportHooked(to, g, v)
	}
}

func (o *observer) reportHooked(to metric.Observer, g *group, v snapshot) {
	i := &o.instruments
	to.ObserveInt64(i.pending, v.pending, g.opts...)
	to.ObserveInt64(i.pendingPeak, v.pendingPeak, g.opts...)
	to.ObserveInt64(i.peak, v.peak, g.opts...)
	to.ObserveFloat64(i.oldestWait, v.oldestWait.Seconds(), g.opts...)
	to.ObserveFloat64(i.oldestHold, v.oldestHold.Seconds(), g.opts...)
	to.ObserveFloat64(i.busyTime, v.busy.Seconds(), g.opts...)
	to.ObserveInt64(i.timeouts, v.results[resultTimeout], g.opts...)
	to.ObserveInt64(i.longHolds, v.longHolds, g.opts...)
	to.ObserveInt64(i.nested, v.nested, g.opts...)
	to.ObserveInt64(i.capped, v.capped, g.opts...)
	to.ObserveInt64(i.opened, v.opened, g.opts...)
	for p, opts := range g.hooked.phases {
		to.ObserveFloat64(i.phaseTime, v.phases[p].Seconds(), opts...)
	}
	for r, opts := range g.hooked.results {
		to.ObserveInt64(i.acquires, v.results[r], opts...)
	}
	for r, opts := range g.hooked.reasons {
		to.ObserveInt64(i.closed, v.closed[r], opts...)
	}
	for errorType, n := range v.connectErrors {
		to.ObserveInt64(i.connectErrors, n, g.failure(errorType)...)
	}
}
