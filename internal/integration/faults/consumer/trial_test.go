package consumer_test

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelpool/otelpool-go/internal/integration/faults/rig"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

const (
	conns = 8
	// rounds is the maximum number of slices with the consumer, and of those without. Later ones help on a machine that
	// was busy during the first.
	rounds = 9
	// sliceTime is how long each slice of the load is measured, with the consumer and without, in turns.
	sliceTime = 500 * time.Millisecond
	// leastCalls makes a slice longer on a machine that is busy with other work.
	leastCalls = 200
	pause      = 20 * time.Millisecond

	// deadline is the deadline of Shutdown when it cannot send.
	deadline = 500 * time.Millisecond
)

var figures = rig.NewTable("consumer", "fault", "calls a second: without, with", "ratio", "p99: without, with", "heap in use: without, with",
	"shutdown (deadline 500ms)", "what was reported")

type consumer struct {
	reader  func(t *testing.T) sdkmetric.Reader
	disturb func(t *testing.T, stop <-chan struct{}) // runs on a goroutine of its own while the load runs; may be nil
	control func(t *testing.T, stop <-chan struct{}) // like disturb, for the load without the consumer; may be nil
	slice   time.Duration                            // replaces sliceTime
	busy    bool                                     // the consumer takes much processor time on this machine
	loses   bool                                     // the data cannot be sent, and Shutdown must report it
	also    func(t *testing.T) string
}

type result struct {
	calls     int
	during    time.Duration
	latencies []time.Duration
	heap      uint64
}

func (h *result) rate() float64 { return float64(h.calls) / h.during.Seconds() }

func (h *result) p99() time.Duration {
	slices.Sort(h.latencies)
	return h.latencies[len(h.latencies)*99/100]
}

// compare runs the load in turns with the consumer and without. Call NoLeak before.
func compare(t *testing.T, config *pgxpool.Config, c consumer) {
	t.Helper()
	var with, without result
	var longest time.Duration
	lost := error(nil)
	before, _ := reported.read()
	quiet := consumer{slice: c.slice, reader: func(*testing.T) sdkmetric.Reader { return sdkmetric.NewManualReader() }, disturb: c.control}
	for round := range rounds {
		if round > 0 && c.compareLoads(&without, &with) == nil {
			break
		}
		run(t, config, quiet, &without)
		took, err := run(t, config, c, &with)
		longest = max(longest, took)
		if err != nil {
			lost = err
		}
		if c.loses != (err != nil) {
			t.Errorf("shutdown gives %v", err)
		}
	}
	after, last := reported.read()
	if c.loses && after == before {
		t.Error("no failure to export was reported")
	}
	said := "nothing"
	if after > before {
		said = fmt.Sprintf("%d errors, such as %.120q", after-before, last)
	}
	if lost != nil {
		said += fmt.Sprintf("; by shutdown %.120q", lost)
	}
	if c.also != nil {
		said += "; " + c.also(t)
	}
	c.judge(t, &without, &with, longest, said)
}

// judge logs the results and compares them.
func (c consumer) judge(t *testing.T, without, with *result, shutdown time.Duration, said string) {
	t.Helper()
	ratio := with.rate() / without.rate()
	const mb = 1 << 20
	figures.Add(name(t), fmt.Sprintf("%.0f, %.0f", without.rate(), with.rate()), fmt.Sprintf("%.2f", ratio),
		fmt.Sprintf("%v, %v", without.p99().Round(100*time.Microsecond), with.p99().Round(100*time.Microsecond)),
		fmt.Sprintf("%.1f, %.1f MB", float64(without.heap)/mb, float64(with.heap)/mb), shutdown.Round(time.Millisecond).String(), said)
	t.Logf("%.0f calls a second without, %.0f with: ratio %.2f; p99 %v, %v; heap in use %.1f, %.1f MB; shutdown within %v; reported: %s",
		without.rate(), with.rate(), ratio, without.p99(), with.p99(), float64(without.heap)/mb, float64(with.heap)/mb, shutdown, said)
	testutil.Check(t, c.compareLoads(without, with))
	if with.heap > without.heap+32*mb {
		t.Errorf("heap in use is %.1f MB, without %.1f MB", float64(with.heap)/mb, float64(without.heap)/mb)
	}
	if limit := deadline + 5*time.Second; shutdown > limit {
		t.Errorf("shutdown took %v, though its deadline was after %v", shutdown, deadline)
	}
}

// compareLoads returns an error if the load is worse with the consumer. It allows much, because the consumers
// themselves run on the same machine.
func (c consumer) compareLoads(without, with *result) error {
	least, slack := 0.5, 250*time.Millisecond
	if c.busy {
		least, slack = 0.1, time.Second
	}
	if ratio := with.rate() / without.rate(); ratio < least {
		return fmt.Errorf("the load made %.2f of the calls without the consumer, want at least %.1f", ratio, least)
	}
	if limit := 5*without.p99() + slack; with.p99() > limit {
		return fmt.Errorf("p99 is %v, without %v", with.p99(), without.p99())
	}
	return nil
}

// run runs the load for a slice of time. It returns the duration and the error of Shutdown.
func run(t *testing.T, config *pgxpool.Config, c consumer, h *result) (took time.Duration, err error) {
	t.Helper()
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(c.reader(t)))
	side := rig.InstrumentedFor(t, config, provider)
	load := rig.Start(side, rig.Wait, pause, rig.Select, rig.Named, rig.Select, rig.Transaction)
	load.Await(t)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		if c.disturb != nil {
			c.disturb(t, stop)
		}
	}()
	load.Mark()
	began := time.Now()
	<-time.After(cmp.Or(c.slice, sliceTime))
	var latencies []time.Duration
	testutil.Eventually(t, "calls are made", func() bool { latencies = load.Latencies(); return len(latencies) >= leastCalls })
	during := time.Since(began)
	load.Stop()
	h.calls += len(latencies)
	h.during += during
	h.latencies = append(h.latencies, latencies...)
	h.heap = max(h.heap, heap())
	close(stop)
	<-stopped
	limit := rig.Wait
	if c.loses {
		limit = deadline
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	began = time.Now()
	err = provider.Shutdown(ctx)
	took = time.Since(began)
	if failed := side.Counts.Classes(); len(failed) > 0 {
		t.Errorf("calls failed: %v", failed)
	}
	side.Close(t)
	return took, err
}

func heap() uint64 {
	runtime.GC()
	runtime.GC() // frees what finalizers held
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func name(t *testing.T) string {
	_, name, _ := strings.Cut(t.Name(), "/")
	return strings.ReplaceAll(name, "_", " ")
}
