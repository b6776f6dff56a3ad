package diagnose

import (
	"math"
	"strings"
	"testing"
	"unicode"

	"github.com/otelpool/otelpool-go/internal/testutil"
)

func TestWriteTextLooksLikeCompiler(t *testing.T) {
	t.Parallel()
	before := 1.0
	leak := Finding{
		Kind: Leak, Severity: Critical, Operation: "checkout", Summary: "checkout keeps connections.", Advice: "Release them.", Runbook: "PoolLongHolds",
		Evidence: []Evidence{{Name: "connections held", Value: 4, Before: &before}, {Name: "oldest hold", Value: 93.4, Unit: "s"}},
	}
	wait := Finding{Kind: CallersWait, Severity: Warning, Summary: "Callers wait.", Consequence: true}
	r := Report{Pool: "main", Used: 3, Settings: Settings{MaxConns: 10}, LastMinute: Period{Acquires: map[string]int64{}}}
	for want, findings := range map[string][]Finding{
		"main: ok: 3 of 10 connections in use, no caller waits\n": nil,
		`main: critical: leak: checkout keeps connections.
    connections held: 4 (before: 1)
    oldest hold: 93.4 s
  help: Release them.
  see: https://github.com/otelpool/otelpool-go/blob/main/collector-config/RUNBOOK.md#poollongholds
main: warning: callers_wait (a consequence): Callers wait.
`: {leak, wait},
	} {
		var b strings.Builder
		if err := WriteText(&b, r, findings); err != nil || b.String() != want {
			t.Errorf("%v, got:\n%swant:\n%s", err, &b, want)
		}
	}
}

func TestStateCountsWaiters(t *testing.T) {
	t.Parallel()
	r := Report{Used: 10, Settings: Settings{MaxConns: 10}, Waiting: 1, OldestWaitSeconds: 0.0321}
	if got := r.State(); got != "10 of 10 connections in use, 1 caller has waited for 32.1 ms" {
		t.Error(got)
	}
	r.Waiting = 0
	if got := r.State(); got != "10 of 10 connections in use, and waiting callers are unknown: the pool has no hooks" {
		t.Error(got)
	}
	unlimited := Report{Used: 1}
	if got := unlimited.State(); got != "1 connection in use, and waiting callers are unknown: the pool has no hooks" {
		t.Error(got)
	}
	r.Waiting, r.OldestWaitSeconds = 7, 130
	if got := r.State(); got != "10 of 10 connections in use, 7 callers wait for one, the first for 2.17 min" {
		t.Error(got)
	}
}

func TestValuesHaveReadableUnits(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		value float64
		unit  string
		want  string
	}{
		{0, "s", "0 s"}, {0.0000421, "s", "42.1 µs"}, {0.25, "s", "250 ms"}, {1.5, "s", "1.5 s"}, {7200, "s", "2 h"},
		{1234567, "", "1234567"}, {1234.5, "1", "1234"}, {0.12345, "{connection}", "0.123"}, {12.5, "%", "12.5 %"},
		{3.25, "/s", "3.25/s"}, {3.25, "1/s", "3.25/s"}, {10, "By", "10 By"}, {math.NaN(), "", "NaN"}, {math.Inf(1), "s", "+Inf h"},
	} {
		if got := formatValue(tt.value, tt.unit); got != tt.want {
			t.Errorf("%v %s is %q, want %q", tt.value, tt.unit, got, tt.want)
		}
	}
}

func TestWriteTextEscapesHostileNames(t *testing.T) {
	t.Parallel()
	hostile := "\x1b[2J\r\n\u202e<script>\xff\x00" + strings.Repeat("x", 10_000)
	var b strings.Builder
	err := WriteText(&b, Report{Pool: hostile}, []Finding{{
		Kind: Kind(hostile), Severity: Severity(hostile), Summary: hostile, Advice: hostile, Runbook: hostile,
		Evidence: []Evidence{{Name: hostile, Unit: hostile}},
	}})
	testutil.NoError(t, err)
	text := b.String()
	if lines := strings.Count(text, "\n"); lines != 4 || len(text) > 10_000 {
		t.Errorf("%d lines, %d bytes", lines, len(text))
	}
	for _, r := range strings.ReplaceAll(text, "\n", "") {
		if !unicode.IsPrint(r) {
			t.Fatalf("%U is in %q", r, text)
		}
	}
}
