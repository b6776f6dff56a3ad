package e2e_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"

	"github.com/otelpool/otelpool-go/internal/testutil"
)

// Prometheus' own Accept headers, by format.
var (
	text        = config.ScrapeProtocolsHeaders[config.PrometheusText0_0_4]
	openMetrics = config.ScrapeProtocolsHeaders[config.OpenMetricsText1_0_0]
	protobuf    = config.ScrapeProtocolsHeaders[config.PrometheusProto]
)

// sample is a value of a series on a page, or in the answer to a query.
type sample struct {
	labels labels.Labels
	value  float64
	native *histogram.Histogram // instead of value
}

// page is a page of metrics as Prometheus reads it.
type page []sample

// read fetches a page in a format and parses it as Prometheus does.
func (s *service) read(t testing.TB, format string) page {
	t.Helper()
	request, err := http.NewRequest(http.MethodGet, s.url, nil)
	testutil.NoError(t, err)
	request.Header.Set("Accept", format)
	response, err := http.DefaultClient.Do(request)
	testutil.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", response.Status, body, err)
	}
	p, err := parse(body, response.Header.Get("Content-Type"))
	if err != nil {
		t.Fatalf("parse %s: %v\n%s", response.Header.Get("Content-Type"), err, body)
	}
	return p
}

// parse reads a whole page. It is stricter than Prometheus, which uses another parser for an unknown content type.
func parse(body []byte, contentType string) (page, error) {
	var p page
	parser, err := textparse.New(body, contentType, nil, textparse.ParserOptions{})
	if err != nil {
		return p, err
	}
	for {
		entry, err := parser.Next()
		if errors.Is(err, io.EOF) {
			return p, nil
		}
		if err != nil {
			return p, err
		}
		var s sample
		var timestamp *int64
		switch entry {
		case textparse.EntrySeries:
			_, timestamp, s.value = parser.Series()
		case textparse.EntryHistogram:
			_, timestamp, s.native, _ = parser.Histogram()
		default:
			continue
		}
		parser.Labels(&s.labels)
		if timestamp != nil {
			return p, fmt.Errorf("%s has a timestamp, which belongs to the scrape", s.labels)
		}
		if entry == textparse.EntryHistogram && s.native == nil {
			return p, fmt.Errorf("%s is a histogram of floats", s.labels)
		}
		p = append(p, s)
	}
}

func (p page) gauge(t testing.TB, name string) float64 {
	t.Helper()
	var found []sample
	for _, s := range p {
		if s.labels.Get(model.MetricNameLabel) == name {
			found = append(found, s)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d series %s, want one: %v", len(found), name, found)
	}
	return found[0].value
}
