package stack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
)

// firstMetric is a metric that every pool has from its first push on.
const firstMetric = "db_pool_size"

// waitForMetrics waits until Prometheus has the demo's metrics. After a timeout it finds out where they got lost, and
// returns an error that says what to check.
func (r *running) waitForMetrics(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, r.settings.ArrivalTimeout)
	defer cancel()
	err := r.demo.Await(limited, func(ctx context.Context) error {
		samples, err := r.prometheus.Query(ctx, firstMetric)
		if err == nil && len(samples) == 0 {
			err = fmt.Errorf("stack: Prometheus has no %s", firstMetric)
		}
		return err
	})
	if err == nil || ctx.Err() != nil || !errors.Is(limited.Err(), context.DeadlineExceeded) {
		return err
	}
	return r.diagnose(ctx)
}

// diagnose returns an error that says where the metrics get lost.
func (r *running) diagnose(ctx context.Context) error {
	page, err := Get(ctx, "http://"+r.collector.Page+"/metrics")
	if err == nil && bytes.Contains(page, []byte("\n"+firstMetric)) {
		return fmt.Errorf("stack: the metrics reach the Collector but not Prometheus: check that a target in scrape_configs of %s is %s.%s",
			r.settings.PrometheusConfig, r.collector.Page, r.down(ctx))
	}
	return fmt.Errorf("stack: no %s on the Collector's page http://%s/metrics after %v: check the receivers, pipelines and exporters of %s. "+
		"The last lines of the demo, which pushes to http://%s, and of the Collector:\n%s\n%s", firstMetric, r.collector.Page, r.settings.ArrivalTimeout,
		r.settings.CollectorConfig, r.collector.HTTP, indent(r.demo.LastLines(3)), indent(r.collector.LastLines(6)))
}

// down lists the scrape targets that do not answer.
func (r *running) down(ctx context.Context) string {
	samples, err := r.prometheus.Query(ctx, "up == 0")
	if err != nil || len(samples) == 0 {
		return ""
	}
	var targets []string
	for _, s := range samples {
		targets = append(targets, s.Labels["instance"])
	}
	return " These targets do not answer: " + strings.Join(targets, ", ")
}
