package main

import (
	"flag"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

const defaultAddr = "127.0.0.1:9464"

const usage = `Runs a small service on an instrumented PostgreSQL pool and shows its metrics.

Flags, and the environment variables that they override:
  -addr      ADDR          address of the page and /metrics: host:port (default ` + defaultAddr + `)
  -duration  DURATION      time to run, such as 10s or 2m (default 0: until Ctrl-C)

Environment variables:
  DATABASE_URL                  PostgreSQL server (default: a throwaway one is started)
  OTEL_EXPORTER_OTLP_ENDPOINT   receiver of pushed metrics, such as http://localhost:4318 (default: no push)
  OTEL_EXPORTER_OTLP_PROTOCOL   http/protobuf (default) or grpc
`

// settings are the user's choices.
type settings struct {
	addr     string
	duration time.Duration // 0: until a signal
}

// newSettings reads the flags, and the environment for flags that are not set. An empty variable counts as unset.
func newSettings(args []string, getenv func(string) string) (settings, error) {
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // errors are returned
	addr := setting{source: "ADDR", text: getenv("ADDR"), fallback: defaultAddr}
	duration := setting{source: "DURATION", text: getenv("DURATION"), fallback: "0"}
	flags.Func("addr", "", addr.override("-addr"))
	flags.Func("duration", "", duration.override("-duration"))
	if err := flags.Parse(args); err != nil {
		return settings{}, fmt.Errorf("%w (-h lists the flags)", err)
	}
	if flags.NArg() > 0 {
		return settings{}, fmt.Errorf("unknown argument %q (-h lists the flags)", flags.Arg(0))
	}

	s := settings{addr: addr.value()}
	if !isHostPort(s.addr) {
		return settings{}, fmt.Errorf("%s is %q: want host:port, such as %s", addr.source, s.addr, defaultAddr)
	}
	var err error
	if s.duration, err = time.ParseDuration(duration.value()); err != nil || s.duration < 0 {
		return settings{}, fmt.Errorf("%s is %q: want a time such as 10s or 2m, or 0 to run until Ctrl-C", duration.source, duration.value())
	}
	return s, nil
}

// setting is a value from a flag or a variable.
type setting struct {
	source, text, fallback string
}

func (s *setting) override(flagName string) func(string) error {
	return func(text string) error {
		s.source, s.text = flagName, text
		return nil
	}
}

func (s *setting) value() string {
	if s.text == "" {
		return s.fallback
	}
	return s.text
}

func isHostPort(addr string) bool {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	_, err = strconv.ParseUint(port, 10, 16)
	return err == nil
}
