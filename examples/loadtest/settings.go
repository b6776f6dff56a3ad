package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

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

	// minRequests is the fewest requests of which a 99th percentile says something.
	minRequests = 200
)

const usage = `Puts a load on an instrumented PostgreSQL pool, and reports the throughput, the waits and what is wrong.

The load
  -sql SQL           the statement of a request (default ` + defaultQuery + `); also -query
  -file FILE         statements by weight: each begins with a line "-- name: get_user weight: 3"
  -write             allow other statements than SELECT; without it connections are read-only
  -for DURATION      time of the load, or of each size (default 10s, at most 24h); also -duration
  -concurrency N     callers that each wait for an answer before the next request (default 100)
  -rate N            instead: N requests a second, whether answers come or not (open loop)
  -in-flight N       with -rate: requests at a time, more are dropped (default 1000)

The pool
  -preset NAME       base sizing: development (2+5), staging (5+10, the default), production (20+40)
  -pool-size N       connections that the pool keeps (default: the preset's; with -rate also
                     pool_max_conns of the connection string)
  -max-overflow N    connections beyond those (default: the preset's; with -rate and -pool-size 0)

The goal, with -rate
  -p99-wait DURATION PASS if 99 % of the requests wait at most so long for a connection, and the
                     smallest size that reaches it is searched
  -sizes LIST        sizes to measure besides, such as 2,4,8 (default: what the search needs)
  -svg FILE          write the plot of throughput and waits by size

The server, the throwaway one if neither is given
  -dsn CONNSTRING    PostgreSQL server; other users of the machine can see it
  DATABASE_URL       the same, in the environment
  OTELPOOL_SIZING_*  POOL_SIZE, MAX_OVERFLOW, POOL_PRE_PING, POOL_RECYCLE and POOL_TIMEOUT override
                     the preset, as do ?pool_timeout=5s and so on in the connection string

Ctrl-C ends the load and prints the report. Exit status: 0 PASS, 1 FAIL, 2 no verdict.
`

var presets = map[string]otelpool.Sizing{
	"development": otelpool.Development,
	"staging":     otelpool.Staging,
	"production":  otelpool.Production,
}

// settings are the user's choices.
type settings struct {
	dsn                   string // "": of the environment, or a throwaway server
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
	s := settings{
		preset: defaultPreset, concurrency: defaultConcurrency, duration: defaultDuration, inFlight: defaultInFlight,
		statements: []statement{{weight: 1, name: operation, sql: defaultQuery, source: "the default statement"}},
	}
	flags := flag.NewFlagSet("loadtest", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // errors are returned
	flags.Func("dsn", "", setText(&s.dsn, "want postgres://user:password@host:5432/database"))
	flags.Func("preset", "", s.setPreset)
	flags.Func("pool-size", "", setNumber(&s.poolSize))
	flags.Func("max-overflow", "", setNumber(&s.maxOverflow))
	flags.Func("concurrency", "", setCount(&s.concurrency))
	for _, name := range []string{"duration", "for"} {
		flags.Func(name, "", setDuration(&s.duration))
	}
	for _, name := range []string{"query", "sql"} {
		flags.Func(name, "", s.setQuery("-"+name))
	}
	var file string
	flags.Func("file", "", setText(&file, "want a file of statements"))
	flags.BoolVar(&s.write, "write", false, "")
	flags.Func("rate", "", s.setRate)
	flags.Func("in-flight", "", setCount(&s.inFlight))
	flags.Func("p99-wait", "", setDuration(&s.goal))
	flags.Func("sizes", "", s.setSizes)
	flags.Func("svg", "", setText(&s.svg, "want a file to write"))
	if err := flags.Parse(args); err != nil {
		return settings{}, fmt.Errorf("%w (-h lists the flags)", err)
	}
	if flags.NArg() > 0 {
		return settings{}, fmt.Errorf("unknown argument %q (-h lists the flags)", flags.Arg(0))
	}
	given := make(map[string]bool)
	flags.Visit(func(f *flag.Flag) { given[f.Name] = true })
	if err := s.check(given); err != nil {
		return settings{}, fmt.Errorf("%w (-h lists the flags)", err)
	}
	if file != "" {
		var err error
		if s.statements, err = readStatements(file); err != nil {
			return settings{}, err
		}
	}
	return s, nil
}

// check checks that the given flags fit together.
func (s *settings) check(given map[string]bool) error {
	if given["file"] && (given["sql"] || given["query"]) {
		return errors.New("-file and -sql exclude each other")
	}
	if s.rate > 0 && given["concurrency"] {
		return errors.New("-rate and -concurrency exclude each other: want -in-flight to limit the requests at a time")
	}
	for _, name := range []string{"in-flight", "p99-wait", "sizes", "svg"} {
		if given[name] && s.rate == 0 {
			return fmt.Errorf("-%s needs -rate", name)
		}
	}
	if requests := s.rate * s.duration.Seconds(); s.goal > 0 && requests < minRequests {
		return fmt.Errorf("-rate %v for %v brings about %.0f requests, too few for a 99th percentile: want at least %d",
			s.rate, s.duration, requests, minRequests)
	}
	return nil
}
