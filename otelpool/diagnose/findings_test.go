package diagnose_test

import (
	"slices"
	"testing"
	"testing/quick"

	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool/diagnose"
)

func TestEmptyReportHasNoFindings(t *testing.T) {
	t.Parallel()
	if found := diagnose.Findings(diagnose.Report{}); len(found) != 0 {
		t.Errorf("got %+v", found)
	}
	if found := diagnose.Findings(healthy()); len(found) != 0 {
		t.Errorf("of a healthy pool: got %+v", found)
	}
}

// TestFindingsTakeAnyReport uses reports of random numbers, such as a file may contain.
func TestFindingsTakeAnyReport(t *testing.T) {
	t.Parallel()
	names := []string{"", "a", "b\u202e\x00", "c"}
	whole := func(settings diagnose.Settings, holds []diagnose.Holds, now, minute, ten diagnose.Period, counts [5]int64, wait float64) bool {
		r := diagnose.Report{
			Settings: settings, Holds: holds, LastTenSeconds: now, LastMinute: minute, LastTenMinutes: ten, OldestWaitSeconds: wait,
			Used: counts[0], Idle: counts[1], Constructing: counts[2], Closing: counts[3], Waiting: counts[4],
		}
		for _, p := range []*diagnose.Period{&r.LastTenSeconds, &r.LastTenMinutes} {
			for i := range p.Operations {
				p.Operations[i].Operation = names[i%len(names)]
			}
			for i := range p.Units {
				p.Units[i].Operation = names[i%len(names)]
			}
		}
		found := diagnose.Findings(r)
		for _, f := range found {
			if f.Kind == "" || f.Summary == "" || f.Advice == "" || f.Runbook == "" || len(f.Evidence) == 0 {
				t.Errorf("incomplete: %+v", f)
			}
		}
		consequence := func(f diagnose.Finding) bool { return f.Consequence }
		causes := slices.IndexFunc(found, consequence)
		return causes < 0 || !slices.ContainsFunc(found[causes:], func(f diagnose.Finding) bool { return !f.Consequence })
	}
	testutil.NoError(t, quick.Check(whole, &quick.Config{MaxCount: 3000}))
}

// healthy returns the report of a pool of 8 connections that has been healthy for ten minutes.
func healthy() diagnose.Report {
	period := func(seconds float64) diagnose.Period {
		n := int64(100 * seconds)
		p := diagnose.Period{
			Seconds:       seconds,
			Acquires:      map[string]int64{"ok": 2 * n, "timeout": 0, "canceled": 0, "error": 0},
			WaitedSeconds: map[string]float64{"queue": 0.001 * float64(n), "connect": 0, "ping": 0, "prepare": 0},
			Peak:          6,
		}
		for _, op := range []struct {
			name string
			mean float64
		}{{"get", 0.01}, {"put", 0.02}, {"list", 0.03}, {"find", 0.005}} {
			p.Operations = append(p.Operations, diagnose.Operation{Operation: op.name, Calls: n / 2, Seconds: float64(n/2) * op.mean})
		}
		for _, unit := range []string{"GET /", "POST /"} {
			p.Units = append(p.Units, diagnose.Unit{
				Operation: unit, Held: 2, Running: 1.7, IdleInTransaction: 0.2, IdleOutside: 0.1,
				Units: n, Operations: n, BusySeconds: 1.7 * seconds,
			})
		}
		return p
	}
	return diagnose.Report{
		Version: diagnose.ReportVersion, Pool: "main", Settings: diagnose.Settings{BaseSize: 8, MaxConns: 8},
		Used: 4, Idle: 4,
		Holds: []diagnose.Holds{
			{Operation: "GET /", Count: 2, OldestSeconds: 0.02, LastQueries: []string{"get"}, Running: 2, ProcessIDs: []uint32{1, 2}},
			{Operation: "POST /", Count: 2, OldestSeconds: 0.04, LastQueries: []string{"put"}, Running: 2, ProcessIDs: []uint32{3, 4}},
		},
		LastTenSeconds: period(12), LastMinute: period(66), LastTenMinutes: period(630),
	}
}

// unit returns a unit of work of a period.
func unit(p *diagnose.Period, name string) *diagnose.Unit {
	return &p.Units[slices.IndexFunc(p.Units, func(u diagnose.Unit) bool { return u.Operation == name })]
}

// operation returns an operation of a period.
func operation(p *diagnose.Period, name string) *diagnose.Operation {
	return &p.Operations[slices.IndexFunc(p.Operations, func(op diagnose.Operation) bool { return op.Operation == name })]
}

// also makes a change to each period, because the longer ones include the last ten seconds.
func also(r *diagnose.Report, change func(*diagnose.Period)) {
	for _, p := range []*diagnose.Period{&r.LastTenSeconds, &r.LastMinute, &r.LastTenMinutes} {
		change(p)
	}
}
