// Package otlptest provides an OTLP metrics receiver for tests: a real server on a loopback port, over gRPC or HTTP,
// that keeps what it receives.
//
// Give [Receiver.Endpoint] to an exporter, or set OTEL_EXPORTER_OTLP_ENDPOINT to it, and look at [Receiver.Metrics]
// after a flush. Without a flush, [Receiver.Wait] waits until a metric has arrived. [WithRefusal] and [Receiver.Close]
// make the receiver fail as a Collector might.
//
// The receiver takes metrics only, in protobuf, plain or gzipped. It keeps all of them in memory.
package otlptest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
)

// Protocol is the protocol of a [Receiver]. Its value is the one that OTEL_EXPORTER_OTLP_PROTOCOL takes.
type Protocol string

const (
	// GRPC is OTLP over gRPC.
	GRPC Protocol = "grpc"
	// HTTP is OTLP over HTTP, with protobuf bodies.
	HTTP Protocol = "http/protobuf"
)

// Request describes how a request arrived.
type Request struct {
	// Header holds the HTTP headers or the gRPC metadata, under canonical names.
	Header http.Header
	// Encoding is the compression of the body, such as gzip; empty for none.
	Encoding string
}

// Receiver is a running OTLP metrics receiver, made by [New] or [Start]. It is safe for concurrent use.
type Receiver struct {
	config
	addr    string
	stop    func()
	stopped chan struct{}

	mu       sync.Mutex
	requests []Request
	metrics  []*metricspb.ResourceMetrics
	arrived  chan struct{} // closed and replaced when a request was kept
}

// New starts a receiver and closes it when the test ends. The test fails immediately if the receiver cannot start.
func New(t testing.TB, protocol Protocol, opts ...Option) *Receiver {
	t.Helper()
	r, err := Start(protocol, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

// Start starts a receiver where there is no [testing.TB], such as in an example. The caller closes it. It returns an
// error for an unknown protocol, a path that does not begin with a slash, and an address that it cannot listen on.
func Start(protocol Protocol, opts ...Option) (*Receiver, error) {
	r := &Receiver{config: newConfig(opts), arrived: make(chan struct{}), stopped: make(chan struct{})}
	if protocol == HTTP && !strings.HasPrefix(r.path, "/") {
		return nil, fmt.Errorf("otlptest: path %q: want one that begins with a slash", r.path)
	}
	listener, err := net.Listen("tcp", r.listenAddr)
	if err != nil {
		return nil, fmt.Errorf("otlptest: %w", err)
	}
	r.addr = listener.Addr().String()

	var serve func(net.Listener)
	switch protocol {
	case GRPC:
		serve, r.stop = r.newGRPCServer()
	case HTTP:
		serve, r.stop = r.newHTTPServer()
	default:
		err := fmt.Errorf("otlptest: protocol %q: want %q or %q", protocol, GRPC, HTTP)
		return nil, errors.Join(err, listener.Close())
	}
	go func() {
		defer close(r.stopped)
		serve(listener)
	}()
	return r, nil
}

// Close stops the receiver and cuts its connections. Metrics and Requests still return what it received before. A
// second Close does nothing.
func (r *Receiver) Close() {
	r.stop()
	<-r.stopped
}

// Addr returns the receiver's address as host:port.
func (r *Receiver) Addr() string { return r.addr }

// Endpoint returns the receiver's URL, without a path, as OTEL_EXPORTER_OTLP_ENDPOINT takes it.
func (r *Receiver) Endpoint() string {
	if r.tls != nil {
		return "https://" + r.addr
	}
	return "http://" + r.addr
}

// Metrics returns the metrics received so far, in the order of arrival. The caller must not modify them.
func (r *Receiver) Metrics() []*metricspb.ResourceMetrics {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.metrics)
}

// Requests describes the requests received so far, in the order of arrival. It includes those that [WithRefusal]
// refused.
func (r *Receiver) Requests() []Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.requests)
}

// Wait waits until enough returns true, and returns an error when ctx ends before. It calls enough with the metrics
// received so far, at the start and after each request.
func (r *Receiver) Wait(ctx context.Context, enough func([]*metricspb.ResourceMetrics) bool) error {
	for {
		r.mu.Lock()
		metrics, arrived := slices.Clone(r.metrics), r.arrived
		r.mu.Unlock()
		if enough(metrics) {
			return nil
		}
		select {
		case <-arrived:
		case <-ctx.Done():
			return fmt.Errorf("otlptest: %d resource metrics received, not yet enough: %w", len(metrics), ctx.Err())
		}
	}
}

// receive keeps a request, unless the receiver was told to refuse it.
func (r *Receiver) receive(request Request, metrics []*metricspb.ResourceMetrics) error {
	r.mu.Lock()
	r.requests = append(r.requests, request)
	n := len(r.requests)
	r.mu.Unlock()
	if r.refuse != nil {
		if err := r.refuse(n); err != nil {
			return err
		}
	}

	r.mu.Lock()
	defer r.mu.Unlock()
	r.metrics = append(r.metrics, metrics...)
	close(r.arrived)
	r.arrived = make(chan struct{})
	return nil
}

// Latest returns the metric of this name that arrived last, or nil. Its getters may be called on nil.
func Latest(received []*metricspb.ResourceMetrics, name string) *metricspb.Metric {
	for _, rm := range slices.Backward(received) {
		for _, sm := range rm.GetScopeMetrics() {
			for _, m := range sm.GetMetrics() {
				if m.GetName() == name {
					return m
				}
			}
		}
	}
	return nil
}
