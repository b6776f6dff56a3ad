package hostile

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelpool/otelpool-go/exporters/otlp/otlptest"
	"github.com/otelpool/otelpool-go/exporters/prometheus"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

// surfaces holds all output by its source. It is safe for concurrent use.
type surfaces struct {
	mu    sync.Mutex
	texts map[string]*bytes.Buffer
}

func newSurfaces() *surfaces { return &surfaces{texts: map[string]*bytes.Buffer{}} }

func (s *surfaces) add(where string, what any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.texts[where] == nil {
		s.texts[where] = new(bytes.Buffer)
	}
	switch what := what.(type) {
	case []byte:
		s.texts[where].Write(what)
	case error: // also with the errors it wraps
		for err := what; err != nil; err = errors.Unwrap(err) {
			fmt.Fprintf(s.texts[where], "%v %+v %#v\n", err, err, err)
		}
	default:
		fmt.Fprintf(s.texts[where], "%v\n", what)
	}
}

func (s *surfaces) writer(where string) io.Writer {
	return writerFunc(func(b []byte) (int, error) { s.add(where, bytes.Clone(b)); return len(b), nil })
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

// check searches all surfaces for secrets. It also checks that each contains the expected words, because an empty
// surface proves nothing.
func (s *surfaces) check(t *testing.T, says map[string][]string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	total := 0
	defer func() { recordFigure(t, "%d kB on %d surfaces searched", total>>10, len(s.texts)) }()
	for where, text := range s.texts {
		total += text.Len()
		if at := strings.Index(text.String(), mark); at >= 0 {
			t.Errorf("%s shows a secret: %.300q", where, text.String()[max(0, at-150):])
		}
	}
	for where, words := range says {
		for _, word := range words {
			if text := s.texts[where]; text == nil || !strings.Contains(text.String(), word) {
				t.Errorf("%s does not say %q: %.500q", where, word, text.String()) // a nil one contains nothing
			}
		}
	}
}

// expected returns the words that each surface must contain, so that the search covers real output.
func expected() map[string][]string {
	says := map[string][]string{
		"log": {"connection held for long"}, "default log": {"connection released in a transaction"},
		"flush's errors": {"127.0.0.1:1"}, "shutdown's error": {"127.0.0.1:1"}, "spans": {"request"}, "holds": {"mine"},
		"live page /": {"mine"}, "live page /report.json": {`"operation":"mine"`}, "live page /report.txt": {"connections"},
		"errors of acquires": {"no connection of pool"}, "constructors' errors": {"malformed connection string"},
	}
	for _, surface := range []struct {
		name    string
		ofPools []string
		always  []string
	}{
		{"text", []string{"# HELP db_pool_size ", "db_pool_size{", `db_pool_acquires_total{pool="sized",result="ok"}`}, []string{"db_query_duration_seconds_bucket"}},
		{"OpenMetrics", []string{"# HELP db_pool_size ", "db_pool_size{", "db_pool_acquires_total{"}, []string{"db_query_duration_seconds_bucket", "trace_id"}},
		{"protobuf", []string{"db_pool_size", "db_pool_acquires_total"}, []string{"db_query_duration_seconds", "trace_id"}},
		{"metrics", []string{`"pgxpool.size"`, `"pgxpool.acquires"`}, []string{`"P0001"`, `"TraceID":"`}},
		{"OTLP 0", []string{`"pgxpool.size"`, `"pgxpool.acquires"`}, []string{"db.client.operation.duration", "trace_id"}},
		{"OTLP 1", []string{`"pgxpool.size"`, `"pgxpool.acquires"`}, []string{"db.client.operation.duration", "trace_id"}},
	} {
		says[surface.name+" of pools in use"] = append(surface.ofPools, surface.always...)
		says[surface.name+" after them"] = surface.always
	}
	return says
}

// look adds the current output of each exporter: whole pages as they are sent, metrics with their exemplars, and
// pushes.
func look(t *testing.T, s *surfaces, when string, exporter *prometheus.Exporter, manual sdkmetric.Reader, provider *sdkmetric.MeterProvider, receivers []*otlptest.Receiver) {
	t.Helper()
	for i, name := range []string{"text", "OpenMetrics", "protobuf"} {
		body, contentType := scrapeBody(t, exporter, formats[i])
		if _, err := readPage(body, contentType); err != nil {
			t.Errorf("%s%s: %v", name, when, err)
		}
		s.add(name+when, body)
	}
	var rm metricdata.ResourceMetrics
	testutil.NoError(t, manual.Collect(t.Context(), &rm))
	asJSON, err := json.Marshal(rm.ScopeMetrics)
	testutil.NoError(t, err)
	s.add("metrics"+when, asJSON)
	before := make([]int, len(receivers))
	for i, receiver := range receivers {
		before[i] = len(receiver.Metrics())
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*waitLimit)
	defer cancel()
	s.add("flush's errors", provider.ForceFlush(ctx)) // two endpoints are unreachable
	for i, receiver := range receivers {
		s.add(fmt.Sprint("OTLP ", i, when), fmt.Sprint(receiver.Metrics()[before[i]:]))
	}
}
