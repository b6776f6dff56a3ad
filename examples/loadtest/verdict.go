package main

import (
	"errors"
	"fmt"
	"strings"
)

// observed is what all scrapes of a run have shown.
type observed struct {
	scrapes, failed     int
	underLoad, overflow int // scrapes while there was load, and those of them with overflow in use
	checkedOut, peak    int // the most of any scrape
	lastError           error
}

// add takes in one scrape.
func (o *observed) add(s sample, underLoad bool) {
	o.scrapes++
	o.checkedOut = max(o.checkedOut, s.checkedOut)
	o.peak = max(o.peak, s.peak)
	if underLoad {
		o.underLoad++
		if s.overflow > 0 {
			o.overflow++
		}
	}
}

// miss takes in a scrape that failed.
func (o *observed) miss(err error) {
	o.failed++
	o.lastError = err
}

// verdict is whether the pool kept to its limit.
type verdict struct {
	judged  bool
	limit   int
	about   string
	against []error // why it did not pass
}

// judge decides whether checked_out never exceeded the limit. Each scrape has its say, and so has the peak, which knows
// what happened between them. What was not seen is no proof: a run without scrapes, or without a connection in use,
// does not pass.
func judge(o observed, limit int) verdict {
	v := verdict{
		judged: true,
		limit:  limit,
		about:  fmt.Sprintf("at most %d in %d scrapes, peak %d", o.checkedOut, o.scrapes, o.peak),
	}
	against := func(format string, args ...any) { v.against = append(v.against, fmt.Errorf(format, args...)) }
	if o.checkedOut > limit {
		against("checked_out was %d in a scrape", o.checkedOut)
	}
	if o.peak > limit {
		against("the peak was %d", o.peak)
	}
	if o.failed > 0 {
		against("%d scrapes failed, the last with: %w", o.failed, o.lastError)
	}
	switch {
	case o.scrapes == 0:
		against("nothing was scraped")
	case o.checkedOut == 0 && o.peak == 0:
		against("no connection was ever in use")
	}
	return v
}

func (v verdict) passed() bool { return v.judged && len(v.against) == 0 }

// String is the last line of the report.
func (v verdict) String() string {
	const limit = "pool_size + max_overflow"
	if v.passed() {
		return fmt.Sprintf("PASS: checked_out never exceeded %s = %d (%s)", limit, v.limit, v.about)
	}
	reasons := strings.ReplaceAll(errors.Join(v.against...).Error(), "\n", "; ")
	return fmt.Sprintf("FAIL: checked_out must be seen never to exceed %s = %d, but %s (%s)", limit, v.limit, reasons, v.about)
}
