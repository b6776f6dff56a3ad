package otlp

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding"
)

// newExporter returns OpenTelemetry's exporter for the protocol, and a function that closes the connections that it
// leaves open. It always passes the target. Otherwise the exporters would use TLS for the default endpoint, let
// OTEL_EXPORTER_OTLP_INSECURE override https, and use the TLS files for plain text.
func (c *config) newExporter(ctx context.Context) (sdkmetric.Exporter, func(), error) {
	switch c.compression {
	case CompressionGzip:
		c.pass(otlpmetricgrpc.WithCompressor("gzip"), otlpmetrichttp.WithCompression(otlpmetrichttp.GzipCompression))
	case CompressionNone:
		// The gRPC exporter has no option that overrides gzip of the environment.
		identity := grpc.WithDefaultCallOptions(grpc.UseCompressor(encoding.Identity))
		c.pass(otlpmetricgrpc.WithDialOption(identity), otlpmetrichttp.WithCompression(otlpmetrichttp.NoCompression))
	}
	if c.headers != nil {
		c.pass(otlpmetricgrpc.WithHeaders(c.headers), otlpmetrichttp.WithHeaders(c.headers))
	}
	if c.protocol == ProtocolHTTP {
		client := c.newHTTPClient()
		exporter, err := otlpmetrichttp.New(ctx, append(c.http, otlpmetrichttp.WithEndpointURL(c.target.String()),
			otlpmetrichttp.WithHTTPClient(client), otlpmetrichttp.WithTLSClientConfig(nil))...)
		return exporter, client.CloseIdleConnections, err
	}
	creds := insecure.NewCredentials()
	if c.tls != nil {
		creds = credentials.NewTLS(c.tls)
	}
	exporter, err := otlpmetricgrpc.New(ctx, append(c.grpc, otlpmetricgrpc.WithEndpoint(cmp.Or(c.target.Host, c.target.String())),
		otlpmetricgrpc.WithTLSCredentials(creds), otlpmetricgrpc.WithTimeout(c.timeout))...)
	return exporter, func() {}, err
}

// newHTTPClient returns a client whose connections can be closed. The exporter's own client is shared and keeps its
// connections for 90 seconds.
func (c *config) newHTTPClient() *http.Client {
	return &http.Client{
		Timeout: c.timeout,
		Transport: pathKeeper{target: c.target, Transport: &http.Transport{
			Proxy:             http.ProxyFromEnvironment,
			TLSClientConfig:   c.tls,
			ForceAttemptHTTP2: true,
			IdleConnTimeout:   90 * time.Second,
		}},
		// A redirect would send the headers to another host, or turn the POST into a GET whose 200 looks like success.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// pathKeeper sends each request to target. The exporter would lose escapes such as %2F in its path. It also makes the
// exporter retry when the receiver cannot be reached, or closes the connection before it answers.
type pathKeeper struct {
	*http.Transport
	target *url.URL
}

// RoundTrip implements http.RoundTripper, which must not change the request.
func (k pathKeeper) RoundTrip(request *http.Request) (*http.Response, error) {
	request = request.WithContext(request.Context())
	request.URL = k.target
	response, err := k.Transport.RoundTrip(request)
	// Package tls uses this operation for the receiver's alerts, such as a refused certificate.
	var failed *net.OpError
	if errors.As(err, &failed) && failed.Op != "remote error" ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = temporaryError{err}
	}
	return response, err
}

// temporaryError is an error that the exporter retries, as gRPC does. Package net reports even a refused connection as
// not temporary.
type temporaryError struct{ error }

// Temporary reports that the request may be retried.
func (temporaryError) Temporary() bool { return true }

func (e temporaryError) Unwrap() error { return e.error }
