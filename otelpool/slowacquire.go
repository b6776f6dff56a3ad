package otelpool

import (
	"cmp"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/otelpool/otelpool-go/otelpool/diagnose"
)

// never is longer than any acquire.
const never time.Duration = math.MaxInt64

// maxHolders is how many of the holders a line shows.
const maxHolders = 3

// slowAcquire logs what is wrong with the pool, because an acquire is or was slow, or timed out. To not delay the
// caller, another goroutine examines the pool. It is not the logger's, because a logger that blocks would delay the
// examination until the trouble is over. There is at most one such goroutine a second, and none in the minute after a
// line.
func (h *hooks) slowAcquire(waited time.Duration, timedOut bool) {
	if h.slow == never || h.state.Stopped() {
		return
	}
	if o := h.observed.Load(); o != nil && h.reports.slow.note(h.state.Now(), waited, timedOut) {
		go o.logSlow()
	}
}

// lookForSlow looks again for the cause of slow acquires that are not logged yet.
func (o *observed) lookForSlow() {
	if o.hooks.reports.slow.pending(o.hooks.state.Now()) {
		go o.logSlow()
	}
}

// logSlow logs the pool's first finding and its state, unless it is too early to tell.
func (o *observed) logSlow() {
	r, found := o.diagnose()
	line, log := o.hooks.reports.slow.conclude(o.hooks.state.Now(), r, found)
	if log && !o.hooks.state.Stopped() {
		o.hooks.reports.slowAcquire(line)
	}
}

// slowAcquire logs that acquires were slow, and what is wrong with the pool.
func (r *reports) slowAcquire(line slowLine) {
	is, found := line.is, line.found
	attrs := []slog.Attr{slog.String("pool", r.pool), slog.Duration("waited", line.waited)}
	if line.timedOut {
		attrs = append(attrs, slog.Bool("timed_out", true))
	}
	if len(found) > 0 {
		f := found[0]
		attrs = append(attrs, slog.String("finding", string(f.Kind)))
		if f.Operation != "" {
			attrs = append(attrs, slog.String("operation", f.Operation))
		}
		attrs = append(attrs, slog.String("summary", f.Summary), slog.String("advice", f.Advice))
	}
	attrs = append(attrs, slog.Int64("in_use", is.Used), slog.Int64("max", is.Settings.MaxConns), slog.Int64("waiting", is.Waiting))
	if by := topHolders(is.Holds); by != "" {
		attrs = append(attrs, slog.String("held_by", by))
	}
	r.log.warn("callers wait for a connection", attrs...)
}

// topHolders describes the units of work that hold most of the connections.
func topHolders(holds []diagnose.Holds) string {
	var all []diagnose.Holds
	at := make(map[string]int)
	for _, h := range holds { // those of one unit of work differ in their stacks
		i, known := at[h.Operation]
		if !known {
			i = len(all)
			at[h.Operation], all = i, append(all, diagnose.Holds{Operation: h.Operation})
		}
		sum := &all[i]
		sum.Count, sum.OldestSeconds = sum.Count+h.Count, max(sum.OldestSeconds, h.OldestSeconds)
		sum.Running, sum.ResultOpen = sum.Running+h.Running, sum.ResultOpen+h.ResultOpen
		sum.IdleInTransaction, sum.IdleOutside = sum.IdleInTransaction+h.IdleInTransaction, sum.IdleOutside+h.IdleOutside
	}
	slices.SortStableFunc(all, func(a, b diagnose.Holds) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(b.OldestSeconds, a.OldestSeconds))
	})
	var texts []string
	for _, h := range all[:min(len(all), maxHolders)] {
		texts = append(texts, holderText(h))
	}
	return strings.Join(texts, "; ")
}

// holderText describes the holds of a unit of work, such as "checkout holds 9, the oldest for 12.3s (8 idle in a
// transaction, 1 running)".
func holderText(h diagnose.Holds) string {
	var does []string
	for _, part := range []struct {
		count int64
		what  string
	}{
		{h.IdleInTransaction, "idle in a transaction"},
		{h.IdleOutside, "idle"},
		{h.ResultOpen, "with rows or a batch open"},
		{h.Running, "running"},
	} {
		if part.count > 0 {
			does = append(does, fmt.Sprint(part.count, " ", part.what))
		}
	}
	oldest := time.Duration(h.OldestSeconds * float64(time.Second)).Round(time.Millisecond)
	if oldest > time.Second {
		oldest = oldest.Round(100 * time.Millisecond)
	}
	return fmt.Sprintf("%s holds %d, the oldest for %v (%s)", cmp.Or(h.Operation, "a unit of work without a name"), h.Count, oldest, strings.Join(does, ", "))
}
