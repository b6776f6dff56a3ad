package main

import (
	"fmt"
	"strings"
)

// observed adds up the results of all scrapes of a run.
type observed struct {
	scrapes, failed     int
	underLoad, overflow int // scrapes under load, and those among them with overflow in use
	checkedOut, peak    int // maximum of all scrapes
	lastError           error
}

// add adds one scrape.
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

// miss adds a failed scrape.
func (o *observed) miss(err error) {
	o.failed++
	o.lastError = err
}

// verdict is whether the pool kept its limit or reached its goal.
type verdict struct {
	judged, failed bool
	line           string // the last line of the report
}

// judge decides whether checked_out never exceeded the limit, by each scrape and by the peak, which covers the time
// between scrapes. A run without scrapes, or without a connection in use, does not pass.
func judge(o observed, limit int) verdict {
	var reasons []string
	fail := func(format string, args ...any) { reasons = append(reasons, fmt.Sprintf(format, args...)) }
	if o.checkedOut > limit {
		fail("checked_out was %d in a scrape", o.checkedOut)
	}
	if o.peak > limit {
		fail("the peak was %d", o.peak)
	}
	if o.failed > 0 {
		fail("%d scrapes failed, the last with: %v", o.failed, o.lastError)
	}
	switch {
	case o.scrapes == 0:
		fail("nothing was scraped")
	case o.checkedOut == 0 && o.peak == 0:
		fail("no connection was ever in use")
	}
	about := fmt.Sprintf("at most %d in %d scrapes, peak %d", o.checkedOut, o.scrapes, o.peak)
	const sum = "pool_size + max_overflow"
	if len(reasons) == 0 {
		return verdict{judged: true, line: fmt.Sprintf("PASS: checked_out never exceeded %s = %d (%s)", sum, limit, about)}
	}
	return verdict{judged: true, failed: true, line: fmt.Sprintf("FAIL: checked_out must never exceed %s = %d, but %s (%s)",
		sum, limit, strings.Join(reasons, "; "), about)}
}

func (v verdict) passed() bool { return v.judged && !v.failed }

// String returns the last line of the report.
func (v verdict) String() string { return v.line }
