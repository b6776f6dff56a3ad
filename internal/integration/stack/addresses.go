package stack

import (
	"fmt"
	"io"
	"net/url"
)

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
