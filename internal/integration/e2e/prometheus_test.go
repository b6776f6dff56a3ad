package e2e_test

import (
	"context"
	"errors"
	"math"
	"net/url"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/util/annotations"

	"github.com/otelpool/otelpool-go/internal/testutil"
)

// interval is the time between two scrapes, by the clock of prom.
const interval = 15 * time.Second

// prom is Prometheus' parsers, storage and query engine with a clock that only scrapes advance. An hour of scrapes
// takes a few seconds.
type prom struct {
	db     *tsdb.DB
	engine *promql.Engine
	now    time.Time
}

func newProm(t *testing.T) *prom {
	t.Helper()
	db, err := tsdb.Open(t.TempDir(), nil, nil, tsdb.DefaultOptions(), nil)
	testutil.NoError(t, err)
	db.DisableCompactions() // its blocks follow the real clock
	engine := promql.NewEngine(promql.EngineOpts{
		MaxSamples: 50_000_000, Timeout: time.Minute, EnableAtModifier: true, EnableNegativeOffset: true,
		NoStepSubqueryIntervalFn: func(int64) int64 { return time.Minute.Milliseconds() },
		Parser:                   parser.NewParser(parser.Options{}),
	})
	t.Cleanup(func() { testutil.Check(t, errors.Join(engine.Close(), db.Close())) })
	return &prom{db: db, engine: engine, now: time.Unix(1_700_000_000, 0)}
}

// scrape reads the metrics of a service in a format. It stores them with the labels of the target, one interval after
// the previous scrape.
func (p *prom) scrape(t *testing.T, s *service, format string) page {
	t.Helper()
	p.now = p.now.Add(interval)
	read := s.read(t, format)
	target, err := url.Parse(s.url)
	testutil.NoError(t, err)
	appender := p.db.AppenderV2(context.Background())
	for _, sample := range read {
		if sample.labels.Has("job") || sample.labels.Has("instance") {
			t.Fatalf("%s has a label of the target", sample.labels)
		}
		builder := labels.NewBuilder(sample.labels).Set("job", "service").Set("instance", target.Host)
		if _, err := appender.Append(0, builder.Labels(), 0, p.now.UnixMilli(), sample.value, sample.native, nil,
			storage.AppendV2Options{RejectOutOfOrder: true}); err != nil {
			t.Fatal(errors.Join(err, appender.Rollback()))
		}
	}
	testutil.NoError(t, appender.Commit())
	return read
}

func (p *prom) scrapes(t *testing.T, s *service, n int) {
	t.Helper()
	for range n {
		p.scrape(t, s, text)
	}
}

// query evaluates an expression at the time of the last scrape. It fails the test if Prometheus has a warning for it.
func (p *prom) query(t *testing.T, expression string) promql.Vector {
	t.Helper()
	vector, warnings := p.queryWithWarnings(t, expression)
	if len(warnings) > 0 {
		t.Fatalf("%s: %v", expression, warnings.AsErrors())
	}
	return vector
}

func (p *prom) queryWithWarnings(t *testing.T, expression string) (promql.Vector, annotations.Annotations) {
	t.Helper()
	q, err := p.engine.NewInstantQuery(t.Context(), p.db, nil, expression, p.now)
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	defer q.Close()
	result := q.Exec(t.Context())
	vector, err := result.Vector()
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	return vector, result.Warnings
}

func numbers(vector promql.Vector) promql.Vector {
	var some promql.Vector
	for _, s := range vector {
		if !math.IsNaN(s.F) {
			some = append(some, s)
		}
	}
	return some
}

// byLabel maps the value of a label to the sample's value.
func byLabel(t *testing.T, vector promql.Vector, label string) map[string]float64 {
	t.Helper()
	values := make(map[string]float64)
	for _, s := range vector {
		if _, ok := values[s.Metric.Get(label)]; ok {
			t.Fatalf("two samples with %s=%q in %v", label, s.Metric.Get(label), vector)
		}
		values[s.Metric.Get(label)] = s.F
	}
	return values
}
