package diagnose_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool/diagnose"
)

// session is one that has been in a transaction for 42 s and idle in it for 40 s, unless it is blocked.
func session(pid uint32, operation, application string, blockedBy ...uint32) diagnose.Session {
	s := diagnose.Session{
		ProcessID: pid, Ours: operation != "", Operation: operation, Application: application, BlockedBy: blockedBy,
		State: "idle in transaction", StateSeconds: 40, TransactionSeconds: 42, QuerySeconds: 41,
	}
	if len(blockedBy) > 0 {
		s.State, s.WaitEventType, s.LockWaitSeconds = "active", "Lock", 41
	}
	return s
}

// changed returns a session after a change.
func changed(s diagnose.Session, change func(*diagnose.Session)) diagnose.Session {
	change(&s)
	return s
}

func TestBlockedRuleNamesRoot(t *testing.T) {
	t.Parallel()
	report := session(1, "nightly_report", "shop")
	psql := session(1, "", "psql")
	pay := func(pid uint32, by ...uint32) diagnose.Session { return session(pid, "pay", "shop", by...) }
	for _, tt := range []struct {
		name     string
		sessions []diagnose.Session
		want     []string // operation, and the sentence
	}{
		{"nothing", nil, nil},
		{"no session waits", []diagnose.Session{report, pay(2)}, nil},
		{"ours", []diagnose.Session{report, pay(2, 1), pay(3, 2, 1), session(4, "ship", "shop", 1)},
			[]string{"nightly_report", "nightly_report has run nothing for 40 s in a transaction that has been open for 42 s, and 3 sessions wait for a lock that it holds: pay (2), ship (1)."}},
		{"others", []diagnose.Session{psql, pay(2, 1)},
			[]string{"", "psql, which is not part of this pool, has run nothing for 40 s in a transaction that has been open for 42 s, and 1 session waits for a lock that it holds: pay (1)."}},
		{"chain", []diagnose.Session{psql, session(2, "ship", "", 1), pay(3, 2)},
			[]string{"", "psql, which is not part of this pool, has run nothing for 40 s in a transaction that has been open for 42 s, and 2 sessions wait for a lock that it holds: pay (1), ship (1)."}},
		{"two", []diagnose.Session{psql, session(2, "ship", ""), pay(3, 1), pay(4, 2), pay(5, 2)},
			[]string{"ship", "ship has run nothing for 40 s in a transaction that has been open for 42 s, and 2 sessions wait for a lock that it holds: pay (2).",
				"", "psql, which is not part of this pool, has run nothing for 40 s in a transaction that has been open for 42 s, and 1 session waits for a lock that it holds: pay (1)."}},
		{"circle", []diagnose.Session{pay(1, 2), changed(session(2, "ship", "", 1), func(s *diagnose.Session) { s.TransactionSeconds = 50 })},
			[]string{"ship", "ship works in a transaction that has been open for 50 s, and 1 session waits for a lock that it holds: pay (1)."}},
		{"itself", []diagnose.Session{pay(1, 1)}, nil},
		{"works", []diagnose.Session{changed(report, func(s *diagnose.Session) { s.State = "active" }), pay(2, 1)},
			[]string{"nightly_report", "nightly_report works in a transaction that has been open for 42 s, and 1 session waits for a lock that it holds: pay (1)."}},
		{"advisory lock", []diagnose.Session{changed(report, func(s *diagnose.Session) { s.State, s.TransactionSeconds = "idle", 0 }), pay(2, 1)},
			[]string{"nightly_report", "nightly_report has run nothing for 40 s, and 1 session waits for a lock that it holds: pay (1)."}},
		{"hidden", []diagnose.Session{{ProcessID: 1, Role: "billing"}, pay(2, 1)},
			[]string{"", "role billing, which is not part of this pool, does something that the asking role may not see, and 1 session waits for a lock that it holds: pay (1)."}},
		{"not in the list", []diagnose.Session{pay(2, 1)},
			[]string{"", "process 1, which is not part of this pool, does something that the asking role may not see, and 1 session waits for a lock that it holds: pay (1)."}},
		{"prepared", []diagnose.Session{pay(2, 0)},
			[]string{"", "a prepared transaction is still open, and 1 session waits for a lock that it holds: pay (1)."}},
		{"no name", []diagnose.Session{changed(report, func(s *diagnose.Session) { s.Operation = "" }), pay(2, 1)},
			[]string{"", "a unit of work without a name has run nothing for 40 s in a transaction that has been open for 42 s, and 1 session waits for a lock that it holds: pay (1)."}},
		{"waits briefly at the end of a long statement", []diagnose.Session{report, changed(pay(2, 1), func(s *diagnose.Session) { s.LockWaitSeconds = 0.9 })}, nil},
		{"hidden, one after the other", []diagnose.Session{{ProcessID: 1, Role: "billing"}, {ProcessID: 2, BlockedBy: []uint32{1}, LockWaitSeconds: 0.3},
			changed(pay(3, 2), func(s *diagnose.Session) { s.LockWaitSeconds = 5 })}, nil},
		{"holds briefly", []diagnose.Session{changed(report, func(s *diagnose.Session) { s.TransactionSeconds, s.StateSeconds = 0.9, 0.8 }), pay(2, 1)}, nil},
	} {
		findings := diagnose.Findings(diagnose.Report{Server: &diagnose.ServerState{Sessions: tt.sessions}})
		var got []string
		for _, f := range findings {
			got = append(got, f.Operation, f.Summary)
			checkFinding(t, f, diagnose.BlockedOnServer, diagnose.Warning)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

// checkFinding checks what every finding must have.
func checkFinding(t *testing.T, f diagnose.Finding, kind diagnose.Kind, severity diagnose.Severity) {
	t.Helper()
	if f.Kind != kind || f.Severity != severity || f.Advice == "" || len(f.Evidence) == 0 {
		t.Errorf("%+v", f)
	}
	runbook, err := os.ReadFile("../../collector-config/RUNBOOK.md")
	testutil.NoError(t, err)
	if !strings.Contains(string(runbook), "\n### "+f.Runbook+"\n") {
		t.Errorf("the runbook has no section %q", f.Runbook)
	}
}

func TestLongestWaitIsForLock(t *testing.T) {
	t.Parallel()
	pay := changed(session(2, "pay", "", 1), func(s *diagnose.Session) { s.LockWaitSeconds = 7 })
	f := diagnose.Findings(diagnose.Report{Server: &diagnose.ServerState{Sessions: []diagnose.Session{session(1, "report", ""), pay}}})[0]
	if e := f.Evidence[2]; e.Name != "longest wait" || e.Value != 7 {
		t.Errorf("got %v, want 7 s", e)
	}
}

func TestBlockedRuleIsCriticalWhileCallersWait(t *testing.T) {
	t.Parallel()
	server := &diagnose.ServerState{Sessions: []diagnose.Session{session(1, "report", ""), session(2, "pay", "", 1)}}
	for _, r := range []diagnose.Report{
		{Server: server, Waiting: 1},
		{Server: server, LastTenSeconds: diagnose.Period{Acquires: map[string]int64{"timeout": 1}}},
	} {
		for _, f := range diagnose.Findings(r) {
			checkFinding(t, f, diagnose.BlockedOnServer, diagnose.Critical)
		}
	}
	server.Sessions[1].Ours = false
	checkFinding(t, diagnose.Findings(diagnose.Report{Server: server, Waiting: 1})[0], diagnose.BlockedOnServer, diagnose.Warning)
}

// TestBlockedRuleTakesWaitsThatBeginAgain lets all sessions give up a lock after less than a second, and try again.
func TestBlockedRuleTakesWaitsThatBeginAgain(t *testing.T) {
	t.Parallel()
	again := changed(session(2, "pay", "", 1), func(s *diagnose.Session) { s.LockWaitSeconds = 0.4 })
	for _, tt := range []struct {
		failure string
		ours    bool
		open    float64
		want    int
	}{{"timeout", true, 42, 1}, {"55P03", true, 42, 1}, {"40001", true, 42, 0}, {"timeout", true, 3, 0}, {"timeout", false, 42, 0}} {
		blocker, victim := session(1, "", "psql"), again
		blocker.TransactionSeconds, blocker.StateSeconds, victim.Ours = tt.open, tt.open, tt.ours
		r := diagnose.Report{Server: &diagnose.ServerState{Sessions: []diagnose.Session{blocker, victim}}}
		r.LastTenSeconds.Operations = []diagnose.Operation{{Operation: "put", Calls: 4, Failures: map[string]int64{tt.failure: 4}}}
		found := slices.DeleteFunc(diagnose.Findings(r), func(f diagnose.Finding) bool { return f.Kind != diagnose.BlockedOnServer })
		if len(found) != tt.want {
			t.Errorf("%+v: got %+v", tt, found)
		}
	}
}

func TestBlockedRuleIsBounded(t *testing.T) {
	t.Parallel()
	var sessions []diagnose.Session
	name := strings.Repeat("\x1b", 10_000)
	for i := range uint32(20_000) {
		sessions = append(sessions, session(2*i+1, "", name), session(2*i+2, "", "pay", 2*i+1, 2*i+2, 2*i+4))
	}
	findings := diagnose.Findings(diagnose.Report{Server: &diagnose.ServerState{Sessions: sessions}})
	if len(findings) == 0 || len(findings) > 3 || len(findings[0].Summary) > 2000 || strings.Contains(findings[0].Summary, "\x1b") {
		t.Errorf("%d findings: %.2000s", len(findings), fmt.Sprint(findings))
	}
}

func TestServerFullRule(t *testing.T) {
	t.Parallel()
	clients := []diagnose.Client{
		{Application: "billing", Role: "app", Connections: 50}, {Application: "billing", Role: "job", Connections: 10}, {Role: "app", Connections: 30},
	}
	state := func(connections int64) *diagnose.ServerState {
		return &diagnose.ServerState{MaxConnections: 100, SuperuserReservedConnections: 3, ReservedConnections: 2, Connections: connections, Clients: clients}
	}
	refused := diagnose.Period{DialsFailed: map[string]int64{"53300": 4}}
	for _, tt := range []struct {
		name     string
		report   diagnose.Report
		severity diagnose.Severity
		want     string
	}{
		{"not asked", diagnose.Report{LastMinute: refused}, "", ""},
		{"room", diagnose.Report{Server: state(85)}, "", ""},
		{"no limit", diagnose.Report{Server: &diagnose.ServerState{Connections: 5}}, "", ""},
		{"near", diagnose.Report{Server: state(90)}, diagnose.Warning, "90 of the server's 95 connections are in use: billing (60), role app (30)."},
		{"refuses", diagnose.Report{Server: state(95), LastMinute: refused}, diagnose.Critical,
			"The server refuses connections: 95 of its 95 are in use: billing (60), role app (30)."},
	} {
		var got string
		for _, f := range diagnose.Findings(tt.report) {
			got += f.Summary
			checkFinding(t, f, diagnose.ServerFull, tt.severity)
		}
		if got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}
