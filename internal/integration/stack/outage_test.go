package stack_test

import (
	"context"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.opentelemetry.io/otel"

	"github.com/otelpool/otelpool-go/exporters/otlp"
	"github.com/otelpool/otelpool-go/internal/integration/stack"
)

// outage is a failure of the Collector, and its end. The t of end is the test that a new Collector ends with.
type outage struct {
	begin, end func(t *testing.T, c *stack.Collector) *stack.Collector
}

var outages = map[string]outage{
	"down for a while": {
		begin: func(t *testing.T, c *stack.Collector) *stack.Collector {
			kill(t, c.Process)
			return c
		},
		end: startAgain,
	},
	"restarted at once": {
		begin: func(t *testing.T, c *stack.Collector) *stack.Collector {
			if err := c.Stop(); err != nil {
				t.Fatal(err)
			}
			return startAgain(t, c)
		},
		end: func(_ *testing.T, c *stack.Collector) *stack.Collector { return c },
	},
	// The kernel accepts connections and data, but the Collector does not answer.
	"so slow that it answers nothing": {
		begin: func(t *testing.T, c *stack.Collector) *stack.Collector {
			if err := c.Signal(syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
			return c
		},
		end: func(t *testing.T, c *stack.Collector) *stack.Collector {
			if err := c.Signal(syscall.SIGCONT); err != nil {
				t.Fatal(err)
			}
			return c
		},
	},
}

// startAgain starts a Collector on the addresses of the previous one.
func startAgain(t *testing.T, c *stack.Collector) *stack.Collector {
	t.Helper()
	return startCollector(t, stack.CollectorSettings{GRPC: c.GRPC, HTTP: c.HTTP, Page: c.Page})
}

// slice is how long the service is watched in each state. The assertions do not depend on speed.
const slice = 2 * time.Second

// pushInterval is short, so that many pushes fall into an outage. A push times out before the next is due.
const pushInterval = 200 * time.Millisecond

func TestCollectorOutageSparesServiceAndCounts(t *testing.T) {
	// Not parallel: other tests would change the memory measured here. The outages are not parallel either.
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(error) {})) // pushes are expected to fail
	for _, protocol := range []otlp.Protocol{otlp.ProtocolGRPC, otlp.ProtocolHTTP} {
		t.Run(string(protocol), func(t *testing.T) {
			collector := startCollector(t, stack.CollectorSettings{})
			endpoint := map[otlp.Protocol]string{otlp.ProtocolGRPC: collector.GRPC, otlp.ProtocolHTTP: collector.HTTP}[protocol]
			s := newService(t, newPush(t, otlp.WithProtocol(protocol), otlp.WithEndpointURL("http://"+endpoint),
				otlp.WithInterval(pushInterval), otlp.WithTimeout(pushInterval), otlp.WithExportTimeout(pushInterval)))
			s.migrate(t)
			for _, name := range slices.Sorted(maps.Keys(outages)) {
				t.Run(name, func(one *testing.T) { collector = s.runOutage(one, t, outages[name], collector) })
			}
		})
	}
}

// runOutage puts the service through an outage under load, and returns the Collector that runs afterwards.
func (s *service) runOutage(t, parent *testing.T, o outage, c *stack.Collector) *stack.Collector {
	l := s.startLoad(t, 10)
	before, cpuBefore := l.watch(t)
	memoryBefore := memory()
	c = o.begin(parent, c)
	during, cpuDuring := l.watch(t)
	memoryDuring := memory()
	c = o.end(parent, c)
	after, _ := l.watch(t)
	l.end(t)
	t.Logf("work done in %v: %d before, %d during (%.2f of before), %d after; processor time for a piece of work: %.2f of before; "+
		"heap: %d KiB before, %d KiB during", slice, before, during, float64(during)/float64(before), after,
		cpuDuring.Seconds()/float64(during)/(cpuBefore.Seconds()/float64(before)), memoryBefore>>10, memoryDuring>>10)
	if during == 0 {
		t.Error("nothing was done during the outage")
	}
	// A push of this service is about 30 KiB, and 15 of them failed.
	if grown := memoryDuring - memoryBefore; grown > 8<<20 {
		t.Errorf("the heap grew by %d KiB during the outage", grown>>10)
	}

	s.rest(t)
	ctx, cancel := context.WithTimeout(t.Context(), waitLimit)
	defer cancel()
	for tick := time.NewTicker(pushInterval); ; {
		differences := compare("bridge", page(t, s.page), "Collector", page(t, c.Page))
		if len(differences) == 0 {
			return c
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("after the outage the Collector differs:\n%s", strings.Join(differences, "\n"))
		}
	}
}

// watch measures the completed works and the processor time of this process over a slice.
func (l *load) watch(t *testing.T) (int64, time.Duration) {
	t.Helper()
	begin, cpu := l.done.Load(), processorTime(t)
	<-time.After(slice)
	return l.done.Load() - begin, processorTime(t) - cpu
}

func processorTime(t *testing.T) time.Duration {
	t.Helper()
	usage, err := stack.UsageOf(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	return usage.CPU
}

// memory returns the size of this process's heap.
func memory() int64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}
