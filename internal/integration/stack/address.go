package stack

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/otelpool/otelpool-go/internal/programs"
)

// startOnFree starts a program with a free address in place of every empty one. If another process takes one of them
// first, it tries again with other addresses.
func startOnFree(start func() (*Process, error), addresses ...*string) (*Process, error) {
	addresses = slices.DeleteFunc(addresses, func(address *string) bool { return *address != "" })
	for {
		for _, address := range addresses {
			var err error
			if *address, err = programs.FreeAddress(); err != nil {
				return nil, err
			}
		}
		p, err := start()
		if err == nil || !slices.ContainsFunc(addresses, func(address *string) bool {
			return strings.Contains(err.Error(), *address+": bind: address already in use")
		}) {
			return p, err
		}
	}
}

// checkListen returns an error if the address cannot be listened on. The error says which variable to change.
func checkListen(ctx context.Context, what, variable, address string) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("stack: %s: %w: set %s to another host:port of this machine, such as 127.0.0.1:9500", what, err, variable)
	}
	return listener.Close()
}

// reachable returns the address by which this machine connects to a listener on address.
func reachable(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

// isLoopback reports whether only this machine can connect to a listener on address.
func isLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// printAddresses prints the addresses of all programs. The pages to open first are on top.
func (r *running) printAddresses(out io.Writer) {
	demo, prometheus := "http://"+reachable(r.settings.Demo), r.prometheus.URL
	fmt.Fprintf(out, `
Everything runs. Open first:
  %s/
      the demo: what it does, and a link for each trouble that a pool can have

Prometheus, with the shipped rules and alerts. Built from source it has no pages of its own: open these, which are JSON,
or name a release, which has pages, in PROMETHEUS:
  %s
      connections in use
  %s
      query time by operation, 95th percentile
  %s/api/v1/alerts
      what is firing

The same names at every edge:
  %s/metrics    the bridge in the demo's process
  http://%s/metrics    the Collector, fed by the demo over OTLP

For a service of your own: OTLP over HTTP at http://%s, over gRPC at http://%s
Logs are in %s while this runs. Ctrl-C stops everything.
`, demo,
		prometheus+"/api/v1/query?query=db_pool_checked_out",
		prometheus+"/api/v1/query?query="+url.QueryEscape("histogram_quantile(0.95, sum by (le, operation) (rate(db_query_duration_seconds_bucket[1m])))"),
		prometheus, demo, r.collector.Page, r.collector.HTTP, r.collector.GRPC, r.dir)
	for what, address := range map[string]string{
		"the demo": r.settings.Demo, "the Collector's OTLP over gRPC": r.settings.GRPC, "the Collector's OTLP over HTTP": r.settings.HTTP,
		"the Collector's page": r.settings.Page, "Prometheus": r.settings.Prometheus,
	} {
		if !isLoopback(address) {
			fmt.Fprintf(out, "Note: other machines can reach %s at %s.\n", what, address)
		}
	}
}
