package poolz

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool/diagnose"
)

// values matches attributes whose values no browser treats as code.
var values = regexp.MustCompile(`\s(?:class|id|aria-[a-z]+|data-[a-z]+)="[^"]*"`)

// scripts matches the scripts of the page, which are its own files.
var scripts = regexp.MustCompile(`<script(?: type="module"| defer)? src="[A-Za-z.]+"></script>`)

// inlined matches what the Content-Security-Policy forbids, and resources from other hosts. A link loads nothing.
var inlined = regexp.MustCompile(`(?i)<script|<style|<[^>]*\s(?:style|on[a-z]+)=|javascript:|src="(?:[a-z]+:|//)|<[b-z][^>]*href="(?:[a-z]+:|//)`)

// fullDocument returns a document with everything, and with name wherever others choose a text.
func fullDocument(name string, many int) Document {
	n := map[string]int64{name: 3, "none": 0}
	before := 1.5
	r := diagnose.Report{
		Version: diagnose.ReportVersion, Pool: name, Used: 9, Idle: 2, Constructing: 1, Closing: 1, Waiting: 4, OldestWaitSeconds: 2.5,
		Settings: diagnose.Settings{BaseSize: 10, MaxConns: 20},
	}
	p := diagnose.Period{Seconds: 60, Acquires: n, WaitedSeconds: map[string]float64{"queue": 3}, DialsFailed: n, Closed: n, Dials: 2, DialSeconds: 0.5}
	for i := range many {
		r.Holds = append(r.Holds, diagnose.Holds{
			Operation: fmt.Sprint(name, i), Stack: []string{name, name}, Count: 1, LastQueries: []string{name}, TraceIDs: []string{name},
		})
		p.Units = append(p.Units, diagnose.Unit{Operation: fmt.Sprint(name, i), Held: 0.5})
		p.Operations = append(p.Operations, diagnose.Operation{Operation: fmt.Sprint(name, i), Calls: 4, Seconds: 1, Failures: n})
	}
	r.LastTenSeconds, r.LastMinute, r.LastTenMinutes = p, p, p
	moments := []diagnose.Moment{{}, {Used: 9, Idle: 2, Waiting: 4, Seconds: 2, Acquires: 4, WaitedSeconds: 1, Calls: 3, CallFailures: 3}}
	return Document{Version: Version, Pools: []Pool{{Report: r, moments: moments, Findings: []diagnose.Finding{{
		Kind: diagnose.Kind(name), Severity: diagnose.Severity(name), Summary: name, Advice: name, Runbook: name,
		Evidence: []diagnose.Evidence{{Name: name, Value: 4, Unit: name, Before: &before}},
	}}}}}
}

func page(t *testing.T, d Document, opts ...Option) string {
	t.Helper()
	text, err := view{at: time.Now(), config: newConfig(opts)}.write(d)
	testutil.NoError(t, err)
	return string(text)
}

// checkEscaped checks that no name is markup, unprintable or too long.
func checkEscaped(t *testing.T, page string) {
	t.Helper()
	testutil.Equal(t, "inlined in the page", inlined.FindString(scripts.ReplaceAllString(values.ReplaceAllString(page, ""), "")), "")
	for _, r := range page {
		if !unicode.IsPrint(r) && r != '\n' {
			t.Fatalf("the page has %U", r)
		}
	}
	if strings.Contains(page, strings.Repeat("é", 10*maxText+1)) {
		t.Error("a name is not cut")
	}
}

func TestPageHoldsNothingInline(t *testing.T) {
	t.Parallel()
	hostile := "<script>alert(1)</script>\" onload=alert(1) style=\"x\u202e\x00\x1b" + strings.Repeat("é", 10_000)
	text := page(t, fullDocument(hostile, 3))
	checkEscaped(t, text)
	css := string(assets["poolz.css"].body)
	if inlined.MatchString(css) || strings.Contains(css, "url(") || strings.Contains(css, "@import") {
		t.Error("the style sheet loads something")
	}
}

func TestPageShowsFindings(t *testing.T) {
	t.Parallel()
	d := fullDocument("checkout", 3)
	d.Pools[0].Findings[0].Severity = diagnose.Critical
	text := page(t, d)
	for _, want := range []string{
		"<title>critical: checkout of checkout</title>", `<article class="finding critical" data-key="`, "critical: checkout", "checkout: 4 checkout (before: 1.5 checkout)",
		`collector-config/RUNBOOK.md#checkout">runbook: checkout</a>`, `aria-label="20 connections: 1 checkout0, 1 checkout1, 1 checkout2, 5 others in use, ` +
			`1 closing, 1 being opened, 2 idle, 8 not open"`, `<line class="base" x1="10"`, "250 ms", "checkout: 3", `<bdi>queue</bdi></th><td data-value="3">3 s</td><td data-value="100">100 %</td>`, "closed: checkout</bdi></th><td>3</td><td>3</td>",
		"checkout0: checkout</bdi></th><td>3</td><td>3</td>",
		`aria-label="Plot of the last ten minutes. Mean time now: to acquire 250 ms, of an operation 0 s"`, `<span class="line1">operations 1.5</span>`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not on the page:\n%s", want, text)
		}
	}
	d.Pools[0].Findings = nil
	if text := page(t, d); !strings.Contains(text, "ok: 9 of 20 connections in use, 4 callers wait for one") {
		t.Errorf("without findings the page does not show the state:\n%s", text)
	}
}

// TestPageShowsNoZeroForUnknown uses pools without hooks. The first is a sql.DB's own, without a limit.
func TestPageShowsNoZeroForUnknown(t *testing.T) {
	t.Parallel()
	for want, r := range map[string]diagnose.Report{
		"<dt>In use</dt><dd>3</dd>":       {Pool: "unlimited", Used: 3},
		"<dt>In use</dt><dd>0</dd>":       {Pool: "closed"},
		"<dt>In use</dt><dd>3 of 5</dd>":  {Pool: "limited", Used: 3, Settings: diagnose.Settings{BaseSize: 5, MaxConns: 5}},
		"<dt>Being opened</dt><dd>1</dd>": {Pool: "pgxpool", Constructing: 1, Settings: diagnose.Settings{BaseSize: 5, MaxConns: 5}},
	} {
		text := page(t, Document{Version: Version, Pools: []Pool{{Report: r}}})
		if !strings.Contains(text, want) {
			t.Errorf("%s: %q is not on the page:\n%s", r.Pool, want, text)
		}
		for _, unknown := range []string{"of 0", "Waiting", "Oldest wait", "Opened<", "Closing", "Peak", "Nested", "None.", "No acquire", "<dd>none", `viewBox="0 0 0 1"`} {
			if strings.Contains(text, unknown) {
				t.Errorf("%s: %q is on the page, but is unknown:\n%s", r.Pool, unknown, text)
			}
		}
	}
}

func TestPageIsBounded(t *testing.T) {
	t.Parallel()
	text := page(t, fullDocument(strings.Repeat("<", 255), 1000))
	if len(text) > 500_000 || strings.Count(text, "and 970 more") != 4 {
		t.Errorf("%d bytes, %d cut tables", len(text), strings.Count(text, "and 970 more"))
	}
	size := len(page(t, fullDocument("list_orders_of_customer", 30)))
	for _, asset := range assets {
		size += len(asset.body)
	}
	if size > 150_000 {
		t.Errorf("a page with 30 units of work and operations has %d bytes, including its files", size)
	}
}

func TestPanicInRenderingIsAnError(t *testing.T) {
	t.Parallel()
	calls := 0
	render := once(func() ([]byte, error) { calls++; panic(errors.New("boom")) })
	for range 2 {
		if _, err := render(); err == nil || calls != 1 {
			t.Errorf("%v, %d calls", err, calls)
		}
	}
}

func TestBarNeverExceedsItsSize(t *testing.T) {
	t.Parallel()
	for _, r := range []diagnose.Report{
		{},
		{Used: 3, Settings: diagnose.Settings{MaxConns: 2}},
		{Used: 2, Closing: 5, Idle: 9, Settings: diagnose.Settings{MaxConns: 4}},
		{Used: 1, Holds: []diagnose.Holds{{Count: 7}, {Operation: "a", Count: 1}}, Settings: diagnose.Settings{MaxConns: 4}},
	} {
		b := newBar(r)
		var end int64
		for _, p := range b.Parts {
			if p.From != end || p.Count <= 0 {
				t.Errorf("%+v: %+v", r, b)
			}
			end = p.From + p.Count
		}
		if end != b.Size {
			t.Errorf("%+v: parts end at %d, size %d", r, end, b.Size)
		}
	}
}
