package e2e_test

import (
	"log/slog"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/discovery/targetgroup"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/scrape"
	"github.com/prometheus/prometheus/tsdb"

	"github.com/otelpool/otelpool-go/exporters/direct"
	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

// scrapeConfig has one job with Prometheus' defaults, and one for native histograms. The interval also limits a
// scrape, and is long enough for a busy machine.
const scrapeConfig = `
global:
  scrape_interval: 5s
  scrape_timeout: 5s
scrape_configs:
  - job_name: classic
  - job_name: native
    scrape_native_histograms: true
`

func TestScrapeManagerKeepsAllUntilUnregister(t *testing.T) {
	t.Parallel()
	s := newService(t, []direct.Option{exponential}, otelpool.WithBaseSize(baseSize))
	s.users(t)
	db, engine := newStorage(t), newEngine(t)
	own := manage(t, db, s.url)

	now := func(expression string) promql.Vector {
		vector, _ := query(t, engine, db, expression, time.Now())
		return vector
	}
	testutil.Eventually(t, "both jobs scraped twice", func() bool {
		return len(now("count_over_time(up[1m]) >= 2")) == 2
	})
	for expression, want := range map[string]float64{
		"min(min_over_time(up[1m]))": 1,
		"min(count by (job) ({__name__=~\"db_pool_(size|checked_out|checked_in|overflow|num_overflow)\"}))": 5,
		"max(db_query_duration_seconds_count{job=\"classic\", operation=\"migrate\"})":                      2,
		"max(histogram_count(db_query_duration_seconds{job=\"native\", operation=\"migrate\"}))":            2,
	} {
		if got := now(expression); len(got) != 1 || got[0].F != want {
			t.Errorf("%s gives %v, want %v", expression, got, want)
		}
	}

	checkNothingRefused(t, own)

	if err := s.inst.Unregister(); err != nil {
		t.Fatal(err)
	}
	testutil.Eventually(t, "the gauges are gone", func() bool { return len(now("db_pool_size or db_pool_checked_out")) == 0 })
	if got := now("up == 1"); len(got) != 2 {
		t.Errorf("up is %v", now("up"))
	}
}

// checkNothingRefused checks that Prometheus found no duplicate samples, none out of order and none over a limit. It
// drops and counts such samples, but reports a successful scrape.
func checkNothingRefused(t *testing.T, own *prometheus.Registry) {
	t.Helper()
	families, err := own.Gather()
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, family := range families {
		if !strings.HasPrefix(family.GetName(), "prometheus_target_scrapes_") {
			continue
		}
		for _, m := range family.GetMetric() {
			checked++
			if m.GetCounter().GetValue() != 0 {
				t.Errorf("%s is %v", family.GetName(), m)
			}
		}
	}
	if checked < 5 {
		t.Errorf("only %d counters of what was refused", checked)
	}
}

// manage runs Prometheus' own scrape manager on a target until the test ends, and stores the samples in the database.
// It returns the manager's own metrics.
func manage(t *testing.T, db *tsdb.DB, target string) *prometheus.Registry {
	t.Helper()
	logger := slog.New(slog.DiscardHandler)
	cfg, err := config.Load(scrapeConfig, logger)
	if err != nil {
		t.Fatal(err)
	}
	own := prometheus.NewRegistry()
	manager, err := scrape.NewManager(&scrape.Options{DiscoveryReloadOnStartup: true}, logger, nil, nil, db, own)
	if err != nil {
		t.Fatal(err)
	}
	if err := manager.ApplyConfig(cfg); err != nil {
		t.Fatal(err)
	}
	host, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	groups := []*targetgroup.Group{{Source: "0", Targets: []model.LabelSet{{model.AddressLabel: model.LabelValue(host.Host)}}}}
	targets := make(chan map[string][]*targetgroup.Group, 1)
	targets <- map[string][]*targetgroup.Group{"classic": groups, "native": groups}
	done := make(chan error)
	go func() { done <- manager.Run(targets) }()
	t.Cleanup(func() {
		manager.Stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return own
}
