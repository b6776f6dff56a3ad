package main

import (
	"errors"
	"flag"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/otelpool/otelpool-go/examples/internal/fetch"
	"github.com/otelpool/otelpool-go/internal/flags"
)

const usage = `doctor prints what is wrong with the connection pools of a service.

  -url address       of the page of exporters/poolz or its report.json, such as http://127.0.0.1:9464/debug/pool/
  -file path         a report.json, or - for the standard input
  -watch             print it repeatedly, until Ctrl-C
  -interval time     between two reports of -watch (default 1s, at least 100ms)

The exit status is 0 if nothing is wrong, 1 with findings of severity warning or critical, 2 if there is no report.
`

const minInterval = 100 * time.Millisecond

// settings are the flags of the program.
type settings struct {
	url      *url.URL // nil if there is a file
	file     string
	watch    bool
	interval time.Duration
}

func newSettings(args []string) (settings, error) {
	var s settings
	var address string
	set := flag.NewFlagSet("doctor", flag.ContinueOnError)
	set.StringVar(&address, "url", "", "")
	set.StringVar(&s.file, "file", "", "")
	set.BoolVar(&s.watch, "watch", false, "")
	set.DurationVar(&s.interval, "interval", time.Second, "")
	if err := flags.Parse(set, args); err != nil {
		return settings{}, err
	}
	switch {
	case (address == "") == (s.file == ""):
		return settings{}, errors.New("no source or two (valid: one of -url and -file; -h explains them)")
	case s.watch && s.file == "-":
		return settings{}, errors.New("-watch cannot read the standard input again (valid: -url, or -file with a path)")
	case s.interval < minInterval:
		return settings{}, fmt.Errorf("-interval %v is too short (valid: at least %v)", s.interval, minInterval)
	case s.file != "":
		return s, nil
	}
	u, err := fetch.Address("-url", address)
	if err != nil {
		return settings{}, err
	}
	if u.Path == "" || strings.HasSuffix(u.Path, "/") {
		u = u.JoinPath("report.json")
	}
	s.url = u
	return s, nil
}
