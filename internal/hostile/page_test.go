package hostile

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
)

// formats are what Prometheus asks for, in its own words.
var formats = []string{
	config.ScrapeProtocolsHeaders[config.PrometheusText0_0_4],
	config.ScrapeProtocolsHeaders[config.OpenMetricsText1_0_0],
	config.ScrapeProtocolsHeaders[config.PrometheusProto],
}

// series are the values of a page by their labels, the name among them.
type series map[string]sample

type sample struct {
	labels labels.Labels
	value  float64
}

// of gives the series of a metric.
func (all series) of(name string) []sample {
	var found []sample
	for _, s := range all {
		if s.labels.Get(model.MetricNameLabel) == name {
			found = append(found, s)
		}
	}
	return found
}

// sum adds the values of a metric.
func (all series) sum(name string) (sum float64) {
	for _, s := range all.of(name) {
		sum += s.value
	}
	return sum
}

// scrape asks a handler for its page.
func scrape(t testing.TB, handler http.Handler, accept string) series {
	t.Helper()
	request := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	request.Header.Set("Accept", accept)
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, request)
	if recorder.Code != http.StatusOK {
		t.Fatalf("status %d: %s", recorder.Code, recorder.Body)
	}
	all, err := read(recorder.Body.Bytes(), recorder.Header().Get("Content-Type"))
	if err != nil {
		t.Fatalf("%s: %v\n%.4000q", recorder.Header().Get("Content-Type"), err, recorder.Body)
	}
	return all
}

// scrapeAll asks for the page in each format, and gives what is read: the same each time.
func scrapeAll(t testing.TB, handler http.Handler) series {
	t.Helper()
	first := scrape(t, handler, formats[0])
	for _, format := range formats[1:] {
		for key := range scrape(t, handler, format) {
			// The name of a counter's metadata differs by format, its series does not.
			if _, there := first[key]; !there && !strings.HasPrefix(key, `{__name__="target_info"`) {
				t.Errorf("%s: the text format has no %s", format, key)
			}
		}
	}
	return first
}

// read reads a page as Prometheus does, and where it is text also as expfmt does. A duplicate series is an error, and
// so is an exemplar or a label that is no UTF-8.
func read(body []byte, contentType string) (series, error) {
	parser, err := textparse.New(body, contentType, nil, textparse.ParserOptions{KeepClassicOnClassicAndNativeHistograms: true})
	if err != nil {
		return nil, err
	}
	all := series{}
	for {
		entry, err := parser.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		if entry != textparse.EntrySeries {
			continue
		}
		var s sample
		_, _, s.value = parser.Series()
		parser.Labels(&s.labels)
		for e := (exemplar.Exemplar{}); parser.Exemplar(&e); e = (exemplar.Exemplar{}) {
			if !e.Labels.IsValid(model.UTF8Validation) {
				return nil, fmt.Errorf("%s has the exemplar %s", s.labels, e.Labels)
			}
		}
		key := s.labels.String()
		if _, twice := all[key]; twice || !s.labels.IsValid(model.LegacyValidation) {
			return nil, fmt.Errorf("%s is there twice, or no valid series", key)
		}
		if _, duplicate := s.labels.HasDuplicateLabelNames(); duplicate {
			return nil, fmt.Errorf("%s has a label twice", key)
		}
		all[key] = s
	}
	if strings.HasPrefix(contentType, "text/plain") {
		if _, err := expfmtParser().TextToMetricFamilies(bytes.NewReader(body)); err != nil {
			return nil, fmt.Errorf("expfmt: %w", err)
		}
	}
	return all, nil
}

func expfmtParser() *expfmt.TextParser {
	parser := expfmt.NewTextParser(model.LegacyValidation)
	return &parser
}

// unpack undoes the compression of an answer.
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
