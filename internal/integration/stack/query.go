package stack

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/api"
	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
)

// API returns Prometheus' client of the server.
func (p *Prometheus) API() v1.API {
	c, err := api.NewClient(api.Config{Address: p.URL, Client: client})
	if err != nil {
		panic(err) // the URL is valid
	}
	return v1.NewAPI(c)
}

// Query evaluates an expression that returns a vector at the current time.
func (p *Prometheus) Query(ctx context.Context, expression string) (model.Vector, error) {
	value, _, err := p.API().Query(ctx, expression, time.Time{})
	if err != nil {
		return nil, fmt.Errorf("stack: %s: %w", expression, err)
	}
	vector, ok := value.(model.Vector)
	if !ok {
		return nil, fmt.Errorf("stack: %s is a %s: want a vector", expression, value.Type())
	}
	return vector, nil
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
	return float64(samples[0].Value), nil
}
