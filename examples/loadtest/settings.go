package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/internal/postgres"
	"github.com/otelpool/otelpool-go/otelpool"
)

const (
	defaultPreset      = "staging" // the guide's 5 connections and 10 more
	defaultConcurrency = 100
	defaultDuration    = 10 * time.Second
	defaultQuery       = "SELECT pg_sleep(0.005)"
)

const usage = `Puts an instrumented PostgreSQL pool under load and judges whether it kept to its limit.

Flags:
  -preset        NAME      the sizing to begin with: development (2+5), staging (5+10, the default) or production (20+40)
  -pool-size     N         connections that the pool keeps, instead of the preset's
  -max-overflow  N         connections that it may open beyond those, instead of the preset's
  -concurrency   N         how many callers make requests at the same time (default 100)
  -duration      DURATION  how long to make requests, such as 10s or 2m (default 10s); Ctrl-C ends it earlier
  -query         SQL       what a request asks the database (default ` + defaultQuery + `)

Environment variables:
  DATABASE_URL        a PostgreSQL server to use; without it a throwaway one is started
  OTELPOOL_SIZING_*   POOL_SIZE, MAX_OVERFLOW, POOL_PRE_PING, POOL_RECYCLE, POOL_TIMEOUT instead of the preset's, as can be
                      in DATABASE_URL, too (?pool_timeout=5s); the flags have the last word

Exit status: 0 PASS, 1 FAIL, 2 if the test could not be made.
`

var presets = map[string]otelpool.Sizing{
	"development": otelpool.Development,
	"staging":     otelpool.Staging,
	"production":  otelpool.Production,
}

// settings are what the user can choose.
type settings struct {
	preset                string
	poolSize, maxOverflow *int // nil: as it is without
	concurrency           int
	duration              time.Duration
	query                 string
}

func newSettings(args []string) (settings, error) {
	s := settings{preset: defaultPreset, concurrency: defaultConcurrency, duration: defaultDuration, query: defaultQuery}
	flags := flag.NewFlagSet("loadtest", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // errors are returned
	flags.Func("preset", "", s.setPreset)
	flags.Func("pool-size", "", setNumber(&s.poolSize))
	flags.Func("max-overflow", "", setNumber(&s.maxOverflow))
	flags.Func("concurrency", "", s.setConcurrency)
	flags.Func("duration", "", s.setDuration)
	flags.Func("query", "", s.setQuery)
	if err := flags.Parse(args); err != nil {
		return settings{}, fmt.Errorf("%w (-h shows what there is)", err)
	}
	if flags.NArg() > 0 {
		return settings{}, fmt.Errorf("argument %q is not known (-h shows what there is)", flags.Arg(0))
	}
	return s, nil
}

func (s *settings) setPreset(text string) error {
	if _, known := presets[text]; !known {
		return errors.New("want development, staging or production")
	}
	s.preset = text
	return nil
}

// setNumber leaves it to the Sizing which numbers it bears: its errors say why.
func setNumber(to **int) func(string) error {
	return func(text string) error {
		n, err := strconv.Atoi(text)
		if err != nil {
			return errors.New("want a whole number")
		}
		*to = &n
		return nil
	}
}

func (s *settings) setConcurrency(text string) error {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return errors.New("want a whole number, at least 1")
	}
	s.concurrency = n
	return nil
}

func (s *settings) setDuration(text string) error {
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return errors.New("want a time above 0, such as 10s or 2m")
	}
	s.duration = d
	return nil
}

func (s *settings) setQuery(text string) error {
	if strings.TrimSpace(text) == "" {
		return errors.New("want SQL, such as " + defaultQuery)
	}
	s.query = text
	return nil
}

// errConnString does not wrap its cause, which could quote the password.
var errConnString = errors.New(postgres.URLEnv + " cannot be used: want postgres://user:password@host:5432/database or " +
	"host=... user=... dbname=..., and the files that it names must be there")

// poolConfig gives the configuration of a pool by the settings, and the sizing that it got.
func (s settings) poolConfig(connString string) (*pgxpool.Config, otelpool.Sizing, error) {
	config, err := pgxpool.ParseConfig(connString)
	if err != nil {
		return nil, otelpool.Sizing{}, errConnString
	}
	sizing, err := presets[s.preset].FromConfig(config)
	if err != nil {
		return nil, otelpool.Sizing{}, err
	}
	if sizing, err = sizing.FromEnv(); err != nil {
		return nil, otelpool.Sizing{}, err
	}
	if s.poolSize != nil {
		sizing.PoolSize = *s.poolSize
	}
	if s.maxOverflow != nil {
		sizing.MaxOverflow = *s.maxOverflow
	}
	if err := sizing.Apply(config); err != nil {
		return nil, otelpool.Sizing{}, err
	}
	config.ConnConfig.RuntimeParams["application_name"] = applicationName
	return config, sizing, nil
}
