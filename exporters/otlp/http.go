package otlp

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
)

// defaultTimeout is the default of OTEL_EXPORTER_OTLP_TIMEOUT.
const defaultTimeout = 10 * time.Second

func (s settings) newHTTPExporter(ctx context.Context) (sdkmetric.Exporter, error) {
	target := url.URL{Scheme: "http", Host: s.target.address, Path: unescapePath(s.target.path), RawPath: s.target.path}
	if s.clientTLS != nil {
		target.Scheme = "https"
	}
	client := s.newHTTPClient(target)
	opts := []otlpmetrichttp.Option{
		otlpmetrichttp.WithEndpointURL(target.String()),
		otlpmetrichttp.WithHTTPClient(client),
		// The client has the TLS configuration. The exporter also reads the TLS files of the environment, and would
		// reject a plain-text endpoint because of them.
		otlpmetrichttp.WithTLSClientConfig(nil),
	}
	switch s.compression {
	case CompressionGzip:
		opts = append(opts, otlpmetrichttp.WithCompression(otlpmetrichttp.GzipCompression))
	case CompressionNone:
		opts = append(opts, otlpmetrichttp.WithCompression(otlpmetrichttp.NoCompression))
	}
	if s.headers != nil {
		opts = append(opts, otlpmetrichttp.WithHeaders(s.headers))
	}
	if s.retry != nil {
		opts = append(opts, otlpmetrichttp.WithRetry(otlpmetrichttp.RetryConfig(*s.retry)))
	}
	if s.temporality != nil {
		opts = append(opts, otlpmetrichttp.WithTemporalitySelector(s.temporality))
	}
	if s.aggregation != nil {
		opts = append(opts, otlpmetrichttp.WithAggregationSelector(s.aggregation))
	}
	exporter, err := otlpmetrichttp.New(ctx, opts...)
	if err != nil {
		return nil, err
	}
	return httpExporter{exporter, client}, nil
}

// newHTTPClient returns a client whose connections can be closed. The exporter's own client is shared and keeps its
// connections for 90 seconds.
func (s settings) newHTTPClient(target url.URL) *http.Client {
	timeout := s.timeout
	if timeout == 0 {
		timeout = defaultTimeout
	}
	return &http.Client{
		Timeout: timeout,
		Transport: &pathKeeper{target: target, Transport: &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           (&net.Dialer{Timeout: 30 * time.Second}).DialContext,
			TLSClientConfig:       s.clientTLS,
			TLSHandshakeTimeout:   10 * time.Second,
			ForceAttemptHTTP2:     true,
			IdleConnTimeout:       90 * time.Second,
			ExpectContinueTimeout: time.Second,
		}},
		// A redirect would send the headers to another host, or turn the POST into a GET whose 200 looks like success.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// pathKeeper sends each request to the path of target. The exporter would lose escapes such as %2F, repeated slashes and
// dots. It also makes the exporter retry when the receiver cannot be reached.
type pathKeeper struct {
	*http.Transport
	target url.URL
}

// RoundTrip implements http.RoundTripper, which must not change the request.
func (k *pathKeeper) RoundTrip(request *http.Request) (*http.Response, error) {
	address := *request.URL
	address.Path, address.RawPath = k.target.Path, k.target.RawPath
	request = request.WithContext(request.Context())
	request.URL = &address
	response, err := k.Transport.RoundTrip(request)
	if isConnectionFailure(err) {
		return response, temporaryError{err}
	}
	return response, err
}

// isConnectionFailure reports whether err says that the receiver could not be reached, or closed the connection before it
// answered.
func isConnectionFailure(err error) bool {
	var failed *net.OpError
	if errors.As(err, &failed) {
		// Package tls has these for alerts, such as that of a refused certificate.
		return failed.Op != "remote error" && failed.Op != "local error"
	}
	return errors.As(err, new(*net.DNSError)) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// temporaryError is an error that the exporter retries, as gRPC does. Errors of package net say of themselves that they
// are not temporary, also a refused connection.
type temporaryError struct{ error }

// Temporary reports that the request may be retried.
func (temporaryError) Temporary() bool { return true }

func (e temporaryError) Unwrap() error { return e.error }

// httpExporter closes the client's connections at shutdown, because the exporter itself does not.
type httpExporter struct {
	*otlpmetrichttp.Exporter
	client *http.Client
}

func (e httpExporter) Shutdown(ctx context.Context) error {
	defer e.client.CloseIdleConnections()
	return e.Exporter.Shutdown(ctx)
}
