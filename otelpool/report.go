package otelpool

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"
)

// maxReports is how many reports wait for a logger at most. What comes while it is stuck is dropped, and counted in the
// next report that gets through.
const maxReports = 64

// reporter hands reports to the user's logger on a goroutine of its own, which lives while there are some: a logger may
// be slow, block or panic, and nobody who uses the pool is to notice. It is safe for concurrent use.
type reporter struct {
	logger *slog.Logger // nil for slog's default at the time of the report

	mu      sync.Mutex
	waiting []report
	running bool
	dropped int
}

type report struct {
	message string
	attrs   []slog.Attr
}

func newReporter(logger *slog.Logger) *reporter { return &reporter{logger: logger} }

// warn has a report logged, soon.
func (p *reporter) warn(message string, attrs ...slog.Attr) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.waiting) >= maxReports {
		p.dropped++
		return
	}
	if p.dropped > 0 {
		attrs = append(attrs, slog.Int("reports_dropped_before", p.dropped))
		p.dropped = 0
	}
	p.waiting = append(p.waiting, report{message, attrs})
	if !p.running {
		p.running = true
		go p.run()
	}
}

func (p *reporter) run() {
	done := false
	defer func() {
		if !done { // a handler ended the goroutine, as t.FailNow does
			go p.run()
		}
	}()
	for {
		p.mu.Lock()
		if len(p.waiting) == 0 {
			p.running, p.waiting, done = false, nil, true
			p.mu.Unlock()
			return
		}
		next := p.waiting[0]
		p.waiting = p.waiting[1:]
		p.mu.Unlock()
		p.log(next)
	}
}

func (p *reporter) log(r report) {
	defer func() { _ = recover() }() // the user's handler: its panic is not worth the process
	logger := p.logger
	if logger == nil {
		logger = slog.Default()
	}
	logger.LogAttrs(context.Background(), slog.LevelWarn, r.message, r.attrs...)
}

// attrs describe a hold in a log.
func (r *recorder) attrs(s *connState, a *acquire, age time.Duration) []slog.Attr {
	attrs := []slog.Attr{slog.String("pool", r.pool), slog.Duration("age", age)}
	if a.holder != nil {
		attrs = append(attrs, slog.String("operation", a.holder.name))
	}
	if doing := s.activity.Load(); doing != nil {
		attrs = append(attrs, slog.String("query", doing.op.name), slog.Bool("query_running", doing.running))
	}
	if sc := trace.SpanContextFromContext(a.Context); sc.HasTraceID() {
		attrs = append(attrs, slog.String("trace_id", sc.TraceID().String()))
	}
	if stack := s.stackFor(a); len(stack) > 0 {
		attrs = append(attrs, slog.String("stack", formatStack(stack)))
	}
	return attrs
}
