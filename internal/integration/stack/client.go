package stack

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// client is the HTTP client for the programs' pages. It ignores the proxy variables, because the programs run on this
// machine.
var client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 4, IdleConnTimeout: time.Minute}}

// Get returns the body of a page. It returns an error for any status but 200.
func Get(ctx context.Context, url string) ([]byte, error) { return GetAs(ctx, url, "") }

// GetAs is Get with an Accept header.
func GetAs(ctx context.Context, url, accept string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("stack: %w", err)
	}
	if accept != "" {
		request.Header.Set("Accept", accept)
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("stack: %w", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	switch {
	case err != nil:
		return nil, fmt.Errorf("stack: %s: %w", url, err)
	case response.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("stack: %s: %s: %.300s", url, response.Status, body)
	}
	return body, nil
}

// serves returns a probe of a page.
func serves(url string) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := Get(ctx, url)
		return err
	}
}

// Page returns the metrics of a page in the text format.
func Page(ctx context.Context, url string) (map[string]*dto.MetricFamily, error) {
	text, err := Get(ctx, url)
	if err != nil {
		return nil, err
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("stack: %s: %w", url, err)
	}
	return families, nil
}

// Await waits until probe returns nil. It ends early if the program or ctx ends; the error then contains the last
// error of probe.
func (p *Process) Await(ctx context.Context, probe func(context.Context) error) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		attempt, cancel := context.WithTimeout(ctx, 10*time.Second)
		err := probe(attempt)
		cancel()
		if err == nil {
			return nil
		}
		select {
		case <-p.done:
			return p.Ended()
		case <-ctx.Done():
			return fmt.Errorf("stack: waiting for %s: %w; last: %w", p.name, context.Cause(ctx), err)
		case <-tick.C:
		}
	}
}
