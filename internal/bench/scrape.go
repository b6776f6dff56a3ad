package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/otelpool/otelpool-go/internal/bench/measure"
	"github.com/otelpool/otelpool-go/internal/bench/peers"
)

// comparison holds the results of ways to read pools.
type comparison struct {
	measure.Rounds
	rows [][]string
}

type entry struct {
	way
	pools int
}

// asManyPools returns entries with the same number of pools.
func asManyPools(pools int, ways ...way) (entries []entry) {
	for _, w := range ways {
		entries = append(entries, entry{w, pools})
	}
	return entries
}

// asManySeries returns entries with about the same number of series. The first way has the given number of pools.
func asManySeries(pools, operations int, ways ...way) ([]entry, error) {
	entries := asManyPools(pools, ways...)
	var ours float64
	for i, w := range ways {
		var counts [2]int
		for j, n := range []int{1, 11} {
			reading, err := w.make(n, operations)
			if err != nil {
				return nil, err
			}
			counts[j], err = reading.count()
			if err := errors.Join(err, reading.close()); err != nil {
				return nil, err
			}
		}
		perPool := float64(counts[1] - counts[0])
		if i == 0 {
			ours = perPool
		}
		entries[i].pools = int(math.Round(float64(pools) * ours / perPool))
	}
	return entries, nil
}

func compare(entries []entry, operations int, budget time.Duration) (c comparison, err error) {
	var failed error
	var contenders []measure.Contender
	for _, e := range entries {
		reading, err := e.make(e.pools, operations)
		if err != nil {
			return c, err
		}
		defer func() { failed = errors.Join(failed, reading.close()) }()
		count, err := reading.count()
		if err != nil {
			return c, err
		}
		var sent int64
		read := func() {
			n, err := reading.read()
			sent, failed = n, errors.Join(failed, err)
		}
		allocs, bytes := measure.Allocs(1, read)
		c.rows = append(c.rows, []string{
			e.name, fmt.Sprint(e.pools), fmt.Sprint(operations), fmt.Sprint(count), fmt.Sprintf("%.1f kB", float64(sent)/1e3),
			fmt.Sprintf("%.0f, %.0f kB", allocs, bytes/1e3),
		})
		contenders = append(contenders, measure.Contender{Name: e.name, Run: func(time.Duration) int { read(); return 1 }})
	}
	c.Rounds = measure.Interleave(contenders, 0, budget)
	for i, name := range c.Names {
		c.rows[i] = append(c.rows[i], milliseconds.format(c.Cost(name, measure.TimePerOp)),
			c.Ratio(c.Names[0], name, measure.TimePerOp).String())
	}
	return c, failed
}

func (r *report) readings(heading string, comparisons ...comparison) {
	var rows [][]string
	for _, c := range comparisons {
		rows = append(rows, c.rows...)
	}
	r.table(heading, []string{
		"", "pools", "operations of each", "series or data points", "sent", "allocations", "time", "the first × this",
	}, rows)
}

// measureFleets compares scrapes and pushes of a hundred pools.
func measureFleets(_ context.Context, r *report, budget time.Duration) error {
	bridge := bridgeWay(bridgeScrape, unlimited)
	pages, err := asManySeries(100, 1, bridge, bridgeWay(directScrape, unlimitedDirect), officialWay)
	if err != nil {
		return err
	}
	scrapes, err := compare(pages, 1, budget/2)
	if err != nil {
		return err
	}
	r.goal("scrape of 100 pools", 7e-3, scrapes.Cost(bridgeScrape, measure.TimePerOp), milliseconds)
	r.goal("scrape of 100 pools, direct histograms", 7e-3, scrapes.Cost(directScrape, measure.TimePerOp), milliseconds)
	r.goal("scrape of 100 pools, to otelpgx with as many series, by the official exporter", 0.75,
		scrapes.Ratio(bridgeScrape, officialScrape, measure.TimePerOp), ratio)
	r.readings("A scrape over HTTP, of as many series", scrapes)

	ours := pushWay(oursPush, peers.Otelpool(), oursReader, unlimited)
	sent, err := asManySeries(100, 1, ours, pushWay(otelpgxPoints, peers.Otelpgx(), officialReader, unlimited))
	if err != nil {
		return err
	}
	sent = append(sent, asManyPools(100, pushWay(directPush, peers.Otelpool(), oursReader, unlimitedDirect),
		pushWay(otelpgxPush, peers.Otelpgx(), officialReader, unlimited))...)
	pushes, err := compare(sent, 1, budget/2)
	if err != nil {
		return err
	}
	r.goal("push of 100 pools, to otelpgx with as many data points", 1.00,
		pushes.Ratio(oursPush, otelpgxPoints, measure.TimePerOp), ratio)
	r.goal("push of 100 pools, to otelpgx with as many pools", 1.00,
		pushes.Ratio(oursPush, otelpgxPush, measure.TimePerOp), ratio)
	r.goal("push of 100 pools, direct histograms, to otelpgx with as many pools", 1.00,
		pushes.Ratio(directPush, otelpgxPush, measure.TimePerOp), ratio)
	r.readings("A push over OTLP, HTTP", pushes)
	if !r.full {
		return nil
	}
	return r.measureSizes(budget)
}

// measureSizes compares scrapes of a thousand pools and of unused pools.
func (r *report) measureSizes(budget time.Duration) error {
	bridge := bridgeWay(bridgeScrape, unlimited)
	var scrapes []comparison
	for _, size := range []struct {
		pools, operations int
		ways              []way
	}{{1000, 1, []way{bridge, officialWay}}, {100, 0, []way{bridge, officialWay, poolPrometheusWay}}} {
		entries, err := asManySeries(size.pools, size.operations, size.ways...)
		if err != nil {
			return err
		}
		c, err := compare(entries, size.operations, budget/4)
		if err != nil {
			return err
		}
		scrapes = append(scrapes, c)
	}
	r.readings("A scrape of many pools, and of unused ones", scrapes...)
	return nil
}
