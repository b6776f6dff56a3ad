package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/otelpool/otelpool-go/examples/internal/fetch"
	"github.com/otelpool/otelpool-go/internal/printable"
)

// pageFormat is a format that every service supports.
const pageFormat = "text/plain;version=0.0.4"

// readPage measures the pools of a service by two scrapes of its page.
func (w environment) readPage(ctx context.Context, page *url.URL, interval time.Duration) ([]measurement, error) {
	start := w.now()
	before, err := w.scrape(ctx, page)
	if err != nil {
		return nil, err
	}
	stopSampling := w.sample(ctx, page, interval/samplesWanted)
	err = w.wait(ctx, interval)
	samples := stopSampling()
	if err != nil {
		return nil, errors.New("stopped before the second scrape")
	}
	end := w.now()
	after, err := w.scrape(ctx, page)
	if err != nil {
		return nil, err
	}
	var measurements []measurement
	for _, k := range after.keys() {
		first := before[k]
		if first == nil {
			first = &totals{} // created in between, so it counts from 0
		}
		diff, ok := after[k].since(first)
		m := measurement{key: k, instances: 1, problem: "its counters fell between the two scrapes: the process was restarted, " +
			"or the address belongs to several processes. Measure one process again"}
		if ok {
			diff.taken, diff.samples = samples[k].mean(), samples[k].n
			m = newMeasurement(k, diff, end.Sub(start))
		}
		measurements = append(measurements, m)
	}
	return measurements, nil
}

const (
	// samplesWanted is how often the page is scraped between the two scrapes that count, for the gauges.
	samplesWanted = 25
	// minSamplePeriod spares the service.
	minSamplePeriod = 20 * time.Millisecond
)

// gaugeSamples are the samples of a gauge.
type gaugeSamples struct{ sum, n float64 }

func (s gaugeSamples) mean() float64 { return s.sum / max(1, s.n) }

// sample begins to scrape the page once a period. The returned function stops it and returns the samples of
// takenMetric, without failed scrapes. A running scrape is not canceled, because the service would count and log a
// client that disconnected.
func (w environment) sample(ctx context.Context, page *url.URL, period time.Duration) (stop func() map[key]gaugeSamples) {
	samples, stopping, done := map[key]gaugeSamples{}, make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(max(period, minSamplePeriod))
		defer ticker.Stop()
		for {
			select {
			case <-stopping:
				return
			case <-ticker.C:
			}
			totals, err := w.scrape(ctx, page)
			if err != nil {
				continue
			}
			for k, of := range totals {
				samples[k] = gaugeSamples{samples[k].sum + of.taken, samples[k].n + 1}
			}
		}
	}()
	return func() map[key]gaugeSamples {
		close(stopping)
		<-done
		return samples
	}
}

// scrape scrapes the page once.
func (w environment) scrape(ctx context.Context, page *url.URL) (totalsByPool, error) {
	status, body, err := fetch.Get(ctx, w.client, page, pageFormat, maxAnswer)
	if err != nil {
		return nil, err
	}
	if status != http.StatusOK {
		return nil, fmt.Errorf("%s: the answer has status %d", fetch.Redacted(page), status)
	}
	totals, err := parsePage(body)
	if err != nil {
		return nil, fmt.Errorf("%s: not a page of metrics: %s", fetch.Redacted(page), printable.Text(err.Error(), maxText))
	}
	return totals, nil
}

func parsePage(body []byte) (totalsByPool, error) {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	totals := totalsByPool{}
	for _, name := range []string{acquiresMetric, phaseMetric, timeoutsMetric, holdMetric, sizeMetric, overflowMetric, peakMetric, takenMetric} {
		family := families[name]
		if family == nil {
			continue
		}
		samples, err := expfmt.ExtractSamples(&expfmt.DecodeOptions{}, family)
		if err != nil {
			return nil, err
		}
		for _, sample := range samples {
			// Only their names distinguish the pools of a page.
			delete(sample.Metric, "job")
			delete(sample.Metric, "instance")
			totals.add(string(sample.Metric[model.MetricNameLabel]), sample.Metric, float64(sample.Value))
		}
	}
	return totals, nil
}
