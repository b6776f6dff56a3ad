package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/otelpool/otelpool-go/examples/internal/display"
	"github.com/otelpool/otelpool-go/otelpool"
	"github.com/otelpool/otelpool-go/otelpool/diagnose"
)

const (
	// quantile is the quantile of the goal.
	quantile = 0.99

	warmInterval = 5 * time.Millisecond
)

// point is a measured size. The embedded report has its requests and its metrics since the pool was warm.
type point struct {
	size    int
	cut     bool // the load was stopped early
	latency display.Histogram
	inUse   float64         // connections, on average
	pool    diagnose.Report // at the end of the load
	report
}

// arrivals returns how many requests should have run.
func (p point) arrivals() int {
	c := p.requestCounts
	return c.done + c.canceled + c.failures() + c.dropped
}

// wait returns the quantile of the seconds that requests waited for a connection. Requests that got none count as the
// slowest, so the result is infinite if they are more than one percent.
func (p point) wait() float64 {
	waits := p.last.acquires
	arrivals := uint64(p.arrivals())
	if got := min(waits.Count, arrivals); float64(got) < quantile*float64(arrivals) {
		return math.Inf(1)
	}
	waits.Count = max(waits.Count, arrivals)
	return waits.Quantile(quantile)
}

func (p point) rate() float64 { return float64(p.requestCounts.done) / p.elapsed.Seconds() }

func (p point) reaches(goal time.Duration) bool { return p.wait() <= goal.Seconds() }

// curve measures sizes of a pool, one after the other.
type curve struct {
	settings
	db       *database
	progress io.Writer // nil: none

	points []point // by size
	err    error   // that ended it
}

// run measures the size of the settings and those of -sizes. With a goal and without -sizes it searches for the
// smallest size that reaches the goal, up to twice the size of the settings.
func (c *curve) run(ctx context.Context) {
	size := c.db.sizing.PoolSize
	measure := func(n int) bool { return c.measure(ctx, n) }
	reached := measure(size)
	switch {
	case len(c.sizes) > 0:
		for _, n := range c.sizes {
			measure(n)
		}
	case c.goal == 0:
	case reached:
		sort.Search(size-1, func(i int) bool { return measure(1 + i) })
	case measure(2 * size):
		sort.Search(size-1, func(i int) bool { return measure(size + 1 + i) })
	}
}

// measure measures a size that was not measured yet, unless the test has ended. It reports whether the size reaches the
// goal.
func (c *curve) measure(ctx context.Context, size int) bool {
	if p := c.at(size); p != nil {
		return p.reaches(c.goal)
	}
	if ctx.Err() != nil || c.err != nil {
		return false
	}
	p, err := c.point(ctx, size)
	if err != nil {
		c.err = fmt.Errorf("with %s: %w", connections(size), err)
		return false
	}
	if p.arrivals() == 0 { // stopped immediately
		return false
	}
	c.points = append(c.points, p)
	slices.SortFunc(c.points, func(a, b point) int { return cmp.Compare(a.size, b.size) })
	return p.reaches(c.goal)
}

// at returns the point of a size, or nil.
func (c *curve) at(size int) *point {
	for i := range c.points {
		if c.points[i].size == size {
			return &c.points[i]
		}
	}
	return nil
}

// point puts a pool of a size under load.
func (c *curve) point(ctx context.Context, size int) (p point, err error) {
	s := c.settings
	s.poolSize, s.maxOverflow = &size, nil
	config, sizing, err := s.poolConfig(c.db.connString)
	if err != nil {
		return point{}, err
	}
	config.MinConns = int32(size)
	// Too small sizes are measured on purpose, so nothing is logged.
	t, err := openTarget(ctx, config, otelpool.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		return point{}, err
	}
	defer func() { err = errors.Join(err, t.close()) }()
	if err := warm(ctx, t, size); err != nil {
		return point{}, stoppedOr(ctx, err)
	}
	before, err := scrape(t.exporter)
	if err != nil {
		return point{}, err
	}

	warmed := t.inst.Report().LastTenMinutes
	load := &load{pool: t.pool, statements: c.statements}
	latency := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "latency", Buckets: fineBounds()})
	start := time.Now()
	loading, cancel := context.WithTimeout(ctx, c.duration)
	defer cancel()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		load.arrive(loading, c.rate, c.inFlight, latency)
	}()
	c.showProgress(loading, size, start)
	p = point{size: size, cut: ctx.Err() != nil, pool: t.inst.Report()}
	for _, period := range []*diagnose.Period{&p.pool.LastTenSeconds, &p.pool.LastMinute, &p.pool.LastTenMinutes} {
		if period.Seconds > p.pool.Time.Sub(start).Seconds() { // it includes the dials before the load
			period.Opened, period.Dials = max(0, period.Opened-warmed.Opened), max(0, period.Dials-warmed.Dials)
			period.DialSeconds = max(0, period.DialSeconds-warmed.DialSeconds)
		}
	}
	<-ended
	elapsed := time.Since(start)
	after, err := scrape(t.exporter)
	if err != nil {
		return point{}, err
	}
	var seconds dto.Metric
	if err := latency.Write(&seconds); err != nil {
		return point{}, err
	}
	p.latency.Add(seconds.GetHistogram())
	p.inUse = (after.held - before.held) / elapsed.Seconds()
	after.acquires = after.acquires.Since(before.acquires)
	p.report = report{sizing: sizing, elapsed: elapsed, requestCounts: load.counts(), last: after}
	return p, nil
}

// warm waits until the pool has opened all connections: its MinConns is its size. It does not acquire them, because its
// acquires would be in the findings.
func warm(ctx context.Context, t *target, size int) error {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	for int(t.pool.Stat().IdleConns()) < size {
		if failed := t.inst.Report().LastMinute.DialsFailed; len(failed) > 0 {
			return fmt.Errorf("some could not be opened: %s", strings.Join(slices.Sorted(maps.Keys(failed)), ", "))
		}
		if pause(ctx, warmInterval); ctx.Err() != nil {
			return fmt.Errorf("not all were opened within %v", checkTimeout)
		}
	}
	return nil
}
