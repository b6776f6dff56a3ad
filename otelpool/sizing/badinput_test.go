package sizing_test

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/otelpool/otelpool-go/otelpool/sizing"
)

var (
	goodLoad = sizing.Load{Rate: 100, Hold: 50 * time.Millisecond}
	goodGoal = sizing.Goal{Wait: 5 * time.Millisecond, Quantile: 0.99}
)

func TestErrorNamesBadValue(t *testing.T) {
	t.Parallel()
	load := func(change func(*sizing.Load)) []error {
		bad := goodLoad
		change(&bad)
		return []error{errorOf(bad.SizeForAverage(0.2)), errorOf(bad.SizeForGoal(goodGoal)), errorOf(bad.At(6))}
	}
	goal := func(bad sizing.Goal) []error { return []error{errorOf(goodLoad.SizeForGoal(bad))} }
	fleet := func(change func(*sizing.Fleet)) []error {
		bad := sizing.Fleet{Instances: 4, Size: 5, Overflow: 10, MaxConnections: 100, Reserved: 3, OtherClients: 10}
		change(&bad)
		return []error{errorOf(bad.Left())}
	}
	average := func(buffer float64) []error { return []error{errorOf(goodLoad.SizeForAverage(buffer))} }
	at := func(size int) []error { return []error{errorOf(goodLoad.At(size))} }
	for want, errs := range map[string][]error{
		"sizing: buffer -0.1 is not between 0 and 10: 0.2 is 20 %":    average(-0.1),
		"sizing: buffer 20 is not between 0 and 10: 0.2 is 20 %":      average(20),
		"sizing: buffer NaN is not between 0 and 10: 0.2 is 20 %":     average(math.NaN()),
		"sizing: buffer +Inf is not between 0 and 10: 0.2 is 20 %":    average(math.Inf(1)),
		"sizing: size 0 is not between 1 and 262143":                  at(0),
		"sizing: size -1 is not between 1 and 262143":                 at(-1),
		"sizing: size 262144 is not between 1 and 262143":             at(262144),
		"sizing: wait -1ns is negative":                               {errorOf(sizing.Queue{}.WaitOver(-1))},
		"sizing: quantile 1 is not above 0 and below 1: 0.99 is 99 %": {errorOf(sizing.Queue{}.WaitQuantile(1))},

		"sizing: Load.Rate 0 is not a finite number above 0":    load(func(l *sizing.Load) { l.Rate = 0 }),
		"sizing: Load.Rate -1 is not a finite number above 0":   load(func(l *sizing.Load) { l.Rate = -1 }),
		"sizing: Load.Rate NaN is not a finite number above 0":  load(func(l *sizing.Load) { l.Rate = math.NaN() }),
		"sizing: Load.Rate +Inf is not a finite number above 0": load(func(l *sizing.Load) { l.Rate = math.Inf(1) }),
		"sizing: Load.Hold 0s is not above 0":                   load(func(l *sizing.Load) { l.Hold = 0 }),
		"sizing: Load.Hold -1s is not above 0":                  load(func(l *sizing.Load) { l.Hold = -time.Second }),
		"sizing: Load.CV -1 is not between 0 and 100":           load(func(l *sizing.Load) { l.CV = -1 }),
		"sizing: Load.CV NaN is not between 0 and 100":          load(func(l *sizing.Load) { l.CV = math.NaN() }),
		"sizing: Load.CV 101 is not between 0 and 100":          load(func(l *sizing.Load) { l.CV = 101 }),

		"sizing: Goal.Wait -1ns is negative":                                 goal(sizing.Goal{Wait: -1, Quantile: 0.9}),
		"sizing: Goal.Quantile 0 is not above 0 and below 1: 0.99 is 99 %":   goal(sizing.Goal{}),
		"sizing: Goal.Quantile 1 is not above 0 and below 1: 0.99 is 99 %":   goal(sizing.Goal{Quantile: 1}),
		"sizing: Goal.Quantile 99 is not above 0 and below 1: 0.99 is 99 %":  goal(sizing.Goal{Quantile: 99}),
		"sizing: Goal.Quantile -1 is not above 0 and below 1: 0.99 is 99 %":  goal(sizing.Goal{Quantile: -1}),
		"sizing: Goal.Quantile NaN is not above 0 and below 1: 0.99 is 99 %": goal(sizing.Goal{Quantile: math.NaN()}),

		"sizing: Fleet.Instances 0 is not between 1 and 262143":         fleet(func(f *sizing.Fleet) { f.Instances = 0 }),
		"sizing: Fleet.Size 0 is not between 1 and 262143":              fleet(func(f *sizing.Fleet) { f.Size = 0 }),
		"sizing: Fleet.Overflow -1 is not between 0 and 262143":         fleet(func(f *sizing.Fleet) { f.Overflow = -1 }),
		"sizing: Fleet.MaxConnections 0 is not between 1 and 262143":    fleet(func(f *sizing.Fleet) { f.MaxConnections = 0 }),
		"sizing: Fleet.Reserved -3 is not between 0 and 262143":         fleet(func(f *sizing.Fleet) { f.Reserved = -3 }),
		"sizing: Fleet.OtherClients 262144 is not between 0 and 262143": fleet(func(f *sizing.Fleet) { f.OtherClients = 262144 }),
	} {
		for _, err := range errs {
			if err == nil || err.Error() != want {
				t.Errorf("got %v, want %s", err, want)
			}
		}
	}
}

func TestErrorNamesAllBadNumbers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		want []string
	}{
		{errorOf(sizing.Load{CV: -1}.SizeForGoal(sizing.Goal{Wait: -1})), []string{"Load.Rate", "Load.Hold", "Load.CV", "Goal.Wait", "Goal.Quantile"}},
		{errorOf(sizing.Load{}.SizeForAverage(-1)), []string{"Load.Rate", "Load.Hold", "buffer"}},
		{errorOf(sizing.Load{}.At(0)), []string{"Load.Rate", "Load.Hold", "size"}},
		{errorOf(sizing.Fleet{}.Left()), []string{"Fleet.MaxConnections", "Fleet.Instances", "Fleet.Size"}},
		{errorOf(sizing.Fleet{}.MaxInstances()), []string{"Fleet.MaxConnections", "Fleet.Size"}},
		{errorOf(sizing.Fleet{}.MaxPerInstance()), []string{"Fleet.MaxConnections", "Fleet.Instances"}},
	} {
		for _, want := range c.want {
			if !strings.Contains(c.err.Error(), want) {
				t.Errorf("nothing says %s in: %v", want, c.err)
			}
		}
		if got := strings.Count(c.err.Error(), "sizing: "); got != len(c.want) {
			t.Errorf("%d errors, want %d: %v", got, len(c.want), c.err)
		}
		if errors.Is(c.err, sizing.ErrOverloaded) || errors.Is(c.err, sizing.ErrNoRoom) {
			t.Errorf("taken for more than a bad number: %v", c.err)
		}
	}
}

func TestOverloadReturnsErrOverloaded(t *testing.T) {
	t.Parallel()
	load := func(rate float64) sizing.Load { return sizing.Load{Rate: rate, Hold: time.Second} }
	const overloadedAtAnySize = "connections in use on average, and no size up to 262143, the maximum of PostgreSQL's max_connections, is enough"
	for _, c := range []struct {
		err  error
		want string
	}{
		{errorOf(load(5).At(5)), "sizing: overloaded: Load.Rate 5/s × Load.Hold 1s is 5 connections in use on average, and size 5 is not more"},
		{errorOf(load(7.5).At(3)), "sizing: overloaded: Load.Rate 7.5/s × Load.Hold 1s is 7.5 connections in use on average, and size 3 is not more"},
		{errorOf(sizing.Load{Rate: 100, Hold: 290 * time.Millisecond}.At(29)), "is 29 connections in use"}, // 28.999999999999996
		{errorOf(load(math.MaxFloat64).At(3)), "size 3 is not more"},
		{errorOf(load(262143).SizeForGoal(goodGoal)), "sizing: overloaded: Load.Rate 262143/s × Load.Hold 1s is 262143 " + overloadedAtAnySize},
		{errorOf(load(262142.5).SizeForGoal(goodGoal)), overloadedAtAnySize},
		{errorOf(load(262143).SizeForAverage(0.1)), overloadedAtAnySize},
		{errorOf(load(math.MaxFloat64).SizeForAverage(0)), overloadedAtAnySize},
		{errorOf(sizing.Load{Rate: math.MaxFloat64, Hold: math.MaxInt64, CV: 100}.SizeForGoal(goodGoal)), overloadedAtAnySize},
	} {
		if !errors.Is(c.err, sizing.ErrOverloaded) || !strings.Contains(c.err.Error(), c.want) {
			t.Errorf("got %v, want %s", c.err, c.want)
		}
	}
}

func TestZeroQueueHasNoWaits(t *testing.T) {
	t.Parallel()
	over, err := sizing.Queue{}.WaitOver(0)
	if over != 0 || err != nil {
		t.Errorf("%v wait, %v, want 0", over, err)
	}
	wait, err := sizing.Queue{}.WaitQuantile(0.99)
	if wait != 0 || err != nil {
		t.Errorf("the quantile is %v, %v, want 0", wait, err)
	}
}

func TestExtremeLoadsHaveFiniteFigures(t *testing.T) {
	t.Parallel()
	for _, load := range []sizing.Load{
		{Rate: 5e-324, Hold: 1},
		{Rate: 5e-324, Hold: math.MaxInt64, CV: 100},
		{Rate: 1e-9, Hold: math.MaxInt64, CV: 100},
		{Rate: 1, Hold: time.Second},
		{Rate: 2.6e14, Hold: 1, CV: 100},
		{Rate: 262142.999, Hold: time.Second, CV: 100},
	} {
		for _, size := range []int{1, 2, 10, 1000, 262143} {
			q, err := load.At(size)
			if errors.Is(err, sizing.ErrOverloaded) {
				continue
			}
			over, errOver := q.WaitOver(0)
			never, errNever := q.WaitOver(math.MaxInt64)
			wait, errWait := q.WaitQuantile(math.Nextafter(1, 0))
			if err := errors.Join(err, errOver, errNever, errWait); err != nil {
				t.Fatalf("%+v at %d: %v", load, size, err)
			}
			for _, x := range []float64{q.Utilization, q.WaitProbability, over, never} {
				if !(x >= 0 && x <= 1) {
					t.Errorf("%+v at %d: a share of %v: %+v", load, size, x, q)
				}
			}
			if q.MeanWait < 0 || wait < 0 || !(q.MeanPending >= 0) || math.IsInf(q.MeanPending, 0) || !(q.InUse >= 0) {
				t.Errorf("%+v at %d: %v, %+v", load, size, wait, q)
			}
		}
	}
}

func errorOf[T any](_ T, err error) error { return err }
