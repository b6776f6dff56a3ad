package parity_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/otelpool/otelpool-go/internal/integration/faults/rig"
	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
)

// endWithoutStart is the end of a query that did not start. pgx tells it to a tracer of queries that is none of batches,
// for the rows of a batch. Beside another tracer that is one of batches, such as otelpool's, it is not told, nor beside
// any in pgx's own multitracer.
var endWithoutStart = regexp.MustCompile(`QueryEnd \[caller=test\] "[^"]*" (no error|\S+ of \S+ "[^"]*"|\S+ "[^"]*")(; |$)`)

// started gives a transcript without the ends of what did not start, and how many of them there were.
func started(transcript []string) (kept []string, without int) {
	for _, text := range transcript {
		switch rest := strings.TrimSuffix(endWithoutStart.ReplaceAllString(text, ""), "; "); rest {
		case "": // a line of its own
			without++
		case "a connection: ": // of which nothing else is told
		default:
			kept = append(kept, rest)
		}
	}
	return kept, without
}

func TestTracersOfSomeInterfacesSeeWhatTheyWouldWithoutOtelpool(t *testing.T) {
	connString := postgrestest.Database(t)
	for _, tracer := range []string{"query", "batch", "copy", "prepare", "connect", "acquire", "release"} {
		t.Run(tracer, func(t *testing.T) {
			rig.NoLeak(t)
			u := setup{name: tracer, tracer: tracer}
			spurious := 0
			for _, s := range slices.Concat(callScenarios, batchScenarios) {
				want, n := started(run(t, connString, s, u, bare))
				spurious += n
				for _, v := range variants {
					if v.name != "New" && v.name != "Sizing alone" {
						continue
					}
					got := run(t, connString, s, u, v)
					if _, n := started(got); n > 0 {
						t.Errorf("%s: with %s, %d queries end that did not start", s.name, v.name, n)
					}
					if !slices.Equal(want, got) {
						t.Errorf("%s: with %s the program sees something else:%s", s.name, v.name, difference(want, got))
					}
				}
			}
			t.Logf("pgx alone told of %d queries that ended and had not started", spurious)
			if (spurious > 0) != (tracer != "batch") {
				t.Error("pgx tells of the rows of batches otherwise than it did")
			}
		})
	}
}
