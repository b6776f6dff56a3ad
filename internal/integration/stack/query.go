package stack

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"

	"github.com/prometheus/common/model"
)

// Sample is a series' value in the answer to a query.
type Sample struct {
	Labels map[string]string
	Value  float64
}

// API reads the data of an answer of Prometheus' API.
func (p *Prometheus) API(ctx context.Context, path string, query url.Values, data any) error {
	body, err := Get(ctx, p.URL+"/api/v1/"+path+"?"+query.Encode())
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, &struct{ Data any }{data}); err != nil {
		return fmt.Errorf("stack: the answer to %s: %w", query, err)
	}
	return nil
}

// Query evaluates an expression that returns a vector at the current time.
func (p *Prometheus) Query(ctx context.Context, expression string) ([]Sample, error) {
	var data struct {
		Type   string `json:"resultType"`
		Result json.RawMessage
	}
	if err := p.API(ctx, "query", url.Values{"query": {expression}}, &data); err != nil {
		return nil, err
	}
	if data.Type != "vector" {
		return nil, fmt.Errorf("stack: %s is a %s: want a vector", expression, data.Type)
	}
	var vector model.Vector
	if err := json.Unmarshal(data.Result, &vector); err != nil {
		return nil, fmt.Errorf("stack: the answer to %s: %w", expression, err)
	}
	return Samples(vector), nil
}

// Samples returns the samples of a vector.
func Samples(vector model.Vector) []Sample {
	samples := make([]Sample, len(vector))
	for i, s := range vector {
		samples[i] = Sample{Labels: make(map[string]string), Value: float64(s.Value)}
		for name, value := range s.Metric {
			samples[i].Labels[string(name)] = string(value)
		}
	}
	return samples
}

// Number evaluates an expression that returns at most one series, and returns its value or 0.
func (p *Prometheus) Number(ctx context.Context, expression string) (float64, error) {
	samples, err := p.Query(ctx, expression)
	if err != nil || len(samples) == 0 {
		return 0, err
	}
	if len(samples) > 1 {
		return 0, fmt.Errorf("stack: %s returns %d series: want one", expression, len(samples))
	}
	return samples[0].Value, nil
}
