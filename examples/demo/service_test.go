package main

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelpool/otelpool-go/examples/internal/display"
	"github.com/otelpool/otelpool-go/exporters/prometheus"
	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

func TestRoutesSucceed(t *testing.T) {
	t.Parallel()
	f := setup(t)
	share := 0
	for _, r := range routes {
		share += r.share
		res := request(f.handler, r.method, r.target())
		// The demo intends the conflict of granting a role to an unknown user.
		if res.Code != http.StatusOK && !(res.Code == http.StatusConflict && strings.Contains(r.about, "23503")) {
			t.Errorf("%s %s: status %d: %s", r.method, r.path, res.Code, res.Body)
		}
	}
	testutil.Equal(t, "shares of the traffic, in percent", share, 100)
	// One for each route, four for the transaction, and two for the import.
	testutil.Equal(t, "operations", f.sample().queries.Count, uint64(len(routes)+3+1))
	values := f.scrape()
	for _, name := range []string{"long_holds_total{", "nested_acquires_total{", `connections_closed_total{reason="in_transaction",`} {
		if values["db_pool_"+name+`pool="demo"}`] != 0 {
			t.Errorf("%s: %v", name, values)
		}
	}
	if f.log.String() != "" {
		t.Errorf("logged: %s", f.log)
	}
}

func TestWrongRequestsGetErrorStatus(t *testing.T) {
	t.Parallel()
	f := setup(t)
	for _, tt := range []struct {
		method, path string
		status       int
		body         string
	}{
		{"GET", "/users/7", http.StatusOK, `"name":"user 7"`},
		{"GET", "/users/0", http.StatusNotFound, "Not Found\n"},
		{"GET", "/users/x", http.StatusBadRequest, "Bad Request\n"},
		{"GET", "/users/99999999999", http.StatusBadRequest, "Bad Request\n"},
		{"GET", "/users?after=x", http.StatusBadRequest, "Bad Request\n"},
		{"GET", "/users", http.StatusOK, `["user 1",`},
		{"POST", "/users/7/roles/x", http.StatusBadRequest, "Bad Request\n"},
		{"POST", "/users/0/roles/1", http.StatusConflict, "Conflict\n"},
		{"GET", "/transfers", http.StatusMethodNotAllowed, "Method Not Allowed\n"},
		{"GET", "/nothing", http.StatusNotFound, "404 page not found\n"},
		{"GET", "/", http.StatusOK, "<code>/users/{id}/roles/{role}</code>"},
		{"GET", "/metrics", http.StatusOK, `db_pool_size{pool="demo"} 5`},
		{"GET", "/", http.StatusOK, `<form action="/trouble/leak" target="answer">`},
	} {
		if res := request(f.handler, tt.method, tt.path); res.Code != tt.status || !strings.Contains(res.Body.String(), tt.body) {
			t.Errorf("%s %s: status %d: %s", tt.method, tt.path, res.Code, res.Body)
		}
	}
	testutil.Equal(t, "errors", display.Counts(f.sample().errors), "1×23503")
}

func TestRequestsLeaveExemplars(t *testing.T) {
	t.Parallel()
	f := setup(t)
	request(f.handler, "GET", "/users/7")
	scrape := httptest.NewRequest("GET", "/metrics", nil)
	scrape.Header.Set("Accept", "application/openmetrics-text")
	res := httptest.NewRecorder()
	f.handler.ServeHTTP(res, scrape)
	for _, name := range []string{"db_query_duration", "db_pool_acquire_duration", "db_pool_hold_duration", "http_server_request_duration"} {
		if !regexp.MustCompile(`(?m)^` + name + `_seconds_bucket\{.* # \{.*trace_id="`).MatchString(res.Body.String()) {
			t.Errorf("no exemplar of %s:\n%s", name, res.Body)
		}
	}
}

// fixture is the service on its own database, with its metrics and log.
type fixture struct {
	*testing.T
	handler http.Handler
	service *service
	pool    *pgxpool.Pool
	page    *prometheus.Exporter
	last    display.Metrics // of the last sample
	log     *testutil.Buffer
}

func setup(t *testing.T) *fixture {
	t.Helper()
	db := &database{connString: postgrestest.Database(t)}
	testutil.NoError(t, db.prepare(t.Context()))
	page, err := prometheus.New()
	testutil.NoError(t, err)
	f := &fixture{T: t, page: page, log: &testutil.Buffer{}}
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(page))
	pool, inst, err := newPool(t.Context(), db.connString, provider, newLogger(f.log))
	testutil.NoError(t, err)
	t.Cleanup(func() {
		pool.Close()
		testutil.NoError(t, inst.Unregister())
	})
	f.pool = pool
	f.service, err = newService(pool, provider)
	testutil.NoError(t, err)
	f.handler = f.service.handler(page, newFindings(inst))
	return f
}

// scrape returns the values of /metrics.
func (f *fixture) scrape() map[string]float64 {
	f.Helper()
	return parseMetrics(f.T, request(f.handler, "GET", "/metrics").Body.String())
}

// sample returns the values of a line of the terminal.
func (f *fixture) sample() sample {
	f.Helper()
	metrics, err := display.Gather(f.page)
	testutil.NoError(f, err)
	defer func() { f.last = metrics }()
	return newSample(metrics, f.last)
}

func request(handler http.Handler, method, path string) *httptest.ResponseRecorder {
	res := httptest.NewRecorder()
	handler.ServeHTTP(res, httptest.NewRequest(method, path, nil))
	return res
}
