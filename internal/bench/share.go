package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime/pprof"
	"strings"
	"time"

	"github.com/google/pprof/profile"

	"github.com/otelpool/otelpool-go/internal/bench/measure"
)

// scrapeParts are the parts of a scrape. A sample of the profile belongs to the part of its innermost function that has
// one. So the time of the standard library and the runtime counts for their callers.
var scrapeParts = []struct{ name, prefix string }{
	{"the bridge itself", "github.com/otelpool/otelpool-go/exporters/prometheus."},
	{"otelpool's callback", "github.com/otelpool/otelpool-go/otelpool."},
	{"the SDK's collection", "go.opentelemetry.io/otel/sdk/metric"},
	{"attribute sets", "go.opentelemetry.io/otel/"},
	{"client_golang", "github.com/prometheus/client_golang/"},
	{"writing the page", "github.com/prometheus/common/"},
	{"client_model", "github.com/prometheus/client_model/"},
	{"protobuf", "google.golang.org/protobuf/"},
	{"HTTP, server and client", "net/http."},
	{"the garbage collector and the scheduler", ""},
}

// measureShares profiles scrapes of the bridge and divides the processor time among its parts.
func measureShares(_ context.Context, r *report, budget time.Duration) error {
	reading, err := bridgeWay(bridgeScrape, acceptText, "identity", unlimited).make(100, 1)
	if err != nil {
		return err
	}
	var raw bytes.Buffer
	err = pprof.StartCPUProfile(&raw)
	for begin := time.Now(); time.Since(begin) < budget && err == nil; {
		_, err = reading.read()
	}
	pprof.StopCPUProfile()
	if err := errors.Join(err, reading.close()); err != nil {
		return err
	}
	p, err := profile.Parse(&raw)
	if err != nil {
		return fmt.Errorf("profile: %w", err)
	}
	spent, samples := make([]int64, len(scrapeParts)), int64(0)
	for _, sample := range p.Sample {
		spent[partOf(sample)] += sample.Value[0]
		samples += sample.Value[0]
	}
	var rows [][]string
	for i, part := range scrapeParts {
		share := measure.Exactly(float64(spent[i]) / float64(samples))
		rows = append(rows, []string{part.name, share.Format(0.01, 1) + " %"})
	}
	r.table("Who spends the processor time of a scrape of 100 pools by the bridge", []string{"", "share"}, rows)
	return nil
}

// partOf returns the index of the part that a sample belongs to.
func partOf(sample *profile.Sample) int {
	for _, location := range sample.Location { // the innermost first
		for _, line := range location.Line {
			for i, part := range scrapeParts[:len(scrapeParts)-1] {
				if strings.HasPrefix(line.Function.Name, part.prefix) {
					return i
				}
			}
		}
	}
	return len(scrapeParts) - 1
}
