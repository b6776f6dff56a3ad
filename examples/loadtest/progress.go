package main

import (
	"context"
	"fmt"
	"io"
	"os"
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

// terminal returns w if it is a terminal, or nil.
func terminal(w io.Writer) io.Writer {
	if f, ok := w.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			return w
		}
	}
	return nil
}
