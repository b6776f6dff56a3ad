package dashboard_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelpool/otelpool-go/exporters/prometheus"
	"github.com/otelpool/otelpool-go/internal/integration/dashboard/live"
	"github.com/otelpool/otelpool-go/internal/integration/stack"
	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

// waitLimit is the time in which the demo must show everything. Its load repeats about every minute.
const waitLimit = 6 * time.Minute

// exhaustion is the older SQLAlchemy guide's alert, corrected, without its wait of five minutes.
const exhaustion = `
groups:
  - name: pool
    rules:
      - alert: DatabasePoolExhaustion
        expr: db_pool_checked_out / (db_pool_size + db_pool_num_overflow) > 0.9
`

// TestEveryQueryReturnsDataFromDemo runs every query of every panel, with several instances of several jobs selected,
// until each has returned a number other than 0. The demo causes every trouble that has a panel.
func TestEveryQueryReturnsDataFromDemo(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), waitLimit)
	defer cancel()
	demo, stop, err := live.StartDemo(ctx, t.TempDir())
	testutil.NoError(t, err)
	defer stop()
	server, err := live.StartPrometheus(ctx, t.TempDir(), exhaustion,
		live.Target{Job: "shop", Instance: "shop-1", Address: demo},
		live.Target{Job: "shop", Instance: "shop-2", Address: demo},
		live.Target{Job: "billing", Instance: "billing-1", Address: demo},
		live.Target{Job: "away", Instance: "away-1", Address: withoutDatabase(t)},
		live.Target{Job: "renewing", Instance: "renewing-1", Address: renewing(t)},
	)
	testutil.NoError(t, err)
	defer func() { _ = server.Kill() }()

	awaitAnswers(ctx, t, server, questions(t))
}

// awaitAnswers asks each question until it has returned a number other than 0.
func awaitAnswers(ctx context.Context, t *testing.T, server *stack.Prometheus, waiting []question) {
	t.Helper()
	begin := time.Now()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for len(waiting) > 0 {
		select {
		case <-tick.C:
		case <-ctx.Done():
			for _, q := range waiting {
				t.Errorf("no data: %s", q.name)
			}
			return
		}
		var still []question
		for _, q := range waiting {
			answered, err := q.ask(ctx, server, begin)
			if err != nil && ctx.Err() == nil {
				t.Fatal(err)
			}
			if !answered {
				still = append(still, q)
			}
		}
		waiting = still
	}
}

type question struct {
	name string
	query
}

func questions(t *testing.T) []question {
	t.Helper()
	var all []question
	for _, name := range boards {
		b := load(t, name)
		for _, p := range b.all() {
			for _, q := range p.Targets {
				if strings.Contains(q.Expr, serverCount) {
					continue
				}
				all = append(all, question{name: fmt.Sprintf("%s: %q %s: %s", name, p.Title, q.RefID, q.Expr), query: q})
			}
		}
		for _, a := range b.Annotations.List {
			all = append(all, question{name: fmt.Sprintf("%s: annotation %q", name, a.Name), query: a.Target})
		}
	}
	return all
}

var legendLabel = regexp.MustCompile(`\{\{(\w+)\}\}`)

// ask reports whether the query returns numbers other than 0, and exemplars if it requests them. It checks that the
// series have all labels of the legend, and the exemplars a trace.
func (q question) ask(ctx context.Context, server *stack.Prometheus, begin time.Time) (bool, error) {
	expr := everything.Replace(q.Expr)
	var value model.Value
	var err error
	if q.Instant {
		value, _, err = server.API().Query(ctx, expr, time.Now())
	} else {
		value, _, err = server.API().QueryRange(ctx, expr, v1.Range{Start: begin, End: time.Now(), Step: time.Second})
	}
	found, _ := value.(model.Matrix)
	if vector, ok := value.(model.Vector); ok {
		for _, s := range vector {
			found = append(found, &model.SampleStream{Metric: s.Metric, Values: []model.SamplePair{{Value: s.Value}}})
		}
	}
	if err != nil || len(found) == 0 {
		return false, err
	}
	for _, label := range legendLabel.FindAllStringSubmatch(q.LegendFormat, -1) {
		if found[0].Metric[model.LabelName(label[1])] == "" && label[1] != "cluster" && label[1] != "namespace" { // the demo lacks these two
			return false, fmt.Errorf("%s: the legend has %s, which %v lack", q.name, label[0], found[0].Metric)
		}
	}
	if q.Exemplar {
		exemplars, err := server.API().QueryExemplars(ctx, expr, begin, time.Now())
		if err != nil || len(exemplars) == 0 {
			return false, err
		}
		for _, series := range exemplars {
			if slices.ContainsFunc(series.Exemplars, func(e v1.Exemplar) bool { return e.Labels["trace_id"] == "" }) {
				return false, fmt.Errorf("%s: an exemplar has no trace_id", q.name)
			}
		}
	}
	return slices.ContainsFunc(found, func(s *model.SampleStream) bool {
		return slices.ContainsFunc(s.Values, func(p model.SamplePair) bool {
			return p.Value != 0 && !math.IsNaN(float64(p.Value)) && !math.IsInf(float64(p.Value), 0)
		})
	}), nil
}

// withoutDatabase runs a service whose database is unreachable, and returns the address of its metrics. The demo
// itself has no connection errors.
func withoutDatabase(t *testing.T) string {
	t.Helper()
	nobody, err := net.Listen("tcp", "127.0.0.1:0")
	testutil.NoError(t, err)
	away := nobody.Addr().String()
	nobody.Close()

	config, err := pgxpool.ParseConfig("postgres://" + away + "/postgres")
	testutil.NoError(t, err)
	return serve(t, "away", config, func(ctx context.Context, pool *pgxpool.Pool) { _ = pool.Ping(ctx) })
}

// renewing runs a service whose connections take a second to open and a second to close, and returns the address of its
// metrics. The demo opens and closes connections too quickly for a scrape.
func renewing(t *testing.T) string {
	t.Helper()
	config := postgrestest.Config(t)
	dial := config.ConnConfig.DialFunc
	config.ConnConfig.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		wait(ctx, time.Second)
		return dial(ctx, network, address)
	}
	config.MaxConnLifetime = time.Millisecond // each is closed when it is released, and takes a slot meanwhile
	config.BeforeClose = func(*pgx.Conn) { wait(t.Context(), time.Second) }
	return serve(t, "renewing", config, func(ctx context.Context, pool *pgxpool.Pool) { _ = pool.Ping(ctx) })
}

func wait(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// serve runs a service that does work on a pool five times a second, and returns the address of its metrics.
func serve(
	t *testing.T, name string, config *pgxpool.Config, work func(context.Context, *pgxpool.Pool), opts ...prometheus.Option,
) string {
	t.Helper()
	exporter, err := prometheus.New(opts...)
	testutil.NoError(t, err)
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter))
	pool, inst, err := otelpool.NewWithConfig(t.Context(), config, otelpool.WithMeterProvider(provider), otelpool.WithPoolName(name))
	testutil.NoError(t, err)
	page := httptest.NewServer(exporter)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ticker := time.NewTicker(200 * time.Millisecond); ctx.Err() == nil; <-ticker.C {
			work(ctx, pool)
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-done
		page.Close()
		pool.Close()
		testutil.Check(t, errors.Join(inst.Unregister(), provider.Shutdown(context.Background())))
	})
	return strings.TrimPrefix(page.URL, "http://")
}
