package sizing_test

import (
	"math"
	"math/big"
	"testing"
	"time"

	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool/sizing"
)

// The unit of rates and times is that of the book, such as an hour for the hospitals. Here it is one second.
func TestQueueMatchesTextbooks(t *testing.T) {
	t.Parallel()
	const unit = float64(time.Second)
	none := math.NaN()
	for _, c := range []struct {
		book                    string
		rate, hold              float64
		size                    int
		waits, wait, pending    float64
		over                    float64 // the wait of overProbability
		overProbability, digits float64 // the probability of a longer wait; the precision of the book's figures
	}{
		{"Hillier and Lieberman, Introduction to Operations Research, County Hospital, one doctor",
			2, 1. / 3, 1, 0.667, 2. / 3, 4. / 3, 0.5, 0.404, 1e-3},
		{"the same, longer waits", 2, 1. / 3, 1, 0.667, 2. / 3, 4. / 3, 1, 0.245, 1e-3},
		{"the same, two doctors", 2, 1. / 3, 2, 0.167, 1. / 24, 1. / 12, 1, 0.003, 1e-3},
		{"Gross et al., Fundamentals of Queueing Theory, City Hospital's eye clinic",
			6, 1. / 3, 3, 4. / 9, 8. / 9 / 6, 8. / 9, 0, 4. / 9, 1e-9},
		{"Bronson, Operations Research, problem 23.14", 30, 1.5 / 60, 1, 0.75, 4.5 / 60, 2.25, none, none, 1e-9},
		{"Bronson, Operations Research, problem 24.6", 300. / 365, 2, 3, none, 0.43, 0.352, none, none, 2e-3},
		{"Adan and Resing, Queueing Systems, table 5.1", 0.9, 1, 1, 0.90, 9.00, none, none, none, 5e-3},
		{"the same, c = 2", 1.8, 1, 2, 0.85, 4.26, none, none, none, 5e-3},
		{"the same, c = 5", 4.5, 1, 5, 0.76, 1.53, none, none, none, 6e-3}, // 1.525, rounded up
		{"the same, c = 10", 9, 1, 10, 0.67, 0.67, none, none, none, 5e-3},
		{"the same, c = 20", 18, 1, 20, 0.55, 0.28, none, none, none, 5e-3},
		{"pyworkforce, 100 calls of 3 min in 30 min", 100. / 30, 3, 14,
			0.1741319335950498, none, none, 1. / 3, 1 - 0.8883500191794669, 1e-9},
	} {
		load := sizing.Load{Rate: c.rate, Hold: time.Duration(c.hold * unit)}
		q, err := load.At(c.size)
		if err != nil {
			t.Errorf("%s: %v", c.book, err)
			continue
		}
		check := func(what string, got, want float64) {
			if math.Abs(got-want) > c.digits {
				t.Errorf("%s: %s is %v, want %v", c.book, what, got, want)
			}
		}
		check("InUse", q.InUse, c.rate*c.hold)
		check("Utilization", q.Utilization, c.rate*c.hold/float64(c.size))
		check("WaitProbability", q.WaitProbability, c.waits)
		check("MeanWait", float64(q.MeanWait)/unit, c.wait)
		check("MeanPending", q.MeanPending, c.pending)
		if !math.IsNaN(c.over) {
			over, err := q.WaitOver(time.Duration(c.over * unit))
			if err != nil {
				t.Errorf("%s: %v", c.book, err)
			}
			check("WaitOver", over, c.overProbability)
		}
	}
}

func TestQueueIsExactForLargePools(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		inUse float64
		size  int
	}{{1, 2}, {1, 50}, {20, 100}, {99.5, 100}, {950, 1000}, {999, 1000}, {1000, 1200}, {4900, 5000}, {9999, 10000}} {
		q, err := sizing.Load{Rate: c.inUse, Hold: time.Second}.At(c.size)
		want := erlangCByDefinition(c.inUse, c.size)
		if err != nil || math.Abs(q.WaitProbability-want) > 1e-11*want {
			t.Errorf("a = %v, c = %d: got %v, %v, want %v", c.inUse, c.size, q.WaitProbability, err, want)
		}
	}
}

// erlangCByDefinition adds up the terms of the definition with enough digits for terms of any size.
func erlangCByDefinition(inUse float64, size int) float64 {
	number := func(x float64) *big.Float { return new(big.Float).SetPrec(400).SetFloat64(x) }
	a, term, sum := number(inUse), number(1), number(0)
	for k := 1; k <= size; k++ {
		sum.Add(sum, term) // a^(k-1) / (k-1)!
		term.Quo(term.Mul(term, a), number(float64(k)))
	}
	last := term.Quo(term.Mul(term, number(float64(size))), number(0).Sub(number(float64(size)), a))
	c, _ := last.Quo(last, sum.Add(sum, last)).Float64()
	return c
}

func TestCVScalesWaitByAllenCunneen(t *testing.T) {
	t.Parallel()
	at := func(cv float64) sizing.Queue {
		q, err := sizing.Load{Rate: 100, Hold: 50 * time.Millisecond, CV: cv}.At(6)
		testutil.NoError(t, err)
		return q
	}
	plain, variable := at(0), at(3)
	if variable.WaitProbability != plain.WaitProbability {
		t.Errorf("%v wait, want %v", variable.WaitProbability, plain.WaitProbability)
	}
	if got := float64(variable.MeanWait) / float64(plain.MeanWait); math.Abs(got-5) > 1e-6 {
		t.Errorf("the wait is %v times as long, want (1 + 3²) / 2", got)
	}
	for _, cv := range []float64{0.01, 0.7, 1} {
		if got := at(cv); got != plain {
			t.Errorf("with a CV of %v the queue is %+v, want %+v", cv, got, plain)
		}
	}
}
