package main

import (
	"cmp"
	"flag"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/otelpool/otelpool-go/internal/flags"
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
	set := flag.NewFlagSet("demo", flag.ContinueOnError)
	addr := set.String("addr", cmp.Or(getenv("ADDR"), defaultAddr), "")
	duration := set.String("duration", cmp.Or(getenv("DURATION"), "0"), "")
	if err := flags.Parse(set, args); err != nil {
		return settings{}, err
	}
	source := map[string]string{"addr": "ADDR", "duration": "DURATION"}
	set.Visit(func(f *flag.Flag) { source[f.Name] = "-" + f.Name })

	if !isHostPort(*addr) {
		return settings{}, fmt.Errorf("%s is %q: want host:port, such as %s", source["addr"], *addr, defaultAddr)
	}
	d, err := time.ParseDuration(*duration)
	if err != nil || d < 0 {
		return settings{}, fmt.Errorf("%s is %q: want a time such as 10s or 2m, or 0 to run until Ctrl-C", source["duration"], *duration)
	}
	return settings{addr: *addr, duration: d}, nil
}

func isHostPort(addr string) bool {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	_, err = strconv.ParseUint(port, 10, 16)
	return err == nil
}
