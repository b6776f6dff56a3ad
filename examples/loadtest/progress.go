package main

import (
	"context"
	"fmt"
	"time"
)

const progressInterval = 200 * time.Millisecond

// showProgress shows how far the load of a size is until ctx ends.
func (c *curve) showProgress(ctx context.Context, size int, start time.Time) {
	tick := time.NewTicker(progressInterval)
	defer tick.Stop()
	for ctx.Err() == nil {
		if c.progress != nil {
			fmt.Fprintf(c.progress, "\rrun %d, %s: %2.0f of %.0f s ", len(c.points)+1, connections(size),
				time.Since(start).Seconds(), c.duration.Seconds())
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	if c.progress != nil {
		fmt.Fprintf(c.progress, "\r%60s\r", "")
	}
}
