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
// registering one would take four times as long and fourteen times the memory. The lock is held for look-ups only, never
// while something of a MeterProvider is called: that may wait for callbacks of its user's.
var observers struct {
	sync.Mutex
	of map[metric.MeterProvider]*observer
}

// observer reads all pools of a MeterProvider at its collections.
type observer struct {
	provider metric.MeterProvider

	mu           sync.Mutex // held to change what follows; before that of observers
	instruments  observables
	registration metric.Registration  // nil until the first pool
	gone         bool                 // the last pool has left
	keys         []attribute.Distinct // of the groups, in their order: quicker to look through

	// left is what groups counted whose last member has left, while there are others: counters never fall.
	left map[attribute.Distinct]*snapshot

	// groups is replaced, and nothing of it changed, so that a collection needs no lock.
	groups atomic.Pointer[[]*group]
}

// group is the pools that share a name and attributes. They are reported as one, since a reader cannot tell them apart.
type group struct {
	set     attribute.Set
	members []*stats
	left    *snapshot // what members counted that have left, nil if none has: counters never fall

	opts, used, idle []metric.ObserveOption
	hooked           func() *hookedOptions // nil unless some member has hooks, and so counts what Stat does not
}

// hookedOptions are the options of what only hooks know.
type hookedOptions struct {
	set     attribute.Set
	phases  [phaseCount][]metric.ObserveOption
	results [resultCount][]metric.ObserveOption
	reasons [closeReasonCount][]metric.ObserveOption
	errors  sync.Map // error type to []metric.ObserveOption; closed, since the types are
}

func newGroup(set attribute.Set, left *snapshot, members []*stats) *group {
	g := &group{
		set:     set,
		members: members,
		left:    left,
		opts:    []metric.ObserveOption{metric.WithAttributeSet(set)},
		used:    observeOptions(set, semconv.DBClientConnectionStateUsed),
		idle:    observeOptions(set, semconv.DBClientConnectionStateIdle),
	}
	if (left == nil || !left.hooked) && !slices.ContainsFunc(members, func(s *stats) bool { return s.recorder != nil }) {
		return g
	}
	g.hooked = sync.OnceValue(func() *hookedOptions { return newHookedOptions(set) })
	return g
}

// newHookedOptions makes what takes most of the time of a registration, and of the memory of a pool; so it waits for a
// collection, which does not come without a reader.
func newHookedOptions(set attribute.Set) *hookedOptions {
	h := &hookedOptions{set: set}
	for i, name := range phaseNames {
		h.phases[i] = observeOptions(set, phaseKey.String(name))
	}
	for i, name := range resultNames {
		h.results[i] = observeOptions(set, resultKey.String(name))
	}
	for i, name := range closeReasonNames {
		h.reasons[i] = observeOptions(set, reasonKey.String(name))
	}
	return h
}

func observeOptions(set attribute.Set, kv attribute.KeyValue) []metric.ObserveOption {
	return []metric.ObserveOption{metric.WithAttributeSet(newSet(set.ToSlice(), kv))}
}

// failure gives the options of an error type.
func (h *hookedOptions) failure(errorType string) []metric.ObserveOption {
	if opts, ok := h.errors.Load(errorType); ok {
		return opts.([]metric.ObserveOption)
	}
	opts, _ := h.errors.LoadOrStore(errorType, observeOptions(h.set, semconv.ErrorTypeKey.String(errorType)))
	return opts.([]metric.ObserveOption)
}

// observe adds a pool to those of its MeterProvider.
func observe(provider metric.MeterProvider, set attribute.Set, s *stats) (*observer, error) {
	for {
		o := observerOf(provider)
		if done, err := o.add(set, s); done || err != nil {
			return o, err
		}
	}
}

// observerOf gives the provider's observer.
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

// shared reports whether the observer is that of all pools of its provider. One of a type that cannot be a map's key has
// an observer for each pool.
func (o *observer) shared() bool { return reflect.ValueOf(o.provider).Comparable() }

// add takes a pool in. It is not done if the observer's last pool has left meanwhile.
func (o *observer) add(set attribute.Set, s *stats) (done bool, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.gone {
		return false, nil
	}
	groups := *o.groups.Load()
	// A pool with hooks has one Instrumentation, which registers it once.
	if s.recorder == nil && slices.ContainsFunc(groups, func(g *group) bool { return g.has(s.pool) }) {
		return false, errors.New("otelpool: pool is registered already")
	}
	if o.registration == nil {
		if err := o.start(); err != nil {
			o.end()
			return false, err
		}
	}
	at := slices.Index(o.keys, set.Equivalent())
	if at < 0 {
		o.keys = append(o.keys, set.Equivalent())
		groups = append(groups, newGroup(set, o.left[set.Equivalent()], []*stats{s})) // behind what a collection may be reading
		delete(o.left, set.Equivalent())
	} else {
		g := groups[at]
		groups = slices.Clone(groups)
		groups[at] = newGroup(set, g.left, append(slices.Clone(g.members), s))
	}
	o.groups.Store(&groups)
	return true, nil
}

// start makes the instruments and registers the callback. Caller must hold the lock.
func (o *observer) start() error {
	return withMeter(o.provider, func(m metric.Meter) (err error) {
		if o.instruments, err = newObservables(m); err != nil {
			return err
		}
		if o.registration, err = m.RegisterCallback(o.collect, o.instruments.all()...); err != nil {
			return fmt.Errorf("otelpool: register callback: %w", err)
		}
		if o.registration == nil {
			return fmt.Errorf("otelpool: register callback: the Meter, a %T, gives no Registration", m)
		}
		return nil
	})
}

// end takes the observer out of use. Caller must hold the lock.
func (o *observer) end() {
	o.gone = true
	if o.shared() {
		observers.Lock()
		defer observers.Unlock()
		delete(observers.of, o.provider)
	}
}

// forget takes a pool away, and the callback with the last one.
func (o *observer) forget(s *stats) (err error) {
	if !o.remove(s) {
		return nil
	}
	defer func() { // it is the user's provider
		if p := recover(); p != nil {
			err = fmt.Errorf("otelpool: unregister callback: %v", p)
		}
	}()
	// Without the lock: this waits for a collection that is under way.
	if err := o.registration.Unregister(); err != nil {
		return fmt.Errorf("otelpool: unregister callback: %w", err)
	}
	return nil
}

// remove takes a pool away and reports whether it was the last.
func (o *observer) remove(s *stats) (last bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	groups := slices.Clone(*o.groups.Load())
	at := slices.IndexFunc(groups, func(g *group) bool { return slices.Contains(g.members, s) })
	if at < 0 {
		return false
	}
	if g := groups[at]; len(g.members) == 1 {
		o.leave(g.set, g.leftBehind().plus(s.snapshot().counted()))
		groups = slices.Delete(groups, at, at+1)
		o.keys = slices.Delete(o.keys, at, at+1)
	} else {
		members := slices.DeleteFunc(slices.Clone(g.members), func(m *stats) bool { return m == s })
		left := g.leftBehind().plus(s.snapshot().counted())
		groups[at] = newGroup(g.set, &left, members)
	}
	o.groups.Store(&groups)
	if len(groups) == 0 {
		o.end()
		return true
	}
	return false
}

// maxLeft is how many groups that are no more an observer remembers the counts of.
const maxLeft = 1000

// leave keeps what a group counted that ends, for one of the same name and attributes. Caller must hold the lock.
func (o *observer) leave(set attribute.Set, counted snapshot) {
	if o.left == nil {
		o.left = make(map[attribute.Distinct]*snapshot)
	}
	if len(o.left) < maxLeft {
		o.left[set.Equivalent()] = &counted
	}
}

// leftBehind gives what members counted that have left.
func (g *group) leftBehind() snapshot {
	if g.left == nil {
		return snapshot{}
	}
	return *g.left
}

func (g *group) has(pool *pgxpool.Pool) bool {
	return slices.ContainsFunc(g.members, func(s *stats) bool { return s.pool == pool })
}

// collect is the callback. Readers may call it at the same time. Should it ever panic, a collection is not worth the
// process.
func (o *observer) collect(_ context.Context, to metric.Observer) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("otelpool: collect: %v", p)
		}
	}()
	for _, g := range *o.groups.Load() {
		v := g.leftBehind()
		for _, s := range g.members {
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
		o.reportHooked(to, g.opts, g.hooked(), v)
	}
}

func (o *observer) reportHooked(to metric.Observer, pool []metric.ObserveOption, h *hookedOptions, v snapshot) {
	i := &o.instruments
	to.ObserveInt64(i.pending, v.pending, pool...)
	to.ObserveInt64(i.pendingPeak, v.pendingPeak, pool...)
	to.ObserveInt64(i.peak, v.peak, pool...)
	to.ObserveFloat64(i.oldestWait, v.oldestWait.Seconds(), pool...)
	to.ObserveFloat64(i.oldestHold, v.oldestHold.Seconds(), pool...)
	to.ObserveFloat64(i.busyTime, v.busy.Seconds(), pool...)
	to.ObserveInt64(i.timeouts, v.results[resultTimeout], pool...)
	to.ObserveInt64(i.longHolds, v.longHolds, pool...)
	to.ObserveInt64(i.nested, v.nested, pool...)
	to.ObserveInt64(i.capped, v.capped, pool...)
	to.ObserveInt64(i.opened, v.opened, pool...)
	to.ObserveInt64(i.overflowOpened, v.overflowed, pool...)
	for p, opts := range h.phases {
		to.ObserveFloat64(i.phaseTime, v.phases[p].Seconds(), opts...)
	}
	for r, opts := range h.results {
		to.ObserveInt64(i.acquires, v.results[r], opts...)
	}
	for r, opts := range h.reasons {
		to.ObserveInt64(i.closed, v.closed[r], opts...)
	}
	for errorType, n := range v.connectErrors {
		to.ObserveInt64(i.connectErrors, n, h.failure(errorType)...)
	}
}
