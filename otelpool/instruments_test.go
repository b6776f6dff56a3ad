package otelpool_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/otelpool/otelpool-go/otelpool"
)

// TestInstrumentsMatchContract compares names, units, kinds, descriptions and attributes of all metrics. They are API.
func TestInstrumentsMatchContract(t *testing.T) {
	t.Parallel()
	refused := true // the first dial fails
	f := setup(t, 4, func(c *pgxpool.Config) {
		c.BeforeConnect = func(context.Context, *pgx.ConnConfig) error {
			if refused {
				refused = false
				return errors.New("refused")
			}
			return nil
		}
	},
		otelpool.WithReturnedRows(),
		otelpool.WithAttributes(attribute.String("team", "a")),
		otelpool.WithAttributes(attribute.String("zone", "b")),
	)
	_ = f.pool.Ping(t.Context())
	f.exec(t, otelpool.WithOperation(t.Context(), "create_tables"), "CREATE TEMP TABLE items (id int)")
	ctx := otelpool.WithOperation(t.Context(), "list_items")
	f.exec(t, ctx, "SELECT id FROM items")
	_, _ = f.pool.Exec(ctx, "SELECT nonsense")
	defer acquireWith(t, f.pool, ctx).Release()
	server := f.pool.Config().ConnConfig

	pool := []attribute.KeyValue{
		attribute.String("db.client.connection.pool.name", "test"),
		attribute.String("team", "a"),
		attribute.String("zone", "b"),
	}
	with := func(more ...attribute.KeyValue) attribute.Set {
		return attribute.NewSet(slices.Concat(pool, more)...)
	}
	operation := func(name string, more ...attribute.KeyValue) attribute.Set {
		return with(append(more, attribute.String("db.system.name", "postgresql"), attribute.String("db.query.summary", name))...)
	}
	upDown := func(sets ...attribute.Set) metricdata.Aggregation {
		return metricdata.Sum[int64]{Temporality: metricdata.CumulativeTemporality, DataPoints: pointsOf[int64](sets)}
	}
	counter := func(sets ...attribute.Set) metricdata.Aggregation {
		return metricdata.Sum[int64]{Temporality: metricdata.CumulativeTemporality, IsMonotonic: true, DataPoints: pointsOf[int64](sets)}
	}
	time := func(sets ...attribute.Set) metricdata.Aggregation {
		return metricdata.Sum[float64]{Temporality: metricdata.CumulativeTemporality, IsMonotonic: true, DataPoints: pointsOf[float64](sets)}
	}
	age := func(sets ...attribute.Set) metricdata.Aggregation {
		return metricdata.Gauge[float64]{DataPoints: pointsOf[float64](sets)}
	}
	gauge := func(sets ...attribute.Set) metricdata.Aggregation {
		return metricdata.Gauge[int64]{DataPoints: pointsOf[int64](sets)}
	}
	histogram := func(sets ...attribute.Set) metricdata.Aggregation {
		h := metricdata.Histogram[float64]{Temporality: metricdata.CumulativeTemporality}
		for _, set := range sets {
			h.DataPoints = append(h.DataPoints, metricdata.HistogramDataPoint[float64]{Attributes: set})
		}
		return h
	}
	units := []attribute.Set{with(attribute.String("db.query.summary", "create_tables")), with(attribute.String("db.query.summary", "list_items"))}
	want := metricdata.ScopeMetrics{
		Scope: instrumentation.Scope{
			Name:      "github.com/otelpool/otelpool-go/otelpool",
			Version:   otelpool.Version,
			SchemaURL: "https://opentelemetry.io/schemas/1.43.0",
		},
		Metrics: []metricdata.Metrics{
			{Name: "db.client.operation.duration", Unit: "s", Description: "Duration of database client operations.", Data: histogram(
				operation("create_tables"), operation("list_items"),
				operation("list_items", attribute.String("error.type", "42703"), attribute.String("db.response.status_code", "42703")),
			)},
			{Name: "db.client.connection.wait_time", Unit: "s", Description: "The time it took to obtain an open connection from the pool.", Data: histogram(with())},
			{Name: "db.client.connection.use_time", Unit: "s", Description: "The time between borrowing a connection and returning it to the pool.", Data: histogram(
				units...,
			)},
			{Name: "db.client.connection.create_time", Unit: "s", Description: "The time it took to create a new connection.", Data: histogram(with())},
			{Name: "db.client.response.returned_rows", Unit: "{row}", Description: "The actual number of records returned by the database operation.", Data: metricdata.Histogram[int64]{
				Temporality: metricdata.CumulativeTemporality,
				DataPoints:  []metricdata.HistogramDataPoint[int64]{{Attributes: operation("list_items")}},
			}},
			{Name: "db.client.connection.count", Unit: "{connection}", Description: "The number of connections that are currently in state described by the `state` attribute.", Data: upDown(
				with(attribute.String("db.client.connection.state", "used")), with(attribute.String("db.client.connection.state", "idle")),
			)},
			{Name: "db.client.connection.max", Unit: "{connection}", Description: "The maximum number of open connections allowed.", Data: upDown(with())},
			{Name: "db.client.connection.idle.max", Unit: "{connection}", Description: "The maximum number of idle open connections allowed.", Data: upDown(with())},
			{Name: "db.client.connection.idle.min", Unit: "{connection}", Description: "The minimum number of idle open connections allowed.", Data: upDown(with())},
			{Name: "db.client.connection.pending_requests", Unit: "{request}", Description: "The number of current pending requests for an open connection.", Data: upDown(with())},
			{Name: "db.client.connection.timeouts", Unit: "{timeout}", Description: "The number of connection timeouts that have occurred trying to obtain a connection from the pool.", Data: counter(with())},
			{Name: "pgxpool.constructing", Unit: "{connection}", Description: "The connections that are being dialed now.", Data: upDown(with())},
			{Name: "pgxpool.closing", Unit: "{connection}", Description: "The connections that are being closed and still take a slot of the pool.", Data: upDown(with())},
			{Name: "pgxpool.operations.capped", Unit: "{operation}", Description: "The operations recorded as _OTHER because the pool had as many distinct operation names as its limit allows.", Data: counter(with())},
			{Name: "pgxpool.size", Unit: "{connection}", Description: "The base size of the pool: the connections it is meant to need in normal times.", Data: gauge(with())},
			{Name: "pgxpool.overflow", Unit: "{connection}", Description: "The connections in use beyond the base size.", Data: gauge(with())},
			{Name: "pgxpool.overflow.max", Unit: "{connection}", Description: "The most connections that may be in use beyond the base size.", Data: gauge(with())},
			{Name: "pgxpool.peak", Unit: "{connection}", Description: "The most connections in use at any moment of a rotating window.", Data: gauge(with())},
			{Name: "pgxpool.pending.peak", Unit: "{request}", Description: "The most callers waiting for a connection at any moment of a rotating window.", Data: gauge(with())},
			{Name: "pgxpool.oldest_wait", Unit: "s", Description: "How long the longest-waiting caller has waited for a connection.", Data: age(with())},
			{Name: "pgxpool.oldest_hold", Unit: "s", Description: "How long the longest-held connection has been held.", Data: age(with())},
			{Name: "pgxpool.acquire.phase_time", Unit: "s", Description: "The time that acquires spent in each phase.", Data: time(
				with(attribute.String("phase", "queue")), with(attribute.String("phase", "connect")),
				with(attribute.String("phase", "ping")), with(attribute.String("phase", "prepare")),
			)},
			{Name: "pgxpool.busy_time", Unit: "s", Description: "The time in which an operation ran on a held connection, by unit of work.", Data: time(units...)},
			{Name: "pgxpool.hold.operations", Unit: "{operation}", Description: "The operations that ran on held connections, by unit of work.", Data: counter(units...)},
			{Name: "pgxpool.units_of_work", Unit: "{unit}", Description: "The units of work that held a connection.", Data: counter(units...)},
			{Name: "pgxpool.held", Unit: "{connection}", Description: "The connections that are held now, by unit of work.", Data: upDown(with(attribute.String("db.query.summary", "list_items")))},
			{Name: "pgxpool.held.oldest", Unit: "s", Description: "How long each unit of work has held its oldest connection.", Data: age(with(attribute.String("db.query.summary", "list_items")))},
			{Name: "pgxpool.finding", Unit: "{finding}", Description: "What is wrong with the pool, by kind and operation; the value is 1 while it is.", Data: gauge(
				with(attribute.String("kind", "dial_fails")),
			)},
			{Name: "pgxpool.settings", Unit: "{pool}", Description: "The settings of the pool as attributes; the value is 1.", Data: gauge(with(
				attribute.Int("base_size", 4), attribute.Int("max_conns", 4), attribute.Int("min_conns", 0), attribute.Int("min_idle_conns", 0),
				attribute.String("max_conn_lifetime", "1h0m0s"), attribute.String("max_conn_lifetime_jitter", "0s"),
				attribute.String("max_conn_idle_time", "30m0s"), attribute.String("health_check_period", "1m0s"),
				attribute.String("server.address", server.Host), attribute.Int("server.port", int(server.Port)),
			))},
			{Name: "pgxpool.acquires", Unit: "{acquire}", Description: "The acquires that ended, by result.", Data: counter(
				with(attribute.String("result", "ok")), with(attribute.String("result", "timeout")),
				with(attribute.String("result", "canceled")), with(attribute.String("result", "error")),
			)},
			{Name: "pgxpool.long_holds", Unit: "{hold}", Description: "The connections held for longer than the threshold.", Data: counter(with())},
			{Name: "pgxpool.nested_acquires", Unit: "{acquire}", Description: "The acquires made by a goroutine that already held a connection of the same pool in the same scope.", Data: counter(with())},
			{Name: "pgxpool.overflow.opened", Unit: "{connection}", Description: "The connections that were opened beyond the base size.", Data: counter(with())},
			{Name: "pgxpool.connections.opened", Unit: "{connection}", Description: "The connections that were opened.", Data: counter(with())},
			{Name: "pgxpool.connections.closed", Unit: "{connection}", Description: "The connections that the pool closed, by reason.", Data: counter(
				with(attribute.String("reason", "in_transaction")), with(attribute.String("reason", "busy")), with(attribute.String("reason", "broken")),
				with(attribute.String("reason", "ping")), with(attribute.String("reason", "canceled")), with(attribute.String("reason", "hijacked")),
				with(attribute.String("reason", "overflow")),
				with(attribute.String("reason", "lifetime")), with(attribute.String("reason", "idle")), with(attribute.String("reason", "other")),
			)},
			{Name: "pgxpool.connections.errors", Unit: "{error}", Description: "The connections that could not be opened, by the type of error.", Data: counter(
				with(attribute.String("error.type", "_OTHER")),
			)},
		},
	}
	got := f.readAll(t)
	if len(got.ScopeMetrics) != 1 {
		t.Fatalf("%d scopes", len(got.ScopeMetrics))
	}
	metricdatatest.AssertEqual(t, want, got.ScopeMetrics[0],
		metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreValue(), metricdatatest.IgnoreExemplars())
}

func pointsOf[N int64 | float64](sets []attribute.Set) (points []metricdata.DataPoint[N]) {
	for _, set := range sets {
		points = append(points, metricdata.DataPoint[N]{Attributes: set})
	}
	return points
}

func TestBucketsMatchContract(t *testing.T) {
	t.Parallel()
	f := setup(t, 1, nil, otelpool.WithReturnedRows())
	f.exec(t, t.Context(), "SELECT 1")
	m := f.collect(t)
	connection := []float64{0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60}
	for key, want := range map[string][]float64{
		// Those that the semantic conventions recommend, of durations with 2.5, 30 and 60.
		operationKey("SELECT", ""):                                  {0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60},
		"db.client.response.returned_rows{db.query.summary=SELECT}": {1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000},
		"db.client.connection.wait_time":                            connection,
		"db.client.connection.use_time{db.query.summary=SELECT}":    connection,
		"db.client.connection.create_time":                          connection,
	} {
		var got []float64
		switch p := m[key].(type) {
		case metricdata.HistogramDataPoint[float64]:
			got = p.Bounds
		case metricdata.HistogramDataPoint[int64]:
			got = p.Bounds
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s has the bounds %v, want %v", key, got, want)
		}
	}
}

func TestServerAttributesComeFromConfig(t *testing.T) {
	t.Parallel()
	f := setup(t, 1, nil, otelpool.WithServerAttributes())
	f.exec(t, t.Context(), "SELECT 1")
	cc := f.pool.Config().ConnConfig
	keys := f.collect(t).keys("db.client.operation.duration")
	want := "db.client.operation.duration{db.namespace=" + cc.Database + ",db.query.summary=SELECT,server.address=" + cc.Host +
		",server.port=" + attribute.IntValue(int(cc.Port)).String() + "}"
	if !slices.Equal(keys, []string{want}) {
		t.Errorf("recorded %q, want %q", keys, want)
	}
}

func TestDefaultPoolNameIsHostPortDatabase(t *testing.T) {
	t.Parallel()
	for connString, want := range map[string]string{
		"postgres://u:hunter2@db.example.com/shop":            "db.example.com:5432/shop",
		"postgres://u:hunter2@db.example.com:6432/shop":       "db.example.com:6432/shop",
		"postgres://u:hunter2@[::1]:6432/shop":                "[::1]:6432/shop",
		"host=/run/postgresql dbname=shop user=u":             "/run/postgresql:5432/shop",
		"postgres://u:hunter2@a,b:7432/shop":                  "a:5432/shop",
		"postgres://u:hunter2@db.example.com?sslmode=disable": "db.example.com:5432",
	} {
		t.Run(want, func(t *testing.T) {
			tel := newTelemetry(t)
			pool, inst := newInstrumented(t, parse(t, connString), otelpool.WithMeterProvider(tel.provider))
			if got := tel.text(t); !strings.Contains(got, `"`+want+`"`) {
				t.Errorf("%s: no pool %q in %s", connString, want, got)
			}
			pool.Close()
			_ = inst.Unregister()
		})
	}
}
