package main

import (
	"context"
	"database/sql"
	"errors"
	"math"
	"net/http"
	"time"

	"github.com/IBM/pgxpoolprometheus"
	"github.com/exaring/otelpgx"
	"github.com/jackc/pgx/v5/stdlib"
	client "github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelpool/otelpool-go/exporters/prometheus"
	"github.com/otelpool/otelpool-go/internal/bench/measure"
	"github.com/otelpool/otelpool-go/internal/bench/peers"
)

// The contenders of the scrapes.
const (
	bridgeScrape   = "otelpool, its bridge"
	officialScrape = "otelpgx, official exporter"
	poolScrape     = "pgxpoolprometheus"
	dbStatsScrape  = "client_golang's DBStatsCollector"
)

// scrapeSite serves the metrics of pools.
type scrapeSite struct {
	name  string
	pools int
	*server
	end func() error
}

func (s *scrapeSite) close() error {
	s.server.close()
	return s.end()
}

// siteMaker returns a site of that many pools, each of which ran that many operations.
type siteMaker func(pools, operations int) (http.Handler, func() error, error)

var siteMakers = []struct {
	name  string
	make  siteMaker
	hooks bool // it measures operations
}{
	{bridgeScrape, bridgeSite, true},
	{officialScrape, officialSite, true},
	{poolScrape, poolSite, false},
	{dbStatsScrape, dbStatsSite, false},
}

func bridgeSite(pools, operations int) (http.Handler, func() error, error) {
	bridge, err := prometheus.New()
	if err != nil {
		return nil, nil, err
	}
	f, err := newUsedFleet(bridge, peers.Otelpool(), pools, operations)
	if err != nil {
		return nil, nil, err
	}
	return bridge, f.shutdown, nil
}

// otelpgxByText names each operation by its text, so that each operation is a series.
func otelpgxByText() peers.Maker {
	return peers.Otelpgx(otelpgx.WithMetricOperationName(func(_ context.Context, sql string) string { return sql }))
}

func officialSite(pools, operations int) (http.Handler, func() error, error) {
	reader, handler, err := official()
	if err != nil {
		return nil, nil, err
	}
	f, err := newUsedFleet(reader, otelpgxByText(), pools, operations)
	if err != nil {
		return nil, nil, err
	}
	return handler, f.shutdown, nil
}

func poolSite(pools, _ int) (http.Handler, func() error, error) {
	f := &fleet{provider: sdkmetric.NewMeterProvider()}
	if err := f.add(pools, peers.Bare); err != nil {
		return nil, nil, errors.Join(err, f.shutdown())
	}
	registry := client.NewRegistry()
	for i, pool := range f.pools {
		if err := registry.Register(pgxpoolprometheus.NewCollector(pool, map[string]string{"pool": poolName(i)})); err != nil {
			return nil, nil, errors.Join(err, f.shutdown())
		}
	}
	return served(registry), f.shutdown, nil
}

func dbStatsSite(pools, _ int) (http.Handler, func() error, error) {
	f := &fleet{provider: sdkmetric.NewMeterProvider()}
	if err := f.add(1, peers.Bare); err != nil {
		return nil, nil, errors.Join(err, f.shutdown())
	}
	registry := client.NewRegistry()
	var opened []*sql.DB
	end := func() error {
		var errs []error
		for _, db := range opened {
			errs = append(errs, db.Close())
		}
		return errors.Join(append(errs, f.shutdown())...)
	}
	for i := range pools {
		db := stdlib.OpenDBFromPool(f.pools[0])
		opened = append(opened, db)
		if err := registry.Register(collectors.NewDBStatsCollector(db, poolName(i))); err != nil {
			return nil, nil, errors.Join(err, end())
		}
	}
	return served(registry), end, nil
}

// newSite creates a site and serves it.
func newSite(name string, maker siteMaker, pools, operations int) (*scrapeSite, error) {
	handler, end, err := maker(pools, operations)
	if err != nil {
		return nil, err
	}
	s, err := serve(handler)
	if err != nil {
		return nil, errors.Join(err, end())
	}
	return &scrapeSite{name: name, pools: pools, server: s, end: end}, nil
}

// seriesPerPool returns the number of series that one more pool adds.
func seriesPerPool(maker siteMaker, operations int) (float64, error) {
	var counts [2]int
	for i, pools := range []int{1, 11} {
		s, err := newSite("", maker, pools, operations)
		if err != nil {
			return 0, err
		}
		n, err := s.series()
		if err := errors.Join(err, s.close()); err != nil {
			return 0, err
		}
		counts[i] = n
	}
	return float64(counts[1]-counts[0]) / 10, nil
}

// scrapeRatio is a comparison of scrapes with equal numbers of series.
type scrapeRatio struct {
	pools, operations, series int
	rounds                    measure.Rounds
	sites                     map[string][2]int // pools and series, by name
}

// measureScrapeRatio scrapes pools of otelpool in turns with pools of others. Each other site has as many pools as
// give it as many series.
func measureScrapeRatio(pools, operations int, budget time.Duration) (r scrapeRatio, err error) {
	r = scrapeRatio{pools: pools, operations: operations, sites: map[string][2]int{}}
	ours, err := seriesPerPool(bridgeSite, operations)
	if err != nil {
		return r, err
	}
	var failed error
	var contenders []measure.Contender
	for _, maker := range siteMakers {
		if operations > 0 && !maker.hooks {
			continue
		}
		theirs, err := seriesPerPool(maker.make, operations)
		if err != nil {
			return r, err
		}
		s, err := newSite(maker.name, maker.make, int(math.Round(float64(pools)*ours/theirs)), operations)
		if err != nil {
			return r, err
		}
		defer func() { err = errors.Join(err, s.close()) }()
		n, err := s.series()
		if err != nil {
			return r, err
		}
		r.sites[s.name] = [2]int{s.pools, n}
		contenders = append(contenders, measure.Contender{Name: s.name, Run: func(time.Duration) int {
			if _, err := s.get(acceptText, "identity"); err != nil {
				failed = err
			}
			return 1
		}})
	}
	r.series = r.sites[bridgeScrape][1]
	r.rounds = measure.Interleave(contenders, 0, budget)
	return r, failed
}
