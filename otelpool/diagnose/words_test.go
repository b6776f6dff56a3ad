package diagnose_test

import (
	"fmt"
	"regexp"
	"testing"

	"github.com/otelpool/otelpool-go/otelpool/diagnose"
)

// wrong matches what no sentence may have: a wrong plural, thousands of seconds, NaN, and error output of fmt.
var wrong = regexp.MustCompile(`\b1(\.0)? [a-z]+s\b|\b1\.0\b|\d{4,} s\b|NaN|Inf|%!|\b0 (ns|µs|ms|s)\b|^"_OTHER"`)

// TestSentencesAreReadable uses pools of one connection, in which each thing happens once and lasts long.
func TestSentencesAreReadable(t *testing.T) {
	t.Parallel()
	small := func(r *diagnose.Report) {
		r.Settings.MaxConns, r.Settings.BaseSize = 1, 1
		for i := range r.Holds {
			h := &r.Holds[i]
			h.Count, h.Running, h.ResultOpen = min(h.Count, 1), min(h.Running, 1), min(h.ResultOpen, 1)
			h.IdleInTransaction, h.IdleOutside, h.OldestSeconds = min(h.IdleInTransaction, 1), min(h.IdleOutside, 1), 90000
		}
		for _, p := range []*diagnose.Period{&r.LastTenSeconds, &r.LastTenMinutes} {
			for i := range p.Units {
				u := &p.Units[i]
				u.Held, u.ResultOpen, u.IdleOutside = min(u.Held, 1), min(u.ResultOpen, 1), min(u.IdleOutside, 1)
			}
			p.Acquires["timeout"] = min(p.Acquires["timeout"], 1)
		}
		r.Used, r.Waiting = min(r.Used, 1), min(r.Waiting, 1)
	}
	seen := make(map[diagnose.Kind]bool)
	for _, tt := range ruleCases {
		for _, pool := range []func(*diagnose.Report){small, func(*diagnose.Report) {}} {
			r := healthy()
			tt.change(&r)
			pool(&r)
			for _, f := range diagnose.Findings(r) {
				seen[f.Kind] = true
				if bad := wrong.FindString(f.Summary + " " + f.Advice); bad != "" {
					t.Errorf("%s: %q in: %s %s", tt.name, bad, f.Summary, f.Advice)
				}
			}
		}
	}
	if len(seen) < 25 {
		t.Errorf("only %d kinds were found: %v", len(seen), seen)
	}
}

// TestUnnamedWorkHasReadableName uses the operations that share a name.
func TestUnnamedWorkHasReadableName(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string]string{"": "Work without a name ", "_OTHER": `Work without a name of its own ("_OTHER") `} {
		r := healthy()
		holds(&r, diagnose.Holds{Operation: name, Count: 3, IdleOutside: 3, OldestSeconds: 20})
		found := diagnose.Findings(r)
		if want := begin + "keeps 3 of 8 connections and does not return them: nothing runs on them, and the oldest has been held for 20 s."; len(found) == 0 || found[0].Summary != want {
			t.Errorf("got %v, want %q", fmt.Sprint(found), want)
		}
	}
}
