package otelpooltest_test

import (
	"context"
	"math"
	"reflect"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
	"github.com/otelpool/otelpool-go/otelpool/otelpooltest"
)

func TestOperationsCountsByNameAndErrorType(t *testing.T) {
	t.Parallel()
	rec, _ := recorded(t)
	pool, _ := newPool(t, rec.Option(), otelpool.WithPoolName("users"))
	mustExec(t, pool, "schema", "CREATE TEMP TABLE users (id int PRIMARY KEY)")
	mustExec(t, pool, "add_user", "INSERT INTO users VALUES (1)")
	mustExec(t, pool, "add_user", "INSERT INTO users VALUES (2)")
	for range 3 {
		if err := exec(t, pool, "add_user", "INSERT INTO users VALUES (1)"); err == nil {
			t.Error("a second user 1")
		}
	}
	if err := exec(t, pool, "add_user", "INSERT INTO users VALUES (NULL)"); err == nil {
		t.Error("a user without id")
	}
	for name, want := range map[string]int{"add_user": 6, "schema": 1, "add_usr": 0, "": 0} {
		if got := rec.Operations(name); got != want {
			t.Errorf("%d operations %q, want %d", got, name, want)
		}
	}
	for errorType, want := range map[string]int{"23505": 3, "23502": 1, "": 4, "timeout": 0} {
		if got := rec.Failures("add_user", errorType); got != want {
			t.Errorf("%d failures %q, want %d", got, errorType, want)
		}
	}
	if got := rec.Failures("schema", ""); got != 0 {
		t.Errorf("%d failures of schema", got)
	}
	if got, want := rec.OperationNames(), []string{"add_user", "schema"}; !reflect.DeepEqual(got, want) {
		t.Errorf("operations %q, want %q", got, want)
	}
	outcomes := rec.Outcomes()
	for i := range outcomes {
		if outcomes[i].Total <= 0 {
			t.Errorf("took no time: %+v", outcomes[i])
		}
		outcomes[i].Total = 0
	}
	if want := []otelpooltest.Outcome{
		{Pool: "users", Operation: "add_user", Count: 2},
		{Pool: "users", Operation: "add_user", ErrorType: "23502", Count: 1},
		{Pool: "users", Operation: "add_user", ErrorType: "23505", Count: 3},
		{Pool: "users", Operation: "schema", Count: 1},
	}; !reflect.DeepEqual(outcomes, want) {
		t.Errorf("outcomes %+v, want %+v", outcomes, want)
	}
}

func TestDurationAddsUpOperationsOfName(t *testing.T) {
	t.Parallel()
	rec, _ := recorded(t)
	pool, _ := newPool(t, rec.Option())
	began := time.Now()
	mustExec(t, pool, "nap", "SELECT pg_sleep(0.02)")
	mustExec(t, pool, "nap", "SELECT pg_sleep(0.06)")
	took := time.Since(began)
	total, mean := rec.Duration("nap")
	if total < 80*time.Millisecond || total > took || mean != total/2 {
		t.Errorf("%v, on average %v, within %v", total, mean, took)
	}
	if outcomes := rec.Outcomes(); len(outcomes) != 1 || outcomes[0].Total != total {
		t.Errorf("outcomes %+v, want a total of %v", outcomes, total)
	}
	if total, mean := rec.Duration("work"); total != 0 || mean != 0 {
		t.Errorf("%v, on average %v, of an operation that did not run", total, mean)
	}
}

func TestOperationsAddsUpPools(t *testing.T) {
	t.Parallel()
	rec, _ := recorded(t)
	for _, opts := range [][]otelpool.Option{
		{otelpool.WithPoolName("a"), otelpool.WithAttributes(attribute.Int("shard", 1))},
		{otelpool.WithPoolName("a"), otelpool.WithAttributes(attribute.Int("shard", 2))},
		{otelpool.WithPoolName("b")},
	} {
		pool, _ := newPool(t, append(opts, rec.Option())...)
		mustExec(t, pool, "ask", "SELECT pg_sleep(0.02)")
	}
	if got := rec.Operations("ask"); got != 3 {
		t.Errorf("%d operations, want 3", got)
	}
	outcomes := rec.Outcomes()
	if len(outcomes) != 2 || outcomes[0].Pool != "a" || outcomes[0].Count != 2 || outcomes[1].Pool != "b" || outcomes[1].Count != 1 {
		t.Errorf("outcomes %+v", outcomes)
	} else if outcomes[0].Total < 40*time.Millisecond {
		t.Errorf("two naps of 20 ms took %v", outcomes[0].Total)
	}
}

func TestOperationsIgnoresOtherLibraries(t *testing.T) {
	t.Parallel()
	rec, _ := recorded(t)
	histogram, err := rec.MeterProvider().Meter("other").Float64Histogram("db.client.operation.duration")
	testutil.NoError(t, err)
	histogram.Record(t.Context(), 1)
	if outcomes := rec.Outcomes(); len(outcomes) > 0 {
		t.Errorf("outcomes %+v", outcomes)
	}
}

func TestValueReadsCountersAndGauges(t *testing.T) {
	t.Parallel()
	rec, _ := recorded(t)
	counter, err := rec.MeterProvider().Meter("mine").Float64Counter("orders.weight")
	testutil.NoError(t, err)
	counter.Add(t.Context(), 1.5)
	pool, _ := newPool(t, rec.Option(), otelpool.WithBaseSize(1))
	first, second := acquire(t, pool), acquire(t, pool)
	for _, c := range []struct {
		name       string
		attributes []attribute.KeyValue
		want       float64
	}{
		{name: "db.client.connection.timeouts", want: 0},
		{name: "pgxpool.peak", want: 2},
		{name: "pgxpool.overflow", want: 1},
		{name: "pgxpool.oldest_wait", want: 0},
		{name: "pgxpool.held", want: 2},
		{name: "pgxpool.acquires", want: 2},
		{name: "pgxpool.acquires", attributes: []attribute.KeyValue{attribute.String("result", "ok")}, want: 2},
		{name: "pgxpool.acquires", attributes: []attribute.KeyValue{attribute.String("result", "timeout")}, want: 0},
		{name: "db.client.connection.count", attributes: []attribute.KeyValue{attribute.String("db.client.connection.state", "used")}, want: 2},
		{name: "orders.weight", want: 1.5},
	} {
		if got := rec.Value(c.name, c.attributes...); got != c.want {
			t.Errorf("%s %v is %v, want %v", c.name, c.attributes, got, c.want)
		}
	}
	first.Release()
	second.Release()
}

func TestConnectErrorsStartAtZero(t *testing.T) {
	t.Parallel()
	rec, fake := recorded(t)
	errorType := attribute.String("error.type", "refused")
	if got := rec.Value("pgxpool.connections.errors"); !math.IsNaN(got) {
		t.Errorf("%v without a pool", got)
	}
	mustContain(t, fake.only(t), "no such metric; the metrics are: none", "no pool is currently registered")

	pool, inst, err := otelpool.New(t.Context(), "postgres://user@127.0.0.1:1/db?sslmode=disable", rec.Option())
	testutil.NoError(t, err)
	defer pool.Close()
	defer inst.Unregister()
	for _, want := range []float64{0, 1} {
		if got := rec.Value("pgxpool.connections.errors"); got != want {
			t.Errorf("%v connect errors, want %v", got, want)
		}
		if got := rec.Value("pgxpool.connections.errors", errorType); got != want {
			t.Errorf("%v connect errors of that type, want %v", got, want)
		}
		if got := rec.Value("pgxpool.connections.errors", attribute.String("error.type", "28P01")); got != 0 {
			t.Errorf("%v connect errors of another type, want 0", got)
		}
		if got := rec.Value("pgxpool.connections.errors", errorType, attribute.String("pool", "a")); !math.IsNaN(got) {
			t.Errorf("%v connect errors of an unknown pool", got)
		}
		mustContain(t, fake.only(t), "no series has {pool=a}")
		if want == 0 && exec(t, pool, "ask", "SELECT 1") == nil {
			t.Error("there is a server at port 1")
		}
	}
}

func TestUnknownValueFailsTest(t *testing.T) {
	t.Parallel()
	rec, fake := recorded(t)
	_, inst := newPool(t, rec.Option(), otelpool.WithPoolName("a"))
	other, otherInst := newPool(t, rec.Option(), otelpool.WithPoolName("b"))
	mustExec(t, other, "ask", "SELECT 1")
	for name, c := range map[string]struct {
		metric     string
		attributes []attribute.KeyValue
		says       []string
	}{
		"name":      {"db.client.connection.timeout", nil, []string{"value of db.client.connection.timeout:", "no such metric", "\n  db.client.connection.timeouts\n"}},
		"value":     {"pgxpool.acquires", []attribute.KeyValue{attribute.String("result", "OK")}, []string{"no series has {result=OK}", "result=ok} 1"}},
		"key":       {"pgxpool.acquires", []attribute.KeyValue{attribute.String("pool", "a")}, []string{"no series has {pool=a}"}},
		"histogram": {"db.client.connection.wait_time", nil, []string{"it is a histogram"}},
		"gauges":    {"pgxpool.peak", nil, []string{"it is a gauge", "pool.name=a} 0", "pool.name=b} 1"}},
	} {
		if got := rec.Value(c.metric, c.attributes...); !math.IsNaN(got) {
			t.Errorf("a wrong %s returns %v", name, got)
		}
		mustContain(t, fake.only(t), c.says...)
	}
	testutil.NoError(t, inst.Unregister())
	if got := rec.Value("pgxpool.peak"); got != 1 {
		t.Errorf("the peak of the pool that is left is %v, want 1", got)
	}
	testutil.NoError(t, otherInst.Unregister())
	rec.Value("pgxpool.peak")
	mustContain(t, fake.only(t), "no such metric; the metrics are:\n  db.client.connection.create_time\n", "no pool is currently registered with the Recorder")
}

func TestCollectReturnsEveryMetric(t *testing.T) {
	t.Parallel()
	rec, fake := recorded(t)
	pool, _ := newPool(t, rec.Option())
	acquire(t, pool).Release()
	var uses uint64
	for _, scope := range rec.Collect().ScopeMetrics {
		for _, m := range scope.Metrics {
			if m.Name == "db.client.connection.use_time" {
				uses = m.Data.(metricdata.Histogram[float64]).DataPoints[0].Count
			}
		}
	}
	if uses != 1 {
		t.Errorf("%d uses, want 1", uses)
	}
	testutil.NoError(t, rec.MeterProvider().(*sdkmetric.MeterProvider).Shutdown(context.Background()))
	rec.Collect()
	mustContain(t, fake.only(t), "collect: ", "shutdown")
}

func TestRecorderIsConcurrentSafe(t *testing.T) {
	t.Parallel()
	rec, _ := recorded(t)
	pool, _ := newPool(t, rec.Option())
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 25 {
				testutil.Check(t, exec(t, pool, "ask", "SELECT 1"))
				rec.Operations("ask")
				rec.Value("pgxpool.peak")
			}
		})
	}
	wg.Wait()
	if got := rec.Operations("ask"); got != 100 {
		t.Errorf("%d operations, want 100", got)
	}
}
