package main

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/otelpool/otelpool-go/otelpool/sizing"
)

// measurement holds the known figures of a pool. With a problem, only its key is known.
type measurement struct {
	key
	problem   string
	instances int

	load           sizing.Load // its Hold is the whole time that an acquire takes a connection
	size, overflow int

	// The fields below are set only if the pool was measured.
	over     time.Duration // 0 if the load was given
	acquires float64
	taking   time.Duration // the part of load.Hold to connect, ping and prepare
	other    time.Duration // the part of load.Hold that only the samples of takenMetric show
	inUse    float64       // mean number of connections that are not idle
	meanWait time.Duration
	timeouts float64
	peak     int
	young    bool // it started within the window
}

func (m measurement) capacity() int { return m.size + m.overflow }

func (m measurement) measured() bool { return m.over > 0 }

// newMeasurement returns the measurement of a pool with the given totals over a duration.
func newMeasurement(k key, t *totals, over time.Duration) measurement {
	m := measurement{key: k, instances: 1}
	seconds := over.Seconds()
	switch {
	case seconds <= 0:
		m.problem = "no time passed between the two scrapes"
	case t.acquires <= 0:
		m.problem = fmt.Sprintf("it was idle: no acquires within %v. Measure it under load", round(over))
	case t.holds <= 0:
		m.problem = fmt.Sprintf("no connection was released within %v, so the hold time is unknown: measure for longer", round(over))
	case t.held <= 0 || t.held/t.holds*float64(time.Second) < 1:
		m.problem = "the hold times add up to 0: " + holdMetric + "_sum does not grow"
	default:
		m.over, m.acquires, m.timeouts = over, t.acquires, math.Round(t.timeouts)
		m.meanWait = inSeconds(t.queued / t.acquires)
		m.size, m.overflow, m.peak = int(t.size), int(t.overflow), int(t.peak)
		m.load = sizing.Load{Rate: t.acquires / seconds, Hold: inSeconds(t.held / t.holds), CV: min(t.cv(), 100)}
		m.taking = inSeconds(t.taking / t.acquires)
		m.lengthen(m.taking)
		m.inUse = m.load.Rate * m.load.Hold.Seconds()
		if t.samples >= minSamples && t.taken > wellAbove*m.inUse+1 {
			m.other = inSeconds((t.taken - m.inUse) / m.load.Rate)
			m.lengthen(m.other)
			m.inUse = t.taken
		}
	}
	return m
}

const (
	// minSamples is the number of samples of takenMetric below which their mean is unreliable.
	minSamples = 10
	// wellAbove is the ratio, beside one connection, of that mean to rate × time above which the time is incomplete.
	wellAbove = 1.25
)

// lengthen adds a time to the hold time. Its variation is unknown and assumed to be that of an exponential distribution.
func (m *measurement) lengthen(by time.Duration) {
	hold, added := m.load.Hold.Seconds(), by.Seconds()
	if m.load.CV > 0 {
		m.load.CV = math.Hypot(m.load.CV*hold, added) / (hold + added)
	}
	m.load.Hold = inSeconds(hold + added)
}

// inSeconds converts seconds, up to the longest duration.
func inSeconds(s float64) time.Duration {
	if s *= float64(time.Second); s < math.MaxInt64 {
		return time.Duration(s)
	}
	return math.MaxInt64
}

// selectPool returns the pools of that name, or all if it is empty. It returns an error if there is none.
func selectPool(all []measurement, name string) ([]measurement, error) {
	if len(all) == 0 {
		return nil, fmt.Errorf("there is no pool: no series of %s, which otelpool's Prometheus bridge serves", acquiresMetric)
	}
	if name == "" {
		return all, nil
	}
	named := slices.DeleteFunc(slices.Clone(all), func(m measurement) bool { return m.pool != name })
	if len(named) == 0 {
		names := map[string]bool{}
		for _, m := range all {
			names[m.pool] = true
		}
		return nil, fmt.Errorf("there is no pool %q: want one of %q", name, slices.Sorted(maps.Keys(names)))
	}
	return named, nil
}

// busiest merges the instances of each pool, because they share their settings. It keeps the load of the busiest
// instance and the worst of all other figures.
func busiest(all []measurement) []measurement {
	byPool := map[key][]measurement{}
	for _, m := range all {
		k := key{job: m.job, pool: m.pool}
		byPool[k] = append(byPool[k], m)
	}
	var merged []measurement
	for _, instances := range byPool {
		top := slices.MaxFunc(instances, func(a, b measurement) int {
			return cmp.Compare(a.load.Rate*a.load.Hold.Seconds(), b.load.Rate*b.load.Hold.Seconds())
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
