package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"sync/atomic"
	"time"

	"github.com/IBM/pgxpoolprometheus"
	"github.com/exaring/otelpgx"
	client "github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	otelprom "go.opentelemetry.io/otel/exporters/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelpool/otelpool-go/exporters/otlp"
	"github.com/otelpool/otelpool-go/exporters/prometheus"
	"github.com/otelpool/otelpool-go/internal/bench/peers"
)

// reading reads the metrics of pools.
type reading struct {
	read  func() (sent int64, err error)
	count func() (int, error) // series of a page, or data points
	close func() error
}

// way is a way to read the metrics of pools that ran some operations each.
type way struct {
	name string
	make func(pools, operations int) (reading, error)
}

// Ways that goals compare.
const (
	bridgeScrape   = "otelpool, its bridge"
	directScrape   = "otelpool, direct histograms, its bridge"
	officialScrape = "otelpgx, official exporter"
	oursPush       = "otelpool"
	directPush     = "otelpool, direct histograms"
	otelpgxPoints  = "otelpgx, as many data points"
	otelpgxPush    = "otelpgx, as many pools"
)

func bridgeWay(name string, provide func(sdkmetric.Reader) provider) way {
	return way{name, func(pools, operations int) (reading, error) {
		bridge, err := prometheus.New()
		if err != nil {
			return reading{}, err
		}
		f, err := newFleet(provide(bridge), peers.Otelpool(), pools, operations)
		if err != nil {
			return reading{}, err
		}
		return scrape(bridge, f.shutdown), nil
	}}
}

// officialWay reads otelpgx through OpenTelemetry's exporter, set up as its documentation shows. Each operation has its
// text as its name, so it has its own series.
var officialWay = way{officialScrape, func(pools, operations int) (reading, error) {
	registry := client.NewRegistry()
	reader, err := otelprom.New(otelprom.WithRegisterer(registry))
	if err != nil {
		return reading{}, fmt.Errorf("official exporter: %w", err)
	}
	byText := peers.Otelpgx(otelpgx.WithMetricOperationName(func(_ context.Context, sql string) string { return sql }))
	f, err := newFleet(unlimited(reader), byText, pools, operations)
	if err != nil {
		return reading{}, err
	}
	return scrapeRegistry(registry, f.shutdown), nil
}}

var poolPrometheusWay = way{"pgxpoolprometheus", func(pools, _ int) (reading, error) {
	f, err := newFleet(sdkmetric.NewMeterProvider(), peers.Bare, pools, 0)
	if err != nil {
		return reading{}, err
	}
	registry := client.NewRegistry()
	for i, pool := range f.pools {
		registry.MustRegister(pgxpoolprometheus.NewCollector(pool, map[string]string{"pool": poolName(i)}))
	}
	return scrapeRegistry(registry, f.shutdown), nil
}}

func scrapeRegistry(registry *client.Registry, end func() error) reading {
	return scrape(promhttp.HandlerFor(registry, promhttp.HandlerOpts{}), end)
}

// scrape serves a page on a loopback port and reads it over one connection, as text that is not compressed.
func scrape(handler http.Handler, end func() error) reading {
	server := httptest.NewServer(handler)
	get := func(to io.Writer) (int64, error) {
		request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, server.URL, nil)
		if err != nil {
			return 0, fmt.Errorf("scrape: %w", err)
		}
		request.Header.Set("Accept", "text/plain;version=0.0.4")
		request.Header.Set("Accept-Encoding", "identity")
		response, err := server.Client().Do(request)
		if err != nil {
			return 0, fmt.Errorf("scrape: %w", err)
		}
		size, err := io.Copy(to, response.Body)
		if response.StatusCode != http.StatusOK {
			err = fmt.Errorf("scrape: status %s", response.Status)
		}
		return size, errors.Join(err, response.Body.Close())
	}
	return reading{
		read: func() (int64, error) { return get(io.Discard) },
		count: func() (int, error) { // the lines that are not comments
			var page bytes.Buffer
			_, err := get(&page)
			return bytes.Count(page.Bytes(), []byte("\n")) - bytes.Count(page.Bytes(), []byte("\n#")) - 1, err
		},
		close: func() error { server.Close(); return end() },
	}
}

func dataPoints(reader sdkmetric.Reader) (n int, err error) {
	var rm metricdata.ResourceMetrics
	err = reader.Collect(context.Background(), &rm)
	for _, scope := range rm.ScopeMetrics {
		for _, m := range scope.Metrics {
			n += reflect.ValueOf(m.Data).FieldByName("DataPoints").Len()
		}
	}
	return n, err
}

type pushReader interface {
	sdkmetric.Reader
	ForceFlush(context.Context) error
}

func oursReader(url string) (pushReader, error) {
	return otlp.NewReader(context.Background(), otlp.WithProtocol(otlp.ProtocolHTTP), otlp.WithEndpointURL(url),
		otlp.WithCompression(otlp.CompressionNone), otlp.WithInterval(time.Hour), otlp.WithExportTimeout(time.Minute))
}

// officialReader returns a reader that pushes with OpenTelemetry's exporter, as its documentation shows.
func officialReader(url string) (pushReader, error) {
	exporter, err := otlpmetrichttp.New(context.Background(), otlpmetrichttp.WithEndpointURL(url+"/v1/metrics"))
	if err != nil {
		return nil, fmt.Errorf("push: %w", err)
	}
	return sdkmetric.NewPeriodicReader(exporter, sdkmetric.WithInterval(time.Hour)), nil
}

// pushWay pushes to a receiver that keeps only the size, because decoding would cost more than the push.
func pushWay(
	name string, maker peers.Maker, newReader func(url string) (pushReader, error), provide func(sdkmetric.Reader) provider,
) way {
	return way{name, func(pools, operations int) (reading, error) {
		var received atomic.Int64
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			n, _ := io.Copy(io.Discard, r.Body)
			received.Add(n)
			w.Header().Set("Content-Type", "application/x-protobuf")
		}))
		reader, err := newReader(server.URL)
		if err != nil {
			return reading{}, err
		}
		f, err := newFleet(provide(reader), maker, pools, operations)
		if err != nil {
			return reading{}, err
		}
		return reading{
			read: func() (int64, error) {
				before := received.Load()
				err := reader.ForceFlush(context.Background())
				return received.Load() - before, err
			},
			count: func() (int, error) { return dataPoints(reader) },
			close: func() error { defer server.Close(); return f.shutdown() },
		}, nil
	}}
}
