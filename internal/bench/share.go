package main

import (
	"bytes"
	"errors"
	"fmt"
	"runtime/pprof"
	"strings"
	"time"

	"github.com/google/pprof/profile"
)

// share is a part of a scrape's processor time.
type share struct {
	name string
	part float64
}

// The parts of a scrape. A sample of the profile belongs to the part of its innermost function that has one. So the
// time of the standard library and the runtime counts for their callers.
var scrapeParts = []struct{ name, prefix string }{
	{bridgeShare, "github.com/otelpool/otelpool-go/exporters/prometheus."},
	{"otelpool's callback", "github.com/otelpool/otelpool-go/otelpool."},
	{"the SDK's collection", "go.opentelemetry.io/otel/sdk/metric"},
	{"the official exporter's conversion", "go.opentelemetry.io/otel/exporters/prometheus"},
	{"attribute sets", "go.opentelemetry.io/otel/"},
	{"client_golang", "github.com/prometheus/client_golang/"},
	{"writing the page", "github.com/prometheus/common/"},
	{"protobuf and client_model", "github.com/prometheus/client_model/"},
	{"protobuf and client_model", "google.golang.org/protobuf/"},
	{"HTTP, server and client", "net/http."},
}

const (
	bridgeShare = "the bridge itself"
	otherShare  = "the garbage collector and the scheduler"
)

// measureShares profiles scrapes of the bridge and divides the processor time among its parts.
func measureShares(pools, operations int, budget time.Duration) (shares []share, err error) {
	s, err := newSite(bridgeScrape, bridgeSite, pools, operations)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	var raw bytes.Buffer
	if err := pprof.StartCPUProfile(&raw); err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	for begin := time.Now(); time.Since(begin) < budget && err == nil; {
		_, err = s.get(acceptText, "identity")
	}
	pprof.StopCPUProfile()
	if err != nil {
		return nil, err
	}
	p, err := profile.Parse(&raw)
	if err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	return divide(p)
}

// divide returns each part's share of a profile's samples, in the order of scrapeParts.
func divide(p *profile.Profile) (shares []share, err error) {
	var samples int64
	spent := map[string]int64{}
	for _, sample := range p.Sample {
		spent[partOf(sample)] += sample.Value[0]
		samples += sample.Value[0]
	}
	if samples == 0 {
		return nil, errors.New("profile: no samples")
	}
	seen := map[string]bool{}
	for _, part := range scrapeParts {
		if !seen[part.name] {
			seen[part.name] = true
			shares = append(shares, share{part.name, float64(spent[part.name]) / float64(samples)})
		}
	}
	return append(shares, share{otherShare, float64(spent[otherShare]) / float64(samples)}), nil
}

// partOf returns the part that a sample belongs to.
func partOf(sample *profile.Sample) string {
	for _, location := range sample.Location { // the innermost first
		for _, line := range location.Line {
			for _, part := range scrapeParts {
				if strings.HasPrefix(line.Function.Name, part.prefix) {
					return part.name
				}
			}
		}
	}
	return otherShare
}
