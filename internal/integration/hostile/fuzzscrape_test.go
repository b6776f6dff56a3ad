package hostile

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/klauspost/compress/zstd"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelpool/otelpool-go/exporters/prometheus"
	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

// FuzzScrape requests a page with nasty names, by requests that no scraper sends.
func FuzzScrape(f *testing.F) {
	for _, accept := range append(formats, "", "*/*", "text/html", "application/openmetrics-text; version=99", "application/openmetrics-text;version=1.0.0;escaping=dots",
		"text/plain;version=1.0.0;escaping=values", "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text",
		"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=compact-text", "text/plain;q=0", ",,,;;;", "q=q=q", strings.Repeat("text/plain,", 300), "application/x-nothing", "text/plain;version=banana;q=2",
		"\xff\xfe;;;=,=;", "application/vnd.google.protobuf;proto=nothing.Here;encoding=delimited") {
		f.Add("GET", "/metrics", accept, "gzip", "")
		f.Add("GET", "/metrics", accept, "nothing, br;q=banana", "")
	}
	for _, query := range []string{"name[]=db_pool_size", "name[]=", "name[]=%00", "name[]=%ff", "name[]=db_pool_size&name[]=x", strings.Repeat("name[]=x&", 300), "%zz", "a;b"} {
		f.Add("GET", "/metrics", formats[1], "zstd", query)
		f.Add("POST", "//../metrics%2f", formats[2], "gzip;q=0, identity", query)
		f.Add("BREW", "/", "", "br", query)
	}
	var reported atomic.Pointer[error]
	exporter, err := prometheus.New(prometheus.WithErrorHandler(otel.ErrorHandlerFunc(func(err error) { reported.Store(&err) })))
	testutil.NoError(f, err)
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter))
	conn := connect(f)
	pool, end := offlinePool(f, provider, otelpool.WithPoolName("a\nb\"c\\d\x00é"), otelpool.WithAttributes(attribute.String("größe", "a\nb")))
	defer end()
	for _, name := range nasty {
		event(otelpool.WithOperation(context.Background(), name), tracerOf(pool), conn, name)
	}
	f.Fuzz(func(t *testing.T, method, path, accept, encoding, query string) {
		request := &http.Request{
			Method: method, URL: &url.URL{Path: path, RawQuery: query}, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Body: http.NoBody,
			Header: http.Header{"Accept": {accept}, "Accept-Encoding": {encoding}}, RemoteAddr: "127.0.0.1:1", Host: "h",
		}
		recorder := httptest.NewRecorder()
		exporter.ServeHTTP(recorder, request)
		if err := reported.Swap(nil); err != nil {
			t.Errorf("a client can fill the log of errors: %v", *err)
		}
		if recorder.Code != http.StatusOK {
			t.Fatalf("status %d: %s", recorder.Code, recorder.Body)
		}
		body, err := unpack(recorder.Body, recorder.Header().Get("Content-Encoding"))
		testutil.NoError(t, err)
		contentType := recorder.Header().Get("Content-Type")
		if strings.Contains(contentType, "encoding=text") || strings.Contains(contentType, "encoding=compact-text") {
			return // protobuf as text for people, which no scraper reads
		}
		page, err := readPage(body, contentType)
		if err != nil {
			t.Fatalf("%s: %v\n%.2000q", contentType, err, body)
		}
		if query == "" && len(page.series) == 0 {
			t.Errorf("%s: the page is empty", contentType)
		}
	})
}

func unpack(body io.Reader, encoding string) ([]byte, error) {
	switch encoding {
	case "gzip":
		r, err := gzip.NewReader(body)
		if err != nil {
			return nil, err
		}
		return io.ReadAll(r)
	case "zstd":
		r, err := zstd.NewReader(body)
		if err != nil {
			return nil, err
		}
		defer r.Close()
		return io.ReadAll(r)
	case "", "identity":
		return io.ReadAll(body)
	}
	return nil, fmt.Errorf("encoding %q", encoding)
}
