package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
)

func TestServiceDoesWhatItsRoutesSay(t *testing.T) {
	t.Parallel()
	handler, reader := setup(t)
	share := 0
	for _, r := range routes {
		share += r.share
		res := request(handler, r.method, r.example())
		// Granting a role to somebody who is not there is the error that the demo wants to show.
		if res.Code != http.StatusOK && !(res.Code == http.StatusConflict && strings.Contains(r.about, "23503")) {
			t.Errorf("%s %s: status %d: %s", r.method, r.path, res.Code, res.Body)
		}
	}
	if share != 100 {
		t.Errorf("the shares of the traffic add up to %d %%", share)
	}
	s, err := collect(t.Context(), reader)
	if err != nil {
		t.Fatal(err)
	}
	// One each, four for the transaction, and two for the import.
	if want := uint64(len(routes) + 3 + 1); s.queries.count != want {
		t.Errorf("%d operations, want %d", s.queries.count, want)
	}
}

func TestServiceAnswersWrongRequests(t *testing.T) {
	t.Parallel()
	handler, reader := setup(t)
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
		{"GET", "/metrics", http.StatusOK, "the metrics"},
	} {
		if res := request(handler, tt.method, tt.path); res.Code != tt.status || !strings.Contains(res.Body.String(), tt.body) {
			t.Errorf("%s %s: status %d: %s", tt.method, tt.path, res.Code, res.Body)
		}
	}
	s, err := collect(t.Context(), reader)
	if err != nil {
		t.Fatal(err)
	}
	if got := formatErrors(s.errors); got != "1×23503" {
		t.Errorf("errors %s", got)
	}
}

func TestStatusTellsWhoseFaultItIs(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		err  error
		want int
	}{
		{nil, http.StatusOK},
		{errBadRequest, http.StatusBadRequest},
		{fmt.Errorf("wrapped: %w", pgx.ErrNoRows), http.StatusNotFound},
		{&pgconn.PgError{Code: "23514"}, http.StatusConflict},
		{&pgconn.PgError{Code: "57P01"}, http.StatusServiceUnavailable},
		{context.DeadlineExceeded, http.StatusServiceUnavailable},
		{errors.New("connection refused"), http.StatusServiceUnavailable},
	} {
		if got := statusOf(tt.err); got != tt.want {
			t.Errorf("%v: %d, want %d", tt.err, got, tt.want)
		}
	}
}

// setup makes the service on a database of its own, and a reader of what it does.
func setup(t *testing.T) (http.Handler, sdkmetric.Reader) {
	t.Helper()
	db := &database{connString: postgrestest.Database(t)}
	if err := db.prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	reader := sdkmetric.NewManualReader()
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	pool, inst, err := newPool(t.Context(), db.connString, provider)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		pool.Close()
		if err := inst.Unregister(); err != nil {
			t.Error(err)
		}
	})
	s, err := newService(pool, provider)
	if err != nil {
		t.Fatal(err)
	}
	return s.handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "the metrics") })), reader
}

func request(handler http.Handler, method, path string) *httptest.ResponseRecorder {
	res := httptest.NewRecorder()
	handler.ServeHTTP(res, httptest.NewRequest(method, path, nil))
	return res
}
