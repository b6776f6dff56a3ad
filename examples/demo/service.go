package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/semconv/v1.43.0/httpconv"

	"github.com/otelpool/otelpool-go/otelpool"
)

// requestTimeout limits a request, its wait for a connection included.
const requestTimeout = 3 * time.Second

// requestBuckets are those that the semantic conventions recommend for http.server.request.duration.
var requestBuckets = []float64{0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10}

// service answers requests from the database.
type service struct {
	pool     *pgxpool.Pool
	duration httpconv.ServerRequestDuration
	leaks    sync.WaitGroup
	closing  chan struct{}
}

// newService makes the service. It measures its requests with the same MeterProvider, as programs do: /metrics has both.
func newService(pool *pgxpool.Pool, provider metric.MeterProvider) (*service, error) {
	duration, err := httpconv.NewServerRequestDuration(provider.Meter("demo"), metric.WithExplicitBucketBoundaries(requestBuckets...))
	if err != nil {
		return nil, err
	}
	return &service{pool: pool, duration: duration, closing: make(chan struct{})}, nil
}

// close gives back the connections that are leaked: the pool waits for them when it is closed. No request may be in the
// service any more.
func (s *service) close() {
	close(s.closing)
	s.leaks.Wait()
}

// handler serves the routes, the metrics, and a page that lists them all.
func (s *service) handler(metrics http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", metrics)
	mux.Handle("GET /{$}", index())
	for _, route := range routes {
		mux.Handle(route.method+" "+route.path, s.serve(route))
	}
	for _, trouble := range troubles {
		route := trouble.route()
		mux.Handle(route.method+" "+route.path, s.serve(route))
	}
	return mux
}

// serve answers a route's requests with what it returns, as JSON, and measures them.
func (s *service) serve(route route) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		// A request should have one connection at a time.
		ctx, cancel := context.WithTimeout(otelpool.WithScope(r.Context()), requestTimeout)
		defer cancel()
		answer, err := route.do(s, ctx, r)
		status := statusOf(err)
		// At the time of writing the answer is complete: the measured time is the service's, not the client's.
		s.duration.Record(r.Context(), time.Since(start).Seconds(), httpconv.RequestMethodAttr(route.method), "http",
			s.duration.AttrRoute(route.path), s.duration.AttrResponseStatusCode(status))
		if err != nil {
			http.Error(w, http.StatusText(status), status)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(answer) // fails only if the client is gone
	}
}

var errBadRequest = errors.New("bad request")

// statusOf gives the HTTP status for the error of a route.
func statusOf(err error) int {
	pgErr, isPgErr := errors.AsType[*pgconn.PgError](err)
	switch {
	case err == nil:
		return http.StatusOK
	case errors.Is(err, errBadRequest):
		return http.StatusBadRequest
	case errors.Is(err, pgx.ErrNoRows):
		return http.StatusNotFound
	case isPgErr && strings.HasPrefix(pgErr.Code, "23"): // integrity constraint violation
		return http.StatusConflict
	default: // the database is away, or too slow
		return http.StatusServiceUnavailable
	}
}

// number reads a number of a request.
func number(text string) (int32, error) {
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return 0, errBadRequest
	}
	return int32(n), nil
}

// newServer makes a server that no client can hold up.
func newServer(handler http.Handler, stderr io.Writer) *http.Server {
	return &http.Server{
		Handler:           http.MaxBytesHandler(handler, 4<<10),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      20 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          log.New(stderr, "demo: ", 0),
	}
}

// stopServer lets requests end that are being answered, for a while.
func stopServer(server *http.Server) {
	ctx, cancel := context.WithTimeout(context.Background(), requestTimeout+time.Second)
	defer cancel()
	if server.Shutdown(ctx) != nil {
		_ = server.Close() // the listener is closed already
	}
}
