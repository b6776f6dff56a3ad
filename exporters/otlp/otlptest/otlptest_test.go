package otlptest_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	colmetricspb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/otelpool/otelpool-go/exporters/otlp/otlptest"
)

const patience = 30 * time.Second

func message(name string) *colmetricspb.ExportMetricsServiceRequest {
	return &colmetricspb.ExportMetricsServiceRequest{ResourceMetrics: []*metricspb.ResourceMetrics{{
		ScopeMetrics: []*metricspb.ScopeMetrics{{Metrics: []*metricspb.Metric{{Name: name}}}},
	}}}
}

func send(t *testing.T, receiver *otlptest.Receiver, name string) error {
	t.Helper()
	conn, err := grpc.NewClient(receiver.Addr(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	noError(t, err)
	defer conn.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, err = colmetricspb.NewMetricsServiceClient(conn).Export(ctx, message(name))
	return err
}

func post(t *testing.T, url, contentType, encoding string, body []byte) int {
	t.Helper()
	request, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(body))
	noError(t, err)
	request.Header.Set("Content-Type", contentType)
	if encoding != "" {
		request.Header.Set("Content-Encoding", encoding)
	}
	client := http.Client{Timeout: patience}
	defer client.CloseIdleConnections()
	response, err := client.Do(request)
	noError(t, err)
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode
}

func TestReceiverTakesOnlyOTLPOverHTTP(t *testing.T) {
	t.Parallel()
	body, err := proto.Marshal(message("a"))
	noError(t, err)
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	if _, err := w.Write(body); err != nil {
		t.Fatal(err)
	}
	noError(t, w.Close())

	const protobuf, path = "application/x-protobuf", "/v1/metrics"
	for _, tc := range []struct {
		name, path, contentType, encoding string
		body                              []byte
		want                              int
	}{
		{"protobuf", path, protobuf, "", body, http.StatusOK},
		{"gzip", path, protobuf, "gzip", zipped.Bytes(), http.StatusOK},
		{"JSON", path, "application/json", "", []byte("{}"), http.StatusBadRequest},
		{"garbage", path, protobuf, "", []byte("\xff\xff"), http.StatusBadRequest},
		{"no gzip", path, protobuf, "gzip", body, http.StatusBadRequest},
		{"half a gzip", path, protobuf, "gzip", zipped.Bytes()[:zipped.Len()/2], http.StatusBadRequest},
		{"unknown encoding", path, protobuf, "br", body, http.StatusBadRequest},
		{"unknown path", "/", protobuf, "", body, http.StatusNotFound},
	} {
		receiver := otlptest.New(t, otlptest.HTTP)
		if got := post(t, receiver.Endpoint()+tc.path, tc.contentType, tc.encoding, tc.body); got != tc.want {
			t.Errorf("%s: status %d: want %d", tc.name, got, tc.want)
		}
		if kept := len(receiver.Metrics()) == 1; kept != (tc.want == http.StatusOK) {
			t.Errorf("%s: kept %v", tc.name, kept)
		}
	}
}

func TestRefusedRequestIsSeenButNotKept(t *testing.T) {
	t.Parallel()
	refusal := otlptest.WithRefusal(func(n int) error {
		return []error{status.Error(codes.Unavailable, "down"), errors.New("bad"), nil}[n-1]
	})
	body, err := proto.Marshal(message("a"))
	noError(t, err)

	overHTTP := otlptest.New(t, otlptest.HTTP, refusal)
	for _, want := range []int{http.StatusServiceUnavailable, http.StatusBadRequest, http.StatusOK} {
		if got := post(t, overHTTP.Endpoint()+"/v1/metrics", "application/x-protobuf", "", body); got != want {
			t.Errorf("status %d: want %d", got, want)
		}
	}
	overGRPC := otlptest.New(t, otlptest.GRPC, refusal)
	for _, want := range []codes.Code{codes.Unavailable, codes.Unknown, codes.OK} {
		if got := status.Code(send(t, overGRPC, "a")); got != want {
			t.Errorf("code %v: want %v", got, want)
		}
	}
	for _, r := range []*otlptest.Receiver{overHTTP, overGRPC} {
		if seen, kept := len(r.Requests()), len(r.Metrics()); seen != 3 || kept != 1 {
			t.Errorf("%d requests seen, %d kept: want 3 and 1", seen, kept)
		}
	}
}

func TestWaitEndsByPushOrContext(t *testing.T) {
	t.Parallel()
	receiver := otlptest.New(t, otlptest.GRPC)
	has := func(name string) func([]*metricspb.ResourceMetrics) bool {
		return func(got []*metricspb.ResourceMetrics) bool { return otlptest.Latest(got, name) != nil }
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()

	waited := make(chan error, 1)
	go func() { waited <- receiver.Wait(ctx, has("b")) }()
	for _, name := range []string{"a", "b"} {
		noError(t, send(t, receiver, name))
	}
	noError(t, <-waited)

	cancel()
	if err := receiver.Wait(ctx, has("c")); !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "2 resource metrics") {
		t.Errorf("got error %v: want one that says what has arrived, by the context", err)
	}
}

func TestInvalidSettingIsAnError(t *testing.T) {
	t.Parallel()
	for path, protocol := range map[string]otlptest.Protocol{"/": "udp", "": otlptest.HTTP, "v1/metrics": otlptest.HTTP, "{": otlptest.HTTP} {
		if r, err := otlptest.Start(protocol, otlptest.WithPath(path)); err == nil || r != nil {
			t.Errorf("%s, path %q: got receiver %v, error %v: want an error only", protocol, path, r, err)
		}
	}
}

func TestOnlyPOSTOfThePathIsTaken(t *testing.T) {
	t.Parallel()
	receiver := otlptest.New(t, otlptest.HTTP, nil, otlptest.WithPath("/{a b"))
	body, err := proto.Marshal(message("a"))
	noError(t, err)
	if got := post(t, receiver.Endpoint()+"/%7Ba%20b", "application/x-protobuf", "", body); got != http.StatusOK {
		t.Errorf("POST: status %d, want 200", got)
	}
	response, err := http.Get(receiver.Endpoint() + "/%7Ba%20b")
	noError(t, err)
	defer response.Body.Close()
	if response.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("GET: status %d, want 405", response.StatusCode)
	}
}

func noError(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
