package main

import (
	"bytes"
	"context"
	"fmt"
	"time"
)

// clear clears a terminal.
const clear = "\x1b[H\x1b[2J"

// watch prints the report repeatedly until ctx ends. A service that does not answer may recover.
func (p program) watch(ctx context.Context, s settings) int {
	status := exitError // if no report was read
	for {
		d, err := p.read(ctx, s)
		if ctx.Err() != nil {
			return status // the last read was interrupted
		}
		var b bytes.Buffer
		if p.terminal {
			b.WriteString(clear)
		}
		fmt.Fprintln(&b, time.Now().Format(time.TimeOnly))
		if err == nil {
			err = d.WriteText(&b)
		}
		b.WriteByte('\n')
		if _, wrote := p.stdout.Write(b.Bytes()); wrote != nil {
			return p.status(d, wrote)
		}
		status = p.status(d, err)
		select {
		case <-time.After(s.interval):
		case <-ctx.Done():
			return status
		}
	}
}
