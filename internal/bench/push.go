package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelpool/otelpool-go/exporters/otlp"
	"github.com/otelpool/otelpool-go/internal/bench/measure"
	"github.com/otelpool/otelpool-go/internal/bench/peers"
)

// The contenders of the push.
const (
	oursPush    = "otelpool"
	otelpgxPush = "otelpgx, as many pools"
	pointsPush  = "otelpgx, as many data points"
)

// pushRatio is a comparison of pushes of used pools.
type pushRatio struct {
	pools  int
	rounds measure.Rounds
	sites  map[string][2]int // pools and data points, by name
}

// oursReader returns a reader that pushes with exporters/otlp.
func oursReader(url string) (sdkmetric.Reader, error) {
	return otlp.NewReader(context.Background(), otlp.WithProtocol(otlp.ProtocolHTTP), otlp.WithEndpointURL(url),
		otlp.WithCompression(otlp.CompressionNone), otlp.WithInterval(time.Hour))
}

// officialReader returns a reader that pushes with OpenTelemetry's exporter, as its documentation shows.
func officialReader(url string) (sdkmetric.Reader, error) {
	exporter, err := otlpmetrichttp.New(context.Background(), otlpmetrichttp.WithEndpointURL(url+"/v1/metrics"))
	if err != nil {
		return nil, fmt.Errorf("push: %w", err)
	}
	return sdkmetric.NewPeriodicReader(exporter, sdkmetric.WithInterval(time.Hour)), nil
}

// measurePushRatio measures pushes of used pools to a receiver that discards them.
func measurePushRatio(pools int, budget time.Duration) (r pushRatio, err error) {
	r = pushRatio{pools: pools, sites: map[string][2]int{}}
	ours, err := points(peers.Otelpool(), 1)
	if err != nil {
		return r, err
	}
	theirs, err := points(peers.Otelpgx(), 1)
	if err != nil {
		return r, err
	}
	s, err := newSink()
	if err != nil {
		return r, err
	}
	defer s.close()
	var failed error
	var contenders []measure.Contender
	for _, c := range []struct {
		name         string
		maker        peers.Maker
		reader       func(string) (sdkmetric.Reader, error)
		pools, point int
	}{
		{oursPush, peers.Otelpool(), oursReader, pools, ours},
		{otelpgxPush, peers.Otelpgx(), officialReader, pools, theirs},
		{pointsPush, peers.Otelpgx(), officialReader, int(math.Round(float64(pools*ours) / float64(theirs))), theirs},
	} {
		reader, err := c.reader(s.url())
		if err != nil {
			return r, err
		}
		f, err := newUsedFleet(reader, c.maker, c.pools, 1)
		if err != nil {
			return r, err
		}
		defer func() { err = errors.Join(err, f.shutdown()) }()
		r.sites[c.name] = [2]int{c.pools, c.pools * c.point}
		contenders = append(contenders, measure.Contender{Name: c.name, Run: func(time.Duration) int {
			if err := f.provider.ForceFlush(context.Background()); err != nil {
				failed = err
			}
			return 1
		}})
	}
	r.rounds = measure.Interleave(contenders, 0, budget)
	return r, failed
}

// points counts the data points of used pools.
func points(maker peers.Maker, pools int) (n int, err error) {
	reader := sdkmetric.NewManualReader()
	f, err := newUsedFleet(reader, maker, pools, 1)
	if err != nil {
		return 0, err
	}
	var rm metricdata.ResourceMetrics
	err = errors.Join(reader.Collect(context.Background(), &rm), f.shutdown())
	for _, scope := range rm.ScopeMetrics {
		for _, m := range scope.Metrics {
			n += pointsOf(m.Data)
		}
	}
	return n, err
}

func pointsOf(data metricdata.Aggregation) int {
	switch d := data.(type) {
	case metricdata.Gauge[int64]:
		return len(d.DataPoints)
	case metricdata.Gauge[float64]:
		return len(d.DataPoints)
	case metricdata.Sum[int64]:
		return len(d.DataPoints)
	case metricdata.Sum[float64]:
		return len(d.DataPoints)
	case metricdata.Histogram[float64]:
		return len(d.DataPoints)
	}
	panic(fmt.Sprintf("bench: no count of %T", data))
}
