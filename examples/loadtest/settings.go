package main

import (
	"errors"
	"flag"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/otelpool/otelpool-go/internal/flags"
	"github.com/otelpool/otelpool-go/otelpool"
)

const (
	defaultPreset      = "staging" // 5 connections and 10 more, as in the older SQLAlchemy guide
	defaultConcurrency = 100
	defaultDuration    = 10 * time.Second
	defaultQuery       = "SELECT pg_sleep(0.005)"
	defaultInFlight    = 1000

	maxDuration = 24 * time.Hour
	maxRate     = 100_000
	maxSize     = 1000 // of -sizes

	// minRequests is the minimum number of requests for a meaningful 99th percentile.
	minRequests = 200
)

const usage = `Puts a load on an instrumented PostgreSQL pool, and reports the throughput, the waits and what is wrong.

The load
  -sql SQL           the statement of a request (default ` + defaultQuery + `); also -query
  -file FILE         statements by weight: each begins with a line "-- name: get_user weight: 3"
  -write             allow other statements than SELECT; without it connections are read-only
  -for DURATION      time of the load, or of each size (default 10s, at most 24h); also -duration
  -concurrency N     callers that each wait for an answer before the next request (default 100)
  -rate N            instead: N requests a second, whether or not answers arrive (open loop)
  -in-flight N       with -rate: requests at a time, more are dropped (default 1000)

The pool
  -preset NAME       base sizing: development (2+5), staging (5+10, the default), production (20+40)
  -pool-size N       connections that the pool keeps (default: the preset's; with -rate also
                     pool_max_conns of the connection string)
  -max-overflow N    connections beyond those (default: the preset's; with -rate and -pool-size 0)

The goal, with -rate
  -p99-wait DURATION PASS if 99 % of the requests wait at most this long for a connection; searches
                     the smallest size that reaches the goal
  -sizes LIST        sizes to measure as well, such as 2,4,8 (default: those that the search needs)
  -svg FILE          write the plot of throughput and waits by size

The server, the throwaway one if neither is given
  -dsn CONNSTRING    PostgreSQL server; other users of the machine can see the flag
  DATABASE_URL       the same, in the environment
  OTELPOOL_SIZING_*  POOL_SIZE, MAX_OVERFLOW, POOL_PRE_PING, POOL_RECYCLE and POOL_TIMEOUT override
                     the preset, as do ?pool_timeout=5s and so on in the connection string

Ctrl-C ends the load and prints the report. Exit status: 0 PASS, 1 FAIL, 2 no verdict (make: 2 for both).
`

var presets = map[string]otelpool.Sizing{
	"development": otelpool.Development,
	"staging":     otelpool.Staging,
	"production":  otelpool.Production,
}

// settings are the user's choices.
type settings struct {
	dsn                   string // "": from the environment, or a throwaway server
	preset                string
	poolSize, maxOverflow *int // nil: not overridden
	statements            []statement
	write                 bool
	duration              time.Duration

	concurrency int // of the closed loop

	// Of the open loop, if rate is not 0.
	rate     float64
	inFlight int
	goal     time.Duration // of the 99th percentile of the waits; 0: none
	sizes    []int
	svg      string
}

func newSettings(args []string) (settings, error) {
	var s settings
	set := flag.NewFlagSet("loadtest", flag.ContinueOnError)
	set.StringVar(&s.dsn, "dsn", "", "")
	set.StringVar(&s.preset, "preset", defaultPreset, "")
	poolSize, maxOverflow := set.Int("pool-size", 0, ""), set.Int("max-overflow", 0, "")
	set.IntVar(&s.concurrency, "concurrency", defaultConcurrency, "")
	for _, name := range []string{"duration", "for"} {
		set.DurationVar(&s.duration, name, defaultDuration, "")
	}
	query, source := defaultQuery, "the default statement"
	for _, name := range []string{"query", "sql"} {
		set.Func(name, "", func(text string) error {
			query, source = text, "-"+name
			return nil
		})
	}
	file := set.String("file", "", "")
	set.BoolVar(&s.write, "write", false, "")
	set.Float64Var(&s.rate, "rate", 0, "")
	set.IntVar(&s.inFlight, "in-flight", defaultInFlight, "")
	set.DurationVar(&s.goal, "p99-wait", 0, "")
	set.Func("sizes", "", s.setSizes)
	set.StringVar(&s.svg, "svg", "", "")
	if err := flags.Parse(set, args); err != nil {
		return settings{}, err
	}
	given := make(map[string]string)
	set.Visit(func(f *flag.Flag) { given[f.Name] = f.Value.String() })
	s.statements = []statement{{weight: 1, name: operation, sql: query, source: source}}
	if err := s.check(given); err != nil {
		return settings{}, fmt.Errorf("%w (-h lists the flags)", err)
	}
	// The Sizing checks their range, with better errors.
	if _, ok := given["pool-size"]; ok {
		s.poolSize = poolSize
	}
	if _, ok := given["max-overflow"]; ok {
		s.maxOverflow = maxOverflow
	}
	if *file != "" {
		var err error
		if s.statements, err = readStatements(*file); err != nil {
			return settings{}, err
		}
	}
	return s, nil
}

// setSizes sets the sizes to a list of numbers.
func (s *settings) setSizes(text string) error {
	s.sizes = nil
	for part := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(part))
		if err != nil || n < 1 || n > maxSize {
			return fmt.Errorf("want numbers of connections from 1 to %d, such as 2,4,8", maxSize)
		}
		s.sizes = append(s.sizes, n)
	}
	return nil
}

// check checks the values, and that the given flags fit together.
func (s *settings) check(given map[string]string) error {
	has := func(name string) bool { _, ok := given[name]; return ok }
	for _, name := range []string{"dsn", "file", "svg"} {
		if has(name) && strings.TrimSpace(given[name]) == "" {
			return fmt.Errorf("-%s is empty", name)
		}
	}
	for name, d := range map[string]time.Duration{"for": s.duration, "duration": s.duration, "p99-wait": s.goal} {
		if has(name) && (d <= 0 || d > maxDuration) {
			return fmt.Errorf("-%s is %v: want a time above 0 and at most 24h, such as 10s or 2m", name, d)
		}
	}
	if _, known := presets[s.preset]; !known {
		return fmt.Errorf("-preset is %q: want development, staging or production", s.preset)
	}
	for name, n := range map[string]int{"concurrency": s.concurrency, "in-flight": s.inFlight} {
		if n < 1 {
			return fmt.Errorf("-%s is %d: want a whole number, at least 1", name, n)
		}
	}
	if strings.TrimSpace(s.statements[0].sql) == "" {
		return fmt.Errorf("%s is empty: want SQL, such as %s", s.statements[0].source, defaultQuery)
	}
	if has("rate") && !(s.rate > 0 && s.rate <= maxRate) {
		return fmt.Errorf("-rate is %v: want requests a second, above 0 and at most %d", s.rate, maxRate)
	}
	if has("file") && (has("sql") || has("query")) {
		return errors.New("-file and -sql exclude each other")
	}
	if s.rate > 0 && has("concurrency") {
		return errors.New("-rate and -concurrency exclude each other: want -in-flight to limit the requests at a time")
	}
	for _, name := range []string{"in-flight", "p99-wait", "sizes", "svg"} {
		if has(name) && s.rate == 0 {
			return fmt.Errorf("-%s needs -rate", name)
		}
	}
	if requests := s.rate * s.duration.Seconds(); s.goal > 0 && requests < minRequests {
		return fmt.Errorf("-rate %v for %v makes about %.0f requests, too few for a 99th percentile: want at least %d",
			s.rate, s.duration, requests, minRequests)
	}
	return nil
}
