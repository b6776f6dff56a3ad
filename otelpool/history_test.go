package otelpool

import (
	"context"
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/metric/noop"

	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool/diagnose"
	"github.com/otelpool/otelpool-go/otelpool/internal/instruments"
	"github.com/otelpool/otelpool-go/otelpool/internal/poolstate"
)

// TestPeriodsBeginAtKeptPoints keeps points for a quarter of an hour, second by second.
func TestPeriodsBeginAtKeptPoints(t *testing.T) {
	t.Parallel()
	var minute [6 + 1]*keptPoint
	var ten [10 + 1]*keptPoint
	if since(minute[:], time.Minute, time.Hour) != nil {
		t.Error("a point of an empty history")
	}
	start := time.Hour
	for second := range 15 * 60 {
		now := start + time.Duration(second)*time.Second
		kept := func() *keptPoint { return &keptPoint{at: now} }
		keep(minute[:], minuteStep, now, kept)
		keep(ten[:], tenStep, now, kept)
		age := now - start
		for _, period := range []struct {
			points       []*keptPoint
			length, step time.Duration
		}{{minute[:], time.Minute, minuteStep}, {ten[:], 10 * time.Minute, tenStep}} {
			got := now - since(period.points, period.length, now).at
			if least := min(age, period.length); got < least || got > period.length+period.step {
				t.Fatalf("after %v a period of %v is %v long", age, period.length, got)
			}
		}
	}
}

// TestPointIsKeptWhole keeps a point whose numbers all differ.
func TestPointIsKeptWhole(t *testing.T) {
	t.Parallel()
	n := int64(1) << 40
	next := func() int64 { n++; return n }
	p := &point{
		at: time.Duration(next()), peak: next(), peakWaiting: next(), dialErrors: make([]int64, 1),
		operations: make([]instruments.Counts, 3), failures: make([]int64, 2), held: make([]sampledHolds, 2),
	}
	p.each(func(n *int64) { *n = next() })
	for at, number := range numbersIn(reflect.ValueOf(p.operations), reflect.ValueOf(p.held), reflect.ValueOf(p.failures), reflect.ValueOf(p.dialErrors)) {
		if number == 0 {
			t.Errorf("number %d is not visited", at)
		}
	}
	if got := p.keep().point(); !reflect.DeepEqual(got, p) {
		t.Errorf("got %+v, want %+v", got, p)
	}
}

// numbersIn returns all numbers of lists of numbers or of structs of numbers.
func numbersIn(lists ...reflect.Value) (numbers []int64) {
	for _, list := range lists {
		for i := range list.Len() {
			if element := list.Index(i); element.Kind() == reflect.Struct {
				for j := range element.NumField() {
					numbers = append(numbers, element.Field(j).Int())
				}
			} else {
				numbers = append(numbers, element.Int())
			}
		}
	}
	return numbers
}

// usedPool returns a pool that has used a number of operations for eleven minutes.
func usedPool(t testing.TB, operations int) *observed {
	t.Helper()
	poolConfig, err := pgxpool.ParseConfig("host=/nowhere")
	testutil.NoError(t, err)
	inst, err := Instrument(poolConfig, WithMeterProvider(noop.NewMeterProvider()))
	testutil.NoError(t, err)
	o := newObserved(nil, 4, poolConfig, inst.hooks)
	o.stat = func() poolstate.Stat { return poolstate.Stat{Max: int64(poolConfig.MaxConns)} }
	const seconds = 11 * 60
	begin := monotonic() - seconds*time.Second
	for second := range seconds {
		for i := range operations {
			op := inst.hooks.operations.Named(instruments.Name{Text: fmt.Sprint("operation ", i)})
			op.AddCall(3*time.Millisecond, 0)
			op.AddWork(3*time.Millisecond, 2, true, 0)
		}
		o.history.look(o, &poolstate.Snapshot{Now: begin + time.Duration(second)*time.Second})
	}
	return o
}

// TestHistoryForgetsContextOfLongHold looks at a long hold and no more, as after Unregister.
func TestHistoryForgetsContextOfLongHold(t *testing.T) {
	t.Parallel()
	o := usedPool(t, 0)
	gone := make(chan struct{})
	func() {
		request := &struct{ context.Context }{t.Context()}
		runtime.AddCleanup(request, func(int) { close(gone) }, 0)
		hold := poolstate.Hold{Acquire: &poolstate.Acquire{Context: request}, Conn: o.hooks.state.NewConn(poolstate.Origin{})}
		o.history.look(o, &poolstate.Snapshot{Now: monotonic() + time.Hour, Holds: []poolstate.Hold{hold}})
	}()
	testutil.AwaitGarbage(t, "the context", gone)
	runtime.KeepAlive(o)
}

// TestHistoryIsSmall uses as many operations as a pool keeps apart.
func TestHistoryIsSmall(t *testing.T) {
	t.Parallel()
	o := usedPool(t, instruments.DefaultLimit)
	bytes := 0
	for _, k := range slices.Concat(o.history.minute[:], o.history.ten[:]) {
		if k == nil {
			t.Fatal("a point is missing")
		}
		bytes += len(k.numbers)
	}
	if limit := 80_000; bytes > limit {
		t.Errorf("the points take %d bytes, more than %d", bytes, limit)
	}
}

// BenchmarkFindings is what a collection adds that comes a second or more after the last.
func BenchmarkFindings(b *testing.B) {
	for _, operations := range []int{1, 20, instruments.DefaultLimit} {
		o := usedPool(b, operations)
		b.Run(fmt.Sprint(operations), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				o.diagnose()
			}
		})
	}
}

func TestMomentsAreThoseOfTenMinutes(t *testing.T) {
	t.Parallel()
	var m moments
	for i := range maxMoments + 50 {
		m.put(diagnose.Moment{Used: int64(i)})
	}
	all := m.list()
	if len(all) != maxMoments {
		t.Fatalf("%d moments, want %d", len(all), maxMoments)
	}
	for i, moment := range all {
		if moment.Used != int64(i+50) {
			t.Fatalf("moment %d is %d", i, moment.Used)
		}
	}
}
