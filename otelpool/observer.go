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

// observers holds one observer a MeterProvider, from its first pool to its last. With a callback for each pool,
// registering one would take four times as long and fourteen times the memory.
var observers struct {
	sync.Mutex
	of map[metric.MeterProvider]*observer
}

// observer reads all pools of a MeterProvider at its collections.
type observer struct {
	provider     metric.MeterProvider
	gauges       gauges
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
	hooked           bool // some member has hooks, and so counts what Stat does not
}

func newGroup(set attribute.Set, members []*stats) *group {
	state := func(kv attribute.KeyValue) []metric.ObserveOption {
		return []metric.ObserveOption{metric.WithAttributeSet(newSet(set.ToSlice(), kv))}
	}
	return &group{
		set:     set,
		members: members,
		opts:    []metric.ObserveOption{metric.WithAttributeSet(set)},
		used:    state(semconv.DBClientConnectionStateUsed),
		idle:    state(semconv.DBClientConnectionStateIdle),
		hooked:  slices.ContainsFunc(members, func(s *stats) bool { return s.recorder != nil }),
	}
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
	g, err := newGauges(meter)
	if err != nil {
		return nil, err
	}
	o := &observer{provider: provider, gauges: g}
	o.groups.Store(new([]*group))
	o.registration, err = meter.RegisterCallback(o.collect, g.all()...)
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
	to.ObserveInt64(o.gauges.count, v.used, g.used...)
	to.ObserveInt64(o.gauges.count, v.idle, g.idle...)
	to.ObserveInt64(o.gauges.max, v.max, g.opts...)
	to.ObserveInt64(o.gauges.idleMax, v.idleMax, g.opts...)
	to.ObserveInt64(o.gauges.idleMin, v.idleMin, g.opts...)
	to.ObserveInt64(o.gauges.constructing, v.constructing, g.opts...)
	to.ObserveInt64(o.gauges.size, v.size, g.opts...)
	to.ObserveInt64(o.gauges.overflow, v.overflow, g.opts...)
	to.ObserveInt64(o.gauges.overflowMax, v.overflowMax, g.opts...)
	if g.hooked {
		to.ObserveInt64(o.gauges.pending, v.pending, g.opts...)
		to.ObserveInt64(o.gauges.timeouts, v.timeouts, g.opts...)
		to.ObserveInt64(o.gauges.capped, v.capped, g.opts...)
	}
}
