package hostile

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http/httptest"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelpool/otelpool-go/exporters/prometheus"
	"github.com/otelpool/otelpool-go/otelpool"
)

var soakTime = flag.Duration("soak", 20*time.Second, "how long TestMemoryIsFlatOverASoak runs")

// The most that the heap may grow from the first third of a soak to its end, by the straight line that fits best. In ten
// minutes of five hundred requests a second that is a leak of five bytes a request.
const (
	soakBytes   = 1 << 20
	soakObjects = 10_000
)

// TestMemoryIsFlatOverASoak uses every feature at once, for as long as it is told, and watches the heap.
func TestMemoryIsFlatOverASoak(t *testing.T) {
	config := onDatabase(t, 4)
	noLeak(t)
	s := newSoak(t, config)
	ctx, cancel := context.WithTimeout(t.Context(), *soakTime)
	defer cancel()
	for range 12 {
		s.work.Go(func() { s.use(ctx) })
	}
	s.work.Go(func() { s.comeAndGo(ctx, t) })
	for _, read := range s.readers {
		s.work.Go(func() {
			for ctx.Err() == nil {
				s.gate.RLock()
				read()
				s.gate.RUnlock()
				pause(ctx, 20*time.Millisecond)
			}
		})
	}
	samples := s.watch(ctx, t)
	s.work.Wait()
	s.end(t)
	bytes, objects := growth(samples, func(m heap) float64 { return m.bytes }), growth(samples, func(m heap) float64 { return m.objects })
	last := samples[len(samples)-1]
	saw(t, "soak of %v: %d requests, %d pools came and went, heap at the end %.2f MiB in %.0f objects; trend after the first third %+.0f KiB, %+.0f objects",
		*soakTime, s.requests.Load(), s.pools.Load(), last.bytes/(1<<20), last.objects, bytes/1024, objects)
	if bytes > soakBytes || objects > soakObjects {
		t.Errorf("the heap grows: %+.0f bytes, %+.0f objects; allowed are %d and %d", bytes, objects, soakBytes, soakObjects)
	}
	if s.requests.Load() == 0 || s.pools.Load() == 0 {
		t.Error("nothing was done")
	}
}

// soak is a program that uses everything.
type soak struct {
	provider *sdkmetric.MeterProvider
	config   *pgxpool.Config
	pool     *pgxpool.Pool
	inst     *otelpool.Instrumentation
	readers  []func()

	gate            sync.RWMutex // whoever works has it for reading
	work            sync.WaitGroup
	requests, pools atomic.Int64
}

func newSoak(t *testing.T, config *pgxpool.Config) *soak {
	t.Helper()
	s := &soak{config: config}
	exporter := newExporter(t, prometheus.WithOpenTelemetryNames())
	cumulative := sdkmetric.NewManualReader()
	delta := sdkmetric.NewManualReader(sdkmetric.WithTemporalitySelector(func(sdkmetric.InstrumentKind) metricdata.Temporality { return metricdata.DeltaTemporality }))
	s.provider = sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter), sdkmetric.WithReader(cumulative), sdkmetric.WithReader(delta))
	for _, reader := range []*sdkmetric.ManualReader{cumulative, delta} {
		rm := new(metricdata.ResourceMetrics)
		s.readers = append(s.readers, func() { _ = reader.Collect(context.Background(), rm) })
	}
	s.readers = append(s.readers, func() {
		request := httptest.NewRequest("GET", "/metrics", nil)
		request.Header.Set("Accept", formats[rand.IntN(len(formats))])
		exporter.ServeHTTP(httptest.NewRecorder(), request)
	})
	sizing := otelpool.Sizing{PoolSize: 2, MaxOverflow: 2, Timeout: time.Second}
	if err := sizing.Apply(s.config); err != nil {
		t.Fatal(err)
	}
	s.pool, s.inst = s.open(t, s.config, "soaked")
	s.fill(t)
	return s
}

// fill fills what is bounded, so that only what is not can grow: operation names, SQL texts, and their errors.
func (s *soak) fill(t *testing.T) {
	t.Helper()
	conn, err := s.pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	for _, read := range s.readers { // somebody is there to record for
		read()
	}
	tracer := tracerOf(s.pool)
	for i := range 5000 {
		event(t.Context(), tracer, conn.Conn(), fmt.Sprintf("SELECT %d FROM pg_class LIMIT 1", -i))
	}
	for i := range 100 {
		event(otelpool.WithOperation(t.Context(), fmt.Sprint("operation ", i)), tracer, conn.Conn(), "SELECT 1")
	}
}

func (s *soak) open(t testing.TB, config *pgxpool.Config, name string) (*pgxpool.Pool, *otelpool.Instrumentation) {
	pool, inst, err := otelpool.NewWithConfig(context.Background(), config, otelpool.WithMeterProvider(s.provider), otelpool.WithPoolName(name),
		otelpool.WithLongHold(20*time.Millisecond), otelpool.WithLogger(slog.New(slog.NewTextHandler(io.Discard, nil))),
		otelpool.WithReturnedRows(), otelpool.WithServerAttributes(), otelpool.WithOperationLimit(50), otelpool.WithPeakWindow(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	return pool, inst
}

func (s *soak) end(t *testing.T) {
	t.Helper()
	closePool(t, s.pool)
	if err := errors.Join(s.inst.Unregister(), s.provider.Shutdown(context.Background())); err != nil {
		t.Error(err)
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// use makes requests of all kinds.
func (s *soak) use(ctx context.Context) {
	for ctx.Err() == nil {
		s.gate.RLock()
		n := s.requests.Add(1)
		request, cancel := context.WithTimeout(otelpool.WithScope(ctx), 5*time.Second)
		named := otelpool.WithOperation(request, fmt.Sprint("operation ", n)) // a new one each time
		switch kind := rand.IntN(1000); {
		case kind < 300:
			_, _ = s.pool.Exec(named, "SELECT 1")
		case kind < 500: // a new text each time
			_, _ = s.pool.Exec(request, fmt.Sprintf("SELECT %d FROM pg_class LIMIT 1", n), pgx.QueryExecModeExec)
		case kind < 600:
			_, _ = s.pool.Exec(request, fmt.Sprintf("DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = 'X%04d'; END $$", n%40), pgx.QueryExecModeExec)
		case kind < 700:
			short, cancelShort := context.WithTimeout(request, time.Duration(rand.IntN(2000))*time.Microsecond)
			_, _ = s.pool.Exec(short, "SELECT 2")
			cancelShort()
		case kind < 800:
			var batch pgx.Batch
			batch.Queue("SELECT 1")
			batch.Queue("SELECT 2")
			_ = s.pool.SendBatch(named, &batch).Close()
		case kind < 850:
			_, _ = s.pool.CopyFrom(request, pgx.Identifier{fmt.Sprint("nowhere", n)}, []string{"a"}, pgx.CopyFromRows(nil))
		case kind < 900:
			s.nest(request)
		case kind < 990:
			if rows, err := s.pool.Query(request, "SELECT generate_series(1, 5)"); err == nil {
				rows.Next()
				rows.Close()
			}
		default:
			s.abuse(request, kind)
		}
		cancel()
		s.gate.RUnlock()
	}
}

// nest holds a connection for long, and takes another meanwhile.
func (s *soak) nest(ctx context.Context) {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return
	}
	defer conn.Release()
	pause(ctx, 25*time.Millisecond)
	short, cancel := context.WithTimeout(ctx, 5*time.Millisecond)
	defer cancel()
	_, _ = s.pool.Exec(short, "SELECT 3")
	s.inst.Held()
}

// abuse does what programs should not.
func (s *soak) abuse(ctx context.Context, kind int) {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return
	}
	switch kind % 4 {
	case 0: // hijacked, and closed by nobody the pool knows
		_ = conn.Hijack().Close(context.Background())
	case 1: // released in a transaction
		_, _ = conn.Exec(ctx, "BEGIN")
		conn.Release()
	case 2: // released busy
		_, _ = conn.Query(ctx, "SELECT generate_series(1, 5)")
		conn.Release()
	default:
		conn.Release()
		for _, idle := range s.pool.AcquireAllIdle(ctx) {
			idle.Release()
		}
	}
}

// comeAndGo opens and closes pools beside the one under load. Their names come again: the SDK keeps a series of a
// histogram as long as its MeterProvider.
func (s *soak) comeAndGo(ctx context.Context, t *testing.T) {
	for ctx.Err() == nil {
		s.gate.RLock()
		n := s.pools.Add(1)
		pool, inst, err := otelpool.NewWithConfig(ctx, s.config, otelpool.WithMeterProvider(s.provider), otelpool.WithPoolName(fmt.Sprint("pool ", n%8)))
		if err != nil {
			t.Error(err)
			s.gate.RUnlock()
			return
		}
		_, _ = pool.Exec(otelpool.WithOperation(ctx, fmt.Sprint("first ", n%4)), "SELECT 1")
		if n%2 == 0 {
			_ = inst.Unregister()
		}
		pool.Close()
		_ = inst.Unregister()
		s.gate.RUnlock()
		pause(ctx, 10*time.Millisecond)
	}
}

// heap is what the heap holds after a collection of garbage.
type heap struct {
	at             time.Duration
	bytes, objects float64
}

// watch measures the heap until the soak ends.
func (s *soak) watch(ctx context.Context, t *testing.T) []heap {
	t.Helper()
	var samples []heap
	start := time.Now()
	for n := 0; ctx.Err() == nil; n++ {
		pause(ctx, *soakTime/60)
		s.gate.Lock() // nobody is in the middle of anything
		for range 3 { // also what cleanups and sync.Pools let go
			runtime.GC()
		}
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		s.gate.Unlock()
		samples = append(samples, heap{time.Since(start), float64(m.HeapAlloc), float64(m.HeapObjects)})
		if n%6 == 0 {
			t.Logf("%8v: %8d requests, heap %7.2f MiB, %7d objects, %d goroutines",
				time.Since(start).Round(time.Second), s.requests.Load(), float64(m.HeapAlloc)/(1<<20), m.HeapObjects, runtime.NumGoroutine())
		}
	}
	return samples
}

// growth is how much a value grew after the first third, by the straight line that fits the samples best.
func growth(samples []heap, value func(heap) float64) float64 {
	samples = samples[len(samples)/3:]
	var n, x, y, xx, xy float64
	for _, s := range samples {
		n++
		x += s.at.Seconds()
		y += value(s)
		xx += s.at.Seconds() * s.at.Seconds()
		xy += s.at.Seconds() * value(s)
	}
	slope := (n*xy - x*y) / (n*xx - x*x)
	return slope * (samples[len(samples)-1].at - samples[0].at).Seconds()
}

func TestGrowthIsThatOfTheLineThroughTheSamples(t *testing.T) {
	t.Parallel()
	var flat, rising []heap
	for i := range 30 {
		at := time.Duration(i) * time.Second
		noise := float64(i%3) * 10
		flat = append(flat, heap{at: at, bytes: 100 + noise})
		rising = append(rising, heap{at: at, bytes: 1000*float64(i) + noise})
	}
	bytes := func(h heap) float64 { return h.bytes }
	if got := growth(flat, bytes); got > 10 || got < -10 {
		t.Errorf("flat samples grow by %v", got)
	}
	if got := growth(rising, bytes); got < 18_900 || got > 19_100 {
		t.Errorf("samples that rise by 19000 grow by %v", got)
	}
}
