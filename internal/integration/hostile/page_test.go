package hostile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
)

// formats are Prometheus' Accept headers.
var formats = []string{
	config.ScrapeProtocolsHeaders[config.PrometheusText0_0_4],
	config.ScrapeProtocolsHeaders[config.OpenMetricsText1_0_0],
	config.ScrapeProtocolsHeaders[config.PrometheusProto],
}

// series maps labels, including the name, to the values of a page.
type series map[string]sample

type sample struct {
	labels   labels.Labels
	value    float64
	exemplar labels.Labels
}

func (all series) of(name string) []sample {
	var found []sample
	for _, s := range all {
		if s.labels.Get(model.MetricNameLabel) == name {
			found = append(found, s)
		}
	}
	return found
}

func (all series) sum(name string) (sum float64) {
	for _, s := range all.of(name) {
		sum += s.value
	}
	return sum
}

func scrape(t testing.TB, handler http.Handler, accept string) series {
	t.Helper()
	return scrapePage(t, handler, accept).series
}

func scrapeBody(t testing.TB, handler http.Handler, accept string) (body []byte, contentType string) {
	t.Helper()
	request := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	request.Header.Set("Accept", accept)
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, request)
	if recorder.Code != http.StatusOK {
		t.Fatalf("status %d: %s", recorder.Code, recorder.Body)
	}
	return recorder.Body.Bytes(), recorder.Header().Get("Content-Type")
}

// page is the whole content of a page.
type page struct {
	series series
	about  map[string]string // type and help text by name; counters without _total
}

func scrapePage(t testing.TB, handler http.Handler, accept string) page {
	t.Helper()
	body, contentType := scrapeBody(t, handler, accept)
	p, err := readPage(body, contentType)
	if err != nil {
		t.Fatalf("%s: %v\n%.4000q", contentType, err, body)
	}
	return p
}

// readPage parses a page as Prometheus does, and text also with expfmt. Duplicate series and text that is not UTF-8 are
// errors.
func readPage(body []byte, contentType string) (page, error) {
	all := page{series{}, map[string]string{}}
	parser, err := textparse.New(body, contentType, nil, textparse.ParserOptions{KeepClassicOnClassicAndNativeHistograms: true})
	if err != nil {
		return all, err
	}
	types, helps := map[string]string{}, map[string]string{}
	for {
		entry, err := parser.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return all, err
		}
		switch entry {
		case textparse.EntryType:
			name, kind := parser.Type()
			types[string(name)] = string(kind)
		case textparse.EntryHelp:
			name, help := parser.Help()
			helps[string(name)] = string(help)
		case textparse.EntrySeries:
			if err := all.series.add(parser, strings.HasPrefix(contentType, "application/openmetrics-text")); err != nil {
				return all, err
			}
		}
	}
	for name, kind := range types {
		family := name
		if kind == string(model.MetricTypeCounter) {
			family = strings.TrimSuffix(name, "_total")
		}
		all.about[family] = kind + ": " + helps[name]
	}
	if strings.HasPrefix(contentType, "text/plain") {
		parser := expfmt.NewTextParser(model.LegacyValidation)
		if _, err := parser.TextToMetricFamilies(bytes.NewReader(body)); err != nil {
			return all, fmt.Errorf("expfmt: %w", err)
		}
	}
	return all, nil
}

// unescape removes the escapes of exemplars in OpenMetrics, which Prometheus leaves in them.
var unescape = strings.NewReplacer(`\\`, `\`, `\"`, `"`, `\n`, "\n")

// add adds the series at the parser's position.
func (all series) add(parser textparse.Parser, escaped bool) error {
	var s sample
	_, _, s.value = parser.Series()
	parser.Labels(&s.labels)
	for e := (exemplar.Exemplar{}); parser.Exemplar(&e); e = (exemplar.Exemplar{}) {
		if !e.Labels.IsValid(model.UTF8Validation) {
			return fmt.Errorf("%s has the exemplar %s", s.labels, e.Labels)
		}
		if s.exemplar = e.Labels; escaped {
			builder := labels.NewScratchBuilder(e.Labels.Len())
			e.Labels.Range(func(l labels.Label) { builder.Add(l.Name, unescape.Replace(l.Value)) })
			s.exemplar = builder.Labels()
		}
	}
	key := s.labels.String()
	if _, twice := all[key]; twice || !s.labels.IsValid(model.LegacyValidation) {
		return fmt.Errorf("%s is duplicate or invalid", key)
	}
	if _, duplicate := s.labels.HasDuplicateLabelNames(); duplicate {
		return fmt.Errorf("%s has a label twice", key)
	}
	all[key] = s
	return nil
}
