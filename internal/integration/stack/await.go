package stack

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"
)

// client asks the programs for what they serve. It uses no proxy, whatever the environment says: they are on this
// machine.
var client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 4, IdleConnTimeout: time.Minute}}

// Get gives the body of a page. Another status than 200 is an error.
func Get(ctx context.Context, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("stack: %w", err)
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

// Await waits until probe has no error. It ends early when the program does, or ctx; of what the probe said last the
// error tells.
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
