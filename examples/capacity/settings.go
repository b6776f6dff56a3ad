package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/otelpool/otelpool-go/otelpool/sizing"
)

const usage = `Recommends a size for a connection pool, with its reasons.

The load, one of:
  -rate N -hold TIME   acquires a second, and how long a connection is held on average, such as 100 and 50ms
  -metrics URL         a running service's page of metrics, which is read twice
  -prometheus URL      a Prometheus server that scrapes such services

With -rate and -hold:
  -cv N                standard deviation of the hold times over their mean (default 0: not known, taken for 1)
  -size N              base size of the pool as it is now (default 0: there is none yet)
  -overflow N          connections above the base size that it may open (default 0)

With -metrics or -prometheus:
  -interval TIME       between the two readings of the page (default 10s)
  -window TIME         of Prometheus, up to now; let it be a busy one (default 1h)
  -pool NAME           only this pool (default: each)

The goal:
  -wait TIME           what an acquire may wait for a connection to be free (default 5ms)
  -quantile N          share of the acquires that waits no longer (default 0.99)

The server:
  -max-connections N   its max_connections (default 0: not looked at)
  -reserved N          superuser_reserved_connections + reserved_connections (default 3)
  -others N            what everybody else may open (default 0)
  -instances N         processes with such a pool (default: 1, or as many as Prometheus knows)

  -json                for programs
`

// settings are what the user can choose.
type settings struct {
	load           sizing.Load
	size, overflow int

	metrics, prometheus *url.URL
	interval, window    time.Duration
	pool                string

	goal  sizing.Goal
	fleet sizing.Fleet // without a pool; Instances is 0 unless given
	json  bool
}

func newSettings(args []string) (settings, error) {
	var s settings
	var metrics, prometheus string
	flags := flag.NewFlagSet("capacity", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // errors are returned
	flags.Float64Var(&s.load.Rate, "rate", 0, "")
	flags.DurationVar(&s.load.Hold, "hold", 0, "")
	flags.Float64Var(&s.load.CV, "cv", 0, "")
	flags.IntVar(&s.size, "size", 0, "")
	flags.IntVar(&s.overflow, "overflow", 0, "")
	flags.StringVar(&metrics, "metrics", "", "")
	flags.StringVar(&prometheus, "prometheus", "", "")
	flags.DurationVar(&s.interval, "interval", 10*time.Second, "")
	flags.DurationVar(&s.window, "window", time.Hour, "")
	flags.StringVar(&s.pool, "pool", "", "")
	flags.DurationVar(&s.goal.Wait, "wait", 5*time.Millisecond, "")
	flags.Float64Var(&s.goal.Quantile, "quantile", 0.99, "")
	flags.IntVar(&s.fleet.MaxConnections, "max-connections", 0, "")
	flags.IntVar(&s.fleet.Reserved, "reserved", 3, "")
	flags.IntVar(&s.fleet.OtherClients, "others", 0, "")
	flags.IntVar(&s.fleet.Instances, "instances", 0, "")
	flags.BoolVar(&s.json, "json", false, "")
	if err := flags.Parse(args); err != nil {
		if strings.Contains(err.Error(), "//") {
			// It quotes what was given, which may be an address with a password.
			err = errors.New("an address is where none belongs")
		}
		return settings{}, fmt.Errorf("%w (-h shows what there is)", err)
	}
	if flags.NArg() > 0 {
		return settings{}, fmt.Errorf("%d arguments that belong to no flag (-h shows what there is)", flags.NArg())
	}
	given := map[string]bool{}
	flags.Visit(func(f *flag.Flag) { given[f.Name] = true })
	return s, errors.Join(s.source(given, metrics, prometheus), s.check(given))
}

// belongs says which flags make sense with only some of the sources.
var belongs = map[string][]string{
	"rate":     {"rate"},
	"hold":     {"rate"},
	"cv":       {"rate"},
	"size":     {"rate"},
	"overflow": {"rate"},
	"interval": {"metrics"},
	"window":   {"prometheus"},
	"pool":     {"metrics", "prometheus"},
}

// source takes the one source of the load.
func (s *settings) source(given map[string]bool, metrics, prometheus string) error {
	var sources []string
	for _, name := range []string{"rate", "metrics", "prometheus"} {
		if given[name] {
			sources = append(sources, name)
		}
	}
	if len(sources) != 1 {
		return errors.New("want one of -rate (with -hold), -metrics and -prometheus (-h shows what there is)")
	}
	for _, name := range []string{"hold", "cv", "size", "overflow", "interval", "window", "pool"} {
		if given[name] && !slices.Contains(belongs[name], sources[0]) {
			return fmt.Errorf("-%s belongs to -%s, not to -%s", name, strings.Join(belongs[name], " and -"), sources[0])
		}
	}
	var err error
	switch sources[0] {
	case "metrics":
		s.metrics, err = address("-metrics", metrics)
	case "prometheus":
		s.prometheus, err = address("-prometheus", prometheus)
	}
	return err
}

// check lets package sizing judge the numbers, so that there is one opinion of them.
func (s *settings) check(given map[string]bool) error {
	load := s.load
	if !given["rate"] {
		load = sizing.Load{Rate: 1, Hold: time.Second}
	}
	// A load that is too much makes sense, and so does a server that is too small: those are results.
	_, err := load.SizeForGoal(s.goal)
	errs := []error{unless(sizing.ErrOverloaded, err)}
	if s.size < 0 || s.overflow < 0 || s.size == 0 && s.overflow > 0 {
		errs = append(errs, errors.New("-size and -overflow are not below 0, and -overflow needs a -size"))
	} else if s.size > 0 {
		_, err := sizing.Fleet{Size: s.size, Overflow: s.overflow, MaxConnections: 1}.MaxInstances()
		errs = append(errs, unless(sizing.ErrNoRoom, err))
	}
	if s.interval <= 0 || s.interval > time.Hour {
		errs = append(errs, fmt.Errorf("-interval %v is not above 0 and up to an hour", s.interval))
	}
	if s.window < time.Second || s.window > 366*24*time.Hour {
		errs = append(errs, fmt.Errorf("-window %v is not from a second to a year", s.window))
	}
	fleet := s.fleet
	if !given["instances"] {
		fleet.Instances = 1
	}
	if !given["max-connections"] {
		fleet.MaxConnections = 1
	}
	_, err = fleet.MaxPerInstance()
	return errors.Join(append(errs, unless(sizing.ErrNoRoom, err))...)
}

// unless drops the error that is fine, and keeps those that were joined to it.
func unless(fine, err error) error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var kept []error
		for _, e := range joined.Unwrap() {
			if !errors.Is(e, fine) {
				kept = append(kept, e)
			}
		}
		return errors.Join(kept...)
	}
	if errors.Is(err, fine) {
		return nil
	}
	return err
}
