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
	defaultPreset      = "staging" // 5 connections and 10 more, as in the older SQLAlchemy guide
	defaultConcurrency = 100
	defaultDuration    = 10 * time.Second
	defaultQuery       = "SELECT pg_sleep(0.005)"
)

const usage = `Puts an instrumented PostgreSQL pool under load and checks that it does not exceed its limit.

Flags:
  -preset        NAME      base sizing: development (2+5), staging (5+10, the default) or production (20+40)
  -pool-size     N         connections that the pool keeps (default: the preset's)
  -max-overflow  N         connections that it may open beyond those (default: the preset's)
  -concurrency   N         concurrent callers (default 100)
  -duration      DURATION  duration of the load, such as 10s or 2m (default 10s); Ctrl-C ends it earlier
  -query         SQL       the query of a request (default ` + defaultQuery + `)

Environment variables:
  DATABASE_URL        PostgreSQL server (default: a throwaway one is started)
  OTELPOOL_SIZING_*   POOL_SIZE, MAX_OVERFLOW, POOL_PRE_PING, POOL_RECYCLE, POOL_TIMEOUT override the preset, as do the same
                      settings in DATABASE_URL (?pool_timeout=5s); the flags override both

Exit status: 0 PASS, 1 FAIL, 2 if the test could not run.
`

var presets = map[string]otelpool.Sizing{
	"development": otelpool.Development,
	"staging":     otelpool.Staging,
	"production":  otelpool.Production,
}

// settings are the user's choices.
type settings struct {
	preset                string
	poolSize, maxOverflow *int // nil: not overridden
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
		return settings{}, fmt.Errorf("%w (-h lists the flags)", err)
	}
	if flags.NArg() > 0 {
		return settings{}, fmt.Errorf("unknown argument %q (-h lists the flags)", flags.Arg(0))
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

// setNumber accepts any whole number. The Sizing checks its range, with better errors.
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

// errConnString does not wrap its cause, which may contain the password.
var errConnString = errors.New(postgres.URLEnv + " cannot be used: want postgres://user:password@host:5432/database or " +
	"host=... user=... dbname=..., and the files that it names must exist")

// poolConfig returns the pool's configuration and sizing by the settings.
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
