package main

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/otelpool/otelpool-go/examples/internal/fetch"
	"github.com/otelpool/otelpool-go/internal/flags"
	"github.com/otelpool/otelpool-go/otelpool/sizing"
)

const usage = `Recommends a size for a connection pool, with its reasons.

The load, one of:
  -rate N -hold TIME   acquires a second and mean hold time, such as 100 and 50ms
  -metrics URL         metrics page of a running service, scraped twice
  -prometheus URL      Prometheus server that scrapes such services

With -rate and -hold:
  -cv N                standard deviation of the hold times divided by their mean (default 0: unknown, assumed to be 1)
  -size N              present base size of the pool (default 0: no pool yet)
  -overflow N          connections that it may open above the base size (default 0)

With -metrics or -prometheus:
  -interval TIME       time between the two scrapes of the page (default 10s)
  -window TIME         window of the Prometheus queries, up to now; choose a busy one (default 1h)
  -pool NAME           only this pool (default: all)

The goal:
  -wait TIME           maximum wait of an acquire for a free connection (default 5ms)
  -quantile N          share of the acquires that wait no longer (default 0.99)

The server:
  -max-connections N   its max_connections (default 0: not checked)
  -reserved N          superuser_reserved_connections + reserved_connections (default 3)
  -others N            connections of all other clients (default 0)
  -instances N         processes with such a pool (default: 1, or the number that Prometheus knows)

  -json                print JSON
`

// settings are the user's choices.
type settings struct {
	load           sizing.Load
	size, overflow int

	metrics, prometheus *url.URL
	interval, window    time.Duration
	pool                string

	goal  sizing.Goal
	fleet sizing.Fleet // without a pool; Instances is 0 unless set
	json  bool
}

func newSettings(args []string) (settings, error) {
	var s settings
	var metrics, prometheus string
	set := flag.NewFlagSet("capacity", flag.ContinueOnError)
	set.Float64Var(&s.load.Rate, "rate", 0, "")
	set.DurationVar(&s.load.Hold, "hold", 0, "")
	set.Float64Var(&s.load.CV, "cv", 0, "")
	set.IntVar(&s.size, "size", 0, "")
	set.IntVar(&s.overflow, "overflow", 0, "")
	set.StringVar(&metrics, "metrics", "", "")
	set.StringVar(&prometheus, "prometheus", "", "")
	set.DurationVar(&s.interval, "interval", 10*time.Second, "")
	set.DurationVar(&s.window, "window", time.Hour, "")
	set.StringVar(&s.pool, "pool", "", "")
	set.DurationVar(&s.goal.Wait, "wait", 5*time.Millisecond, "")
	set.Float64Var(&s.goal.Quantile, "quantile", 0.99, "")
	set.IntVar(&s.fleet.MaxConnections, "max-connections", 0, "")
	set.IntVar(&s.fleet.Reserved, "reserved", 3, "")
	set.IntVar(&s.fleet.OtherClients, "others", 0, "")
	set.IntVar(&s.fleet.Instances, "instances", 0, "")
	set.BoolVar(&s.json, "json", false, "")
	if err := flags.Parse(set, args); err != nil {
		return settings{}, err
	}
	given := map[string]bool{}
	set.Visit(func(f *flag.Flag) { given[f.Name] = true })
	return s, errors.Join(s.source(given, metrics, prometheus), s.check(given))
}

// flagSources lists the sources with which a flag is valid. Other flags are always valid.
var flagSources = map[string][]string{
	"rate":     {"rate"},
	"hold":     {"rate"},
	"cv":       {"rate"},
	"size":     {"rate"},
	"overflow": {"rate"},
	"interval": {"metrics"},
	"window":   {"prometheus"},
	"pool":     {"metrics", "prometheus"},
}

// source sets the source of the load.
func (s *settings) source(given map[string]bool, metrics, prometheus string) error {
	var sources []string
	for _, name := range []string{"rate", "metrics", "prometheus"} {
		if given[name] {
			sources = append(sources, name)
		}
	}
	if len(sources) != 1 {
		return errors.New("want one of -rate (with -hold), -metrics and -prometheus (-h lists the flags)")
	}
	for _, name := range slices.Sorted(maps.Keys(flagSources)) {
		if given[name] && !slices.Contains(flagSources[name], sources[0]) {
			return fmt.Errorf("-%s is valid only with -%s, not with -%s", name, strings.Join(flagSources[name], " and -"), sources[0])
		}
	}
	var err error
	switch sources[0] {
	case "rate":
		if !given["hold"] {
			err = errors.New("-rate needs -hold, the mean hold time, such as 50ms")
		}
	case "metrics":
		s.metrics, err = fetch.Address("-metrics", metrics)
	case "prometheus":
		s.prometheus, err = fetch.Address("-prometheus", prometheus)
	}
	return err
}

// check validates the numbers by package sizing.
func (s *settings) check(given map[string]bool) error {
	load := s.load
	if !given["rate"] {
		load.Rate = 1
	}
	if !given["hold"] {
		load.Hold = time.Second
	}
	// An overload and a full server are valid results.
	_, err := load.SizeForGoal(s.goal)
	errs := []error{ignoring(sizing.ErrOverloaded, err)}
	if s.size < 0 || s.overflow < 0 || s.size == 0 && s.overflow > 0 {
		errs = append(errs, fmt.Errorf("-size is %d and -overflow is %d: want 0 or more, and -overflow needs a -size", s.size, s.overflow))
	} else if s.size > 0 {
		_, err := sizing.Fleet{Size: s.size, Overflow: s.overflow, MaxConnections: 1}.MaxInstances()
		errs = append(errs, ignoring(sizing.ErrNoRoom, err))
	}
	if s.interval <= 0 || s.interval > time.Hour {
		errs = append(errs, fmt.Errorf("-interval is %v: want more than 0, up to 1h", s.interval))
	}
	if s.window < time.Second || s.window > 366*24*time.Hour {
		errs = append(errs, fmt.Errorf("-window is %v: want 1s to 8784h (a year)", s.window))
	}
	fleet := s.fleet
	if !given["instances"] {
		fleet.Instances = 1
	}
	if !given["max-connections"] {
		fleet.MaxConnections = 1
	}
	_, err = fleet.MaxPerInstance()
	if err := errors.Join(append(errs, ignoring(sizing.ErrNoRoom, err))...); err != nil {
		return errors.New(flagNames.Replace(err.Error()))
	}
	return nil
}

// flagNames makes the flags of the fields that errors of package sizing name.
var flagNames = strings.NewReplacer("sizing: ", "", "Load.Rate", "-rate", "Load.Hold", "-hold", "Load.CV", "-cv", "Goal.Wait", "-wait",
	"Goal.Quantile", "-quantile", "Fleet.Size", "-size", "Fleet.Overflow", "-overflow", "Fleet.Instances", "-instances",
	"Fleet.MaxConnections", "-max-connections", "Fleet.Reserved", "-reserved", "Fleet.OtherClients", "-others")

// ignoring drops errors that are expected, and keeps those joined to them.
func ignoring(expected, err error) error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var kept []error
		for _, e := range joined.Unwrap() {
			if !errors.Is(e, expected) {
				kept = append(kept, e)
			}
		}
		return errors.Join(kept...)
	}
	if errors.Is(err, expected) {
		return nil
	}
	return err
}
