package diagnose

import (
	"fmt"
	"math"
	"strconv"

	"github.com/otelpool/otelpool-go/internal/printable"
)

// named returns a name for a sentence. Names are the program's, and may contain anything.
func named(operation string) string {
	switch operation {
	case "":
		return "Work without a name"
	case "_OTHER": // operations beyond the limit of names, and those whose text says nothing
		return `Work without a name of its own ("_OTHER")`
	}
	return strconv.Quote(operation)
}

// count returns a number with its noun, such as "1 connection" and "3 connections".
func count(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// countThat returns a number with its noun and verb, such as "1 connection was" or "3 connections were".
func countThat(n int64, noun, singular, plural string) string {
	if n == 1 {
		return count(n, noun) + " " + singular
	}
	return count(n, noun) + " " + plural
}

// average returns an average with its noun, such as "1 connection" and "2.8 connections".
func average(n float64, noun string) string {
	text := printable.Number(math.Round(10*n) / 10)
	if text == "1" {
		return text + " " + noun
	}
	return text + " " + noun + "s"
}

// ofPool returns n as a part of the pool's connections.
func (v *view) ofPool(n int64) string {
	switch limit := v.Settings.MaxConns; {
	case limit == 1:
		return "the only connection"
	case n >= limit && limit == 2:
		return "both connections"
	case n >= limit:
		return "all " + count(n, "connection")
	default:
		return fmt.Sprintf("%d of %s", n, count(limit, "connection"))
	}
}

// it returns the pronoun for n things.
func it(n int64) string {
	if n == 1 {
		return "it"
	}
	return "them"
}

// grew returns how much more often something happens, in words.
func grew(rate, before float64) string {
	switch {
	case before <= 0:
		return printable.Number(rate) + " times a second, and did not before"
	case rate > 1000*before:
		return "more than 1000 times as often as before"
	}
	return fmt.Sprintf("%.0f times as often as before", rate/before)
}
