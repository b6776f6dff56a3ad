package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	client "github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	otelprom "go.opentelemetry.io/otel/exporters/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelpool/otelpool-go/exporters/otlp"
	"github.com/otelpool/otelpool-go/exporters/prometheus"
	"github.com/otelpool/otelpool-go/internal/bench/measure"
	"github.com/otelpool/otelpool-go/internal/bench/peers"
)

// scrapeCost is the cost of one way of reading a fleet.
type scrapeCost struct {
	time          time.Duration // median
	allocs, bytes float64
	size          int64 // of the response or request, in bytes
}

// scrapeCell is the size of a fleet, and its costs by the way of reading it.
type scrapeCell struct {
	pools, operations int
	series            int // as Prometheus counts them
	costs             [wayCount]scrapeCost
}

// The ways of reading a fleet.
const (
	manualWay = iota
	textWay
	openMetricsWay
	gzipWay
	otlpWay
	wayCount
)

var wayNames = [wayCount]string{"ManualReader", "HTTP, text", "HTTP, OpenMetrics", "HTTP, gzip", "OTLP push"}

const (
	scrapeTime    = 300 * time.Millisecond // spent on one way of reading
	maxScrapes    = 200
	acceptText    = "text/plain;version=0.0.4"
	acceptMetrics = "application/openmetrics-text;version=1.0.0"
)

// newProvider returns a provider without a cardinality limit.
func newProvider(reader sdkmetric.Reader) *sdkmetric.MeterProvider {
	return sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader), sdkmetric.WithCardinalityLimit(0))
}

// newUsedFleet returns pools that each ran the given number of different operations.
func newUsedFleet(reader sdkmetric.Reader, maker peers.Maker, pools, operations int) (*fleet, error) {
	f := &fleet{provider: newProvider(reader)}
	if err := f.add(pools, maker); err != nil {
		return nil, errors.Join(err, f.shutdown())
	}
	names := make([]string, operations)
	for i := range names {
		names[i] = "SELECT * FROM table_" + strconv.Itoa(i)
	}
	if err := f.use(names...); err != nil {
		return nil, errors.Join(err, f.shutdown())
	}
	return f, nil
}

// shutdown closes the pools and their provider.
func (f *fleet) shutdown() error {
	f.close()
	if err := f.provider.Shutdown(context.Background()); err != nil {
		return fmt.Errorf("shut down the provider: %w", err)
	}
	return nil
}

// measureCell reads a fleet in every way.
func measureCell(pools, operations int) (scrapeCell, error) {
	cell := scrapeCell{pools: pools, operations: operations}
	return cell, errors.Join(cell.manual(), cell.pages(), cell.push())
}

func (c *scrapeCell) manual() error {
	reader := sdkmetric.NewManualReader()
	f, err := newUsedFleet(reader, peers.Otelpool(), c.pools, c.operations)
	if err != nil {
		return err
	}
	var rm metricdata.ResourceMetrics
	c.costs[manualWay], err = timeRuns(func() (int64, error) { return 0, reader.Collect(context.Background(), &rm) })
	return errors.Join(err, f.shutdown())
}

func (c *scrapeCell) pages() error {
	bridge, err := prometheus.New()
	if err != nil {
		return err
	}
	f, err := newUsedFleet(bridge, peers.Otelpool(), c.pools, c.operations)
	if err != nil {
		return err
	}
	s, err := serve(bridge)
	if err != nil {
		return errors.Join(err, f.shutdown())
	}
	defer s.close()
	c.series, err = s.series()
	for _, way := range []struct {
		at             int
		accept, coding string
	}{{textWay, acceptText, "identity"}, {openMetricsWay, acceptMetrics, "identity"}, {gzipWay, acceptText, "gzip"}} {
		cost, runErr := timeRuns(func() (int64, error) { return s.get(way.accept, way.coding) })
		c.costs[way.at], err = cost, errors.Join(err, runErr)
	}
	return errors.Join(err, f.shutdown())
}

func (c *scrapeCell) push() error {
	s, err := newSink()
	if err != nil {
		return err
	}
	defer s.close()
	reader, err := otlp.NewReader(context.Background(), otlp.WithProtocol(otlp.ProtocolHTTP), otlp.WithEndpointURL(s.url()),
		otlp.WithInterval(time.Hour), otlp.WithExportTimeout(time.Minute))
	if err != nil {
		return err
	}
	f, err := newUsedFleet(reader, peers.Otelpool(), c.pools, c.operations)
	if err != nil {
		return err
	}
	c.costs[otlpWay], err = timeRuns(func() (int64, error) {
		before := s.received.Load()
		err := f.provider.ForceFlush(context.Background())
		return s.received.Load() - before, err
	})
	return errors.Join(err, f.shutdown())
}

// timeRuns runs f for a while, at least once after a first run, and returns its cost.
func timeRuns(f func() (size int64, err error)) (c scrapeCost, err error) {
	if c.size, err = f(); err != nil {
		return c, err
	}
	var times []time.Duration
	run := func() {
		start := time.Now()
		_, runErr := f()
		times = append(times, time.Since(start))
		err = errors.Join(err, runErr)
	}
	c.allocs, c.bytes = measure.Allocs(1, run)
	for begin := time.Now(); time.Since(begin) < scrapeTime && len(times) < maxScrapes; {
		run()
	}
	c.time = median(times)
	return c, err
}

// official returns a handler for the metrics of the official exporter, as its documentation shows.
func official() (sdkmetric.Reader, http.Handler, error) {
	registry := client.NewRegistry()
	reader, err := otelprom.New(otelprom.WithRegisterer(registry))
	if err != nil {
		return nil, nil, fmt.Errorf("official exporter: %w", err)
	}
	return reader, served(registry), nil
}

func served(gatherer client.Gatherer) http.Handler {
	return promhttp.HandlerFor(gatherer, promhttp.HandlerOpts{EnableOpenMetrics: true})
}
