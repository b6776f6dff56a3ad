package stack

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
)

// Sample is a series' value in the answer to a query.
type Sample struct {
	Labels map[string]string
	Value  float64
}

// Query evaluates an expression that returns a vector at the current time.
func (p *Prometheus) Query(ctx context.Context, expression string) ([]Sample, error) {
	body, err := Get(ctx, p.URL+"/api/v1/query?query="+url.QueryEscape(expression))
	if err != nil {
		return nil, err
	}
	var answer struct {
		Data struct {
			Type   string `json:"resultType"`
			Result []struct {
				Metric map[string]string
				Value  [2]any
			}
		}
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("stack: the answer to %s: %w", expression, err)
	}
	if answer.Data.Type != "vector" {
		return nil, fmt.Errorf("stack: %s is a %s: want a vector", expression, answer.Data.Type)
	}
	samples := make([]Sample, len(answer.Data.Result))
	for i, r := range answer.Data.Result {
		text, _ := r.Value[1].(string)
		value, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, fmt.Errorf("stack: the answer to %s: %w", expression, err)
		}
		samples[i] = Sample{Labels: r.Metric, Value: value}
	}
	return samples, nil
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
