package otelpool

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
)

// TestDroppedLinesAreCounted has a logger that waits until each of its lines is read.
func TestDroppedLinesAreCounted(t *testing.T) {
	t.Parallel()
	reader, writer := io.Pipe()
	q := logQueue{logger: slog.New(slog.NewTextHandler(writer, nil))}
	const all = 100
	for range all {
		q.warn("early")
	}
	lines := bufio.NewScanner(reader)
	logged := 0
	for ; logged < maxLogLines; logged++ {
		lines.Scan()
	}
	q.warn("last") // most lines are written, so there is room
	for lines.Scan() && strings.Contains(lines.Text(), "early") {
		logged++
	}
	if want := fmt.Sprintf("msg=last reports_dropped_before=%d", all-logged); !strings.HasSuffix(lines.Text(), want) {
		t.Errorf("after %d lines: %q, want %s", logged, lines.Text(), want)
	}
}
