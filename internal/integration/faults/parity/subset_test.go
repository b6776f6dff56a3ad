package parity_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/otelpool/otelpool-go/internal/integration/faults/rig"
	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
)

// endWithoutStart matches the end of a query that did not start. pgx reports it for the rows of a batch to a tracer
// that is a QueryTracer but not a BatchTracer. If another tracer, such as otelpool's or multitracer, is a BatchTracer,
// pgx does not report it.
var endWithoutStart = regexp.MustCompile(`QueryEnd \[caller=test\] "[^"]*" (no error|\S+ of \S+ "[^"]*"|\S+ "[^"]*")(; |$)`)

// started returns a transcript without ends of queries that did not start, and the number of those.
func started(transcript []string) (kept []string, without int) {
	for _, text := range transcript {
		switch rest := strings.TrimSuffix(endWithoutStart.ReplaceAllString(text, ""), "; "); rest {
		case "": // a line of its own
			without++
		case "a connection: ": // no other event of that connection
		default:
			kept = append(kept, rest)
		}
	}
	return kept, without
}

func TestPartialTracersSeeSameEvents(t *testing.T) {
	connString := postgrestest.Database(t)
	all := slices.Concat(everywhere("exec", (*fixture).exec), everywhere("batch", (*fixture).sendBatch), copyScenarios, batchScenarios)
	compared := []variant{bare, variants[0], variants[3]} // with New, and with Sizing alone
	for _, tracer := range []string{"query", "batch", "copy", "prepare", "connect", "acquire", "release"} {
		t.Run(tracer, func(t *testing.T) {
			rig.NoLeak(t)
			u := setup{name: tracer, tracer: tracer}
			spurious := 0
			for _, s := range all {
				seen := runAll(t, connString, s, u, compared)
				want, n := started(seen[0])
				spurious += n
				for i, v := range compared[1:] {
					got := seen[i+1]
					if _, n := started(got); n > 0 {
						t.Errorf("%s: with %s, %d queries end that did not start", s.name, v.name, n)
					}
					if !slices.Equal(want, got) {
						t.Errorf("%s: with %s the program sees a difference (-without +with):\n%s", s.name, v.name, cmp.Diff(want, got))
					}
				}
			}
			t.Logf("pgx alone reported the end of %d queries that had not started", spurious)
			if (spurious > 0) != (tracer != "batch") {
				t.Error("pgx no longer reports the end of a batch's rows")
			}
		})
	}
}
