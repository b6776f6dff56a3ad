package otlp_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/otelpool/otelpool-go/exporters/otlp"
)

func TestEscapesInPathAreKept(t *testing.T) {
	for given, want := range map[string]string{
		"/a%2Fb":         "/a%2Fb",
		"/a%2fb/v1":      "/a%2fb/v1",
		"/a%20b%25":      "/a%20b%25",
		"/a//b/":         "/a//b/",
		"/a/../b":        "/a/../b",
		"/key=1+2;x@y:z": "/key=1+2;x@y:z",
		"":               "/v1/metrics",
	} {
		got := make(chan string, 1)
		server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got <- r.RequestURI }))
		if err := push(t, otlp.WithEndpointURL(server.URL+given)); err != nil {
			t.Error(err)
		} else if path := <-got; path != want {
			t.Errorf("URL option with path %q: request for %q: want %q", given, path, want)
		}

		t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.URL+"/x%2Fy/")
		if err := push(t); err != nil {
			t.Error(err)
		} else if path := <-got; path != "/x%2Fy/v1/metrics" {
			t.Errorf("variable: request for %q", path)
		}
		server.Close()
	}
}
