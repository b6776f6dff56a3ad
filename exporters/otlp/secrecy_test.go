package otlp_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/otelpool/otelpool-go/exporters/otlp"
	"github.com/otelpool/otelpool-go/exporters/otlp/otlptest"
)

// The secrets of these tests are a part of the path, and a header value with characters that are often escaped.
const (
	pathSecret   = "tenant-0b6a/key=1+2"
	headerSecret = `s3cr3t <&>"\+/=é%41`
)

func TestExportErrorHidesPath(t *testing.T) {
	t.Parallel()
	echo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, fmt.Sprintf("the reason: no %s, %s, %q, %s", r.URL.Path, r.URL.EscapedPath(), r.URL.Path,
			strings.TrimPrefix(r.URL.Path, "/")), http.StatusNotFound)
	}))
	t.Cleanup(echo.Close)
	for name, addr := range map[string]string{"refused": unusedAddr(t), "echoed": strings.TrimPrefix(echo.URL, "http://")} {
		err := push(t, otlp.WithEndpointURL("http://"+addr+"/"+url.PathEscape(pathSecret)+"/v1/metrics"), noRetry)
		if err == nil || !strings.Contains(err.Error(), addr) {
			t.Errorf("%s: error %v: want one with the address %s", name, err, addr)
		}
		wantHidden(t, name, err, "tenant-0b6a", "key=1")
		if name == "echoed" && !strings.Contains(err.Error(), "the reason") {
			t.Errorf("error %v: want the receiver's reason", err)
		}
	}
}

func TestExportErrorHidesEchoedHeaders(t *testing.T) {
	for _, viaEnv := range []bool{false, true} {
		echo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			got := r.Header.Get("Authorization")
			quoted, _ := json.Marshal(got)
			bare := strings.TrimPrefix(got, "Bearer ")
			http.Error(w, strings.Join([]string{"the reason:", got, string(quoted), fmt.Sprintf("%q", got), html.EscapeString(got),
				url.QueryEscape(bare), url.PathEscape(bare), bare, strings.ToUpper(bare)}, "\n"), http.StatusBadRequest)
		}))
		opts := []otlp.Option{otlp.WithEndpointURL(echo.URL), noRetry}
		if viaEnv {
			t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer "+url.PathEscape(headerSecret))
		} else {
			opts = append(opts, otlp.WithHeaders(map[string]string{"authorization": "Bearer " + headerSecret}))
		}
		err := push(t, opts...)
		if err == nil || !strings.Contains(err.Error(), "the reason") || !strings.Contains(err.Error(), "400 Bad Request") {
			t.Errorf("error %v: want the receiver's reason", err)
		}
		wantHidden(t, "HTTP", err, "s3cr3t")
		echo.Close()
	}
}

func TestGRPCErrorHidesEchoedMetadata(t *testing.T) {
	t.Parallel()
	const token = "s3cr3t-token"
	encoded := base64.StdEncoding.EncodeToString([]byte(token))
	receiver := otlptest.New(t, otlptest.GRPC, otlptest.WithRefusal(func(int) error {
		return status.Error(codes.InvalidArgument, "the reason: Bearer "+token+" "+encoded)
	}))
	opts := []otlp.Option{otlp.WithProtocol(otlp.ProtocolGRPC), otlp.WithEndpointURL(receiver.Endpoint()), noRetry,
		otlp.WithHeaders(map[string]string{"authorization": "Bearer " + token, "key-bin": token})}
	err := push(t, opts...)
	if err == nil || !strings.Contains(err.Error(), "the reason") || !strings.Contains(err.Error(), "InvalidArgument") {
		t.Errorf("error %v: want the receiver's reason", err)
	}
	wantHidden(t, "gRPC", err, token, encoded)
}

func TestHiddenErrorKeepsItsCause(t *testing.T) {
	t.Parallel()
	endpoint, _ := hangingReceiver(t)
	provider := newProvider(t, otlp.WithEndpointURL(endpoint+"/secret-path"), noRetry)
	add(t, provider, 1)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := provider.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v: want one that is context.Canceled", err)
	}
}

// wantHidden checks that neither err nor any error in it shows a secret, in any case of letters.
func wantHidden(t *testing.T, name string, err error, secrets ...string) {
	t.Helper()
	if err == nil {
		return
	}
	for _, secret := range secrets {
		if strings.Contains(strings.ToLower(err.Error()), secret) {
			t.Errorf("%s: error %q shows %q", name, err, secret)
		}
	}
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		wantHidden(t, name, e.Unwrap(), secrets...)
	case interface{ Unwrap() []error }:
		for _, part := range e.Unwrap() {
			wantHidden(t, name, part, secrets...)
		}
	}
}
