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
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/semconv/v1.43.0/httpconv"

	"github.com/otelpool/otelpool-go/exporters/poolz"
	"github.com/otelpool/otelpool-go/otelpool"
)

// requestTimeout limits a request, including its wait for a connection.
const requestTimeout = 3 * time.Second

// requestBuckets are those that the semantic conventions recommend for http.server.request.duration.
var requestBuckets = []float64{0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10}

// service answers requests with data from the database.
type service struct {
	pool     *pgxpool.Pool
	duration httpconv.ServerRequestDuration
	spans    *sdktrace.TracerProvider
	leaks    atomic.Int64   // how many there were
	held     sync.WaitGroup // connections that a trouble keeps after its request
	closing  chan struct{}
}

// newService returns a service that records its requests with the MeterProvider of the pool, so that /metrics has both.
// Each request has a sampled span, which exemplars need. The demo exports no spans; a real program does.
func newService(pool *pgxpool.Pool, provider metric.MeterProvider) (*service, error) {
	duration, err := httpconv.NewServerRequestDuration(provider.Meter("demo"), metric.WithExplicitBucketBoundaries(requestBuckets...))
	if err != nil {
		return nil, err
	}
	return &service{pool: pool, duration: duration, spans: sdktrace.NewTracerProvider(), closing: make(chan struct{})}, nil
}

// close releases the connections that troubles keep, because closing the pool waits for them. No requests may follow.
func (s *service) close() {
	close(s.closing)
	s.held.Wait()
}

// handler serves the routes, the metrics, the page of the pool, and a page that lists all of them.
func (s *service) handler(metrics http.Handler, found *findings) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", metrics)
	mux.Handle("GET /debug/pool/", poolz.Handler([]*otelpool.Instrumentation{found.inst}, poolz.WithServerView(s.pool.Config().ConnConfig)))
	mux.Handle("GET /{$}", index(found))
	for _, route := range routes {
		mux.Handle(route.method+" "+route.path, s.serve(route))
	}
	for _, trouble := range troubles {
		route := trouble.route()
		mux.Handle(route.method+" "+route.path, s.serve(route))
	}
	return mux
}

// serve answers a route's requests with its result as JSON, and records their duration.
func (s *service) serve(route route) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		name := route.method + " " + route.path
		ctx, span := s.spans.Tracer("demo").Start(r.Context(), name)
		defer span.End()
		// A request should hold one connection at a time.
		ctx, cancel := context.WithTimeout(otelpool.WithScope(ctx, name), requestTimeout)
		defer cancel()
		answer, err := route.do(s, ctx, r)
		status := statusOf(err)
		// The answer is complete before it is written, so the duration does not depend on the client.
		s.duration.Record(ctx, time.Since(start).Seconds(), httpconv.RequestMethodAttr(route.method), "http",
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

// statusOf returns the HTTP status for the error of a route.
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
	default: // the database is unreachable or too slow
		return http.StatusServiceUnavailable
	}
}

// number parses a number in a request.
func number(text string) (int32, error) {
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return 0, errBadRequest
	}
	return int32(n), nil
}

// newServer returns a server with limits, so that no client can block it.
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

// stopServer shuts the server down. It waits for running requests for a limited time.
func stopServer(server *http.Server) {
	ctx, cancel := context.WithTimeout(context.Background(), requestTimeout+time.Second)
	defer cancel()
	if server.Shutdown(ctx) != nil {
		_ = server.Close() // the listener is closed already
	}
}
