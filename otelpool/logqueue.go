package otelpool

import (
	"context"
	"log/slog"
	"sync"
)

// maxLogLines is how many lines wait for a logger. Further ones are dropped; their number is added to the next line.
const maxLogLines = 64

// logQueue hands lines to the user's logger on its own goroutine, which runs only while lines are waiting. A logger may
// be slow, block or panic, and must not disturb those who use the pool. It is safe for concurrent use.
type logQueue struct {
	logger *slog.Logger // nil for slog.Default at the time of the line

	mu      sync.Mutex
	waiting []logLine
	running bool
	dropped int
}

type logLine struct {
	message string
	attrs   []slog.Attr
}

// warn queues a line.
func (q *logQueue) warn(message string, attrs ...slog.Attr) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) >= maxLogLines {
		q.dropped++
		return
	}
	if q.dropped > 0 {
		attrs = append(attrs, slog.Int("reports_dropped_before", q.dropped))
		q.dropped = 0
	}
	q.waiting = append(q.waiting, logLine{message, attrs})
	if !q.running {
		q.running = true
		go q.run()
	}
}

func (q *logQueue) run() {
	done := false
	defer func() {
		if !done { // a log handler ended the goroutine, as t.FailNow does
			go q.run()
		}
	}()
	for {
		q.mu.Lock()
		if len(q.waiting) == 0 {
			q.running, q.waiting, done = false, nil, true
			q.mu.Unlock()
			return
		}
		next := q.waiting[0]
		q.waiting = q.waiting[1:]
		q.mu.Unlock()
		q.log(next)
	}
}

func (q *logQueue) log(line logLine) {
	defer func() { _ = recover() }() // a panic of the user's handler must not crash the program
	logger := q.logger
	if logger == nil {
		logger = slog.Default()
	}
	logger.LogAttrs(context.Background(), slog.LevelWarn, line.message, line.attrs...)
}
