package main

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/otelpool/otelpool-go/otelpool/sizing"
)

// measurement is what is known of a pool. With a problem, nothing is known but its name.
type measurement struct {
	key
	problem   string
	instances int

	load           sizing.Load
	size, overflow int

	// The rest is only there if the pool was measured.
	over     time.Duration // 0 if the load was given
	acquires float64
	inUse    float64 // mean, by what was held
	meanWait time.Duration
	timeouts float64
	peak     int
	young    bool // it has not run for all of the time
}

func (m measurement) capacity() int { return m.size + m.overflow }

func (m measurement) measured() bool { return m.over > 0 }

// newMeasurement takes what happened to a pool within a time.
func newMeasurement(k key, t *totals, over time.Duration) measurement {
	m := measurement{key: k, instances: 1}
	seconds := over.Seconds()
	switch {
	case seconds <= 0:
		m.problem = "no time passed between the two readings"
	case t.acquires <= 0:
		m.problem = fmt.Sprintf("it was idle: no acquires within %v. Measure while there is load", round(over))
	case t.holds <= 0:
		m.problem = fmt.Sprintf("no connection was given back within %v, so that it is not known how long they are held: "+
			"measure for longer", round(over))
	case t.held <= 0 || t.held/t.holds*float64(time.Second) < 1:
		m.problem = "connections were held for no time at all: " + holdMetric + "_sum does not grow"
	default:
		m.over, m.acquires, m.timeouts = over, t.acquires, math.Round(t.timeouts)
		m.inUse = t.held / seconds
		m.meanWait = inSeconds(t.queued / t.acquires)
		m.size, m.overflow, m.peak = int(t.size), int(t.overflow), int(t.peak)
		m.load = sizing.Load{Rate: t.acquires / seconds, Hold: inSeconds(t.held / t.holds), CV: min(t.cv(), 100)}
	}
	return m
}

// inSeconds makes a duration of seconds; more than there can be is the longest.
func inSeconds(s float64) time.Duration {
	if s *= float64(time.Second); s < math.MaxInt64 {
		return time.Duration(s)
	}
	return math.MaxInt64
}

// ofPool keeps the pools of that name, or all if there is none. None left is an error.
func ofPool(all []measurement, name string) ([]measurement, error) {
	if name != "" {
		all = slices.DeleteFunc(slices.Clone(all), func(m measurement) bool { return m.pool != name })
	}
	if len(all) == 0 && name != "" {
		return nil, fmt.Errorf("there is no pool %q", name)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("there is no pool: no series of %s, which the Prometheus bridge of this module serves", acquiresMetric)
	}
	return all, nil
}

// busiest makes one of the instances that have the same pool, since they have the same settings: the load of the busiest,
// and the worst of all the rest.
func busiest(all []measurement) []measurement {
	byPool := map[key][]measurement{}
	for _, m := range all {
		k := key{job: m.job, pool: m.pool}
		byPool[k] = append(byPool[k], m)
	}
	var merged []measurement
	for _, instances := range byPool {
		top := slices.MaxFunc(instances, func(a, b measurement) int {
			switch x, y := a.load.Rate*a.load.Hold.Seconds(), b.load.Rate*b.load.Hold.Seconds(); {
			case x < y:
				return -1
			case x > y:
				return 1
			}
			return 0
		})
		top.instances = len(instances)
		for _, m := range instances {
			top.meanWait, top.peak = max(top.meanWait, m.meanWait), max(top.peak, m.peak)
			top.inUse, top.timeouts = max(top.inUse, m.inUse), max(top.timeouts, m.timeouts)
			top.young = top.young || m.young
		}
		merged = append(merged, top)
	}
	slices.SortFunc(merged, func(a, b measurement) int { return a.key.compare(b.key) })
	return merged
}
