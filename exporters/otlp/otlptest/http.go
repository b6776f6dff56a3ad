package otlptest

import (
	"compress/gzip"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"time"

	colmetricspb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

const contentType = "application/x-protobuf"

// newHTTPServer returns a function that serves until stop is called.
func (r *Receiver) newHTTPServer() (serve func(net.Listener), stop func()) {
	// A failed TLS handshake is the business of the test, not of its output.
	server := &http.Server{
		Handler: http.HandlerFunc(r.export), TLSConfig: r.tls, ErrorLog: log.New(io.Discard, "", 0),
		ReadHeaderTimeout: time.Minute, WriteTimeout: time.Minute,
	}
	return func(listener net.Listener) {
		if r.tls == nil {
			_ = server.Serve(listener)
		} else {
			_ = server.ServeTLS(listener, "", "") // the certificate is in TLSConfig
		}
	}, func() { _ = server.Close() }
}

func (r *Receiver) export(w http.ResponseWriter, request *http.Request) {
	switch {
	case request.URL.Path != r.path:
		http.NotFound(w, request)
		return
	case request.Method != http.MethodPost:
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "method is not POST", http.StatusMethodNotAllowed)
		return
	}
	message, err := decode(request)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	arrival := Request{Header: request.Header.Clone(), Encoding: request.Header.Get("Content-Encoding")}
	if err := r.receive(arrival, message.GetResourceMetrics()); err != nil {
		code := http.StatusBadRequest
		if status.Code(err) == codes.Unavailable {
			code = http.StatusServiceUnavailable
		}
		http.Error(w, err.Error(), code)
		return
	}
	w.Header().Set("Content-Type", contentType) // of an empty ExportMetricsServiceResponse, which has no bytes
}

func decode(request *http.Request) (*colmetricspb.ExportMetricsServiceRequest, error) {
	if got := request.Header.Get("Content-Type"); got != contentType {
		return nil, fmt.Errorf("content type is %q: want %q", got, contentType)
	}
	body := io.Reader(request.Body)
	switch encoding := request.Header.Get("Content-Encoding"); encoding {
	case "":
	case "gzip":
		unzipped, err := gzip.NewReader(body)
		if err != nil {
			return nil, fmt.Errorf("gzip: %w", err)
		}
		body = unzipped
	default:
		return nil, fmt.Errorf("content encoding is %q: want gzip or none", encoding)
	}
	raw, err := io.ReadAll(body)
	if err != nil {
		return nil, fmt.Errorf("read body: %w", err)
	}
	message := &colmetricspb.ExportMetricsServiceRequest{}
	if err := proto.Unmarshal(raw, message); err != nil {
		return nil, fmt.Errorf("decode body: %w", err)
	}
	return message, nil
}
