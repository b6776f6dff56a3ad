package diagnose_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
	"github.com/otelpool/otelpool-go/otelpool/diagnose"
)

func TestServerNamesOurBlocker(t *testing.T) {
	t.Parallel()
	f := setup(t, postgrestest.Database(t), 5)
	f.lock(t, "nightly_report", 1)
	for range 3 {
		f.wait(t, "checkout", 1)
	}
	s := f.eventually(t, blocked(3))
	if len(s.Sessions) != 4 {
		t.Fatalf("%+v", s.Sessions)
	}
	root := s.Sessions[0]
	if !root.Ours || root.Operation != "nightly_report" || root.State != "idle in transaction" || root.TransactionSeconds <= 0 || root.StateSeconds <= 0 {
		t.Errorf("blocker: %+v", root)
	}
	for _, victim := range s.Sessions[1:] {
		if !victim.Ours || victim.Operation != "checkout" || victim.WaitEventType != "Lock" || victim.WaitEvent == "" ||
			victim.QuerySeconds <= 0 || victim.LockWaitSeconds <= 0 {
			t.Errorf("victim: %+v", victim)
		}
	}
	if !slices.ContainsFunc(s.Sessions[1:], func(v diagnose.Session) bool { return slices.Equal(v.BlockedBy, []uint32{root.ProcessID}) }) {
		t.Errorf("%d blocks none directly: %+v", root.ProcessID, s.Sessions)
	}
	if s.MaxConnections <= 0 || s.SuperuserReservedConnections <= 0 || s.Connections < 4 || s.Limited || s.ProcessIDsUnknown {
		t.Errorf("%+v", s)
	}
	for _, one := range s.Sessions {
		if one.Query != "" {
			t.Errorf("a text without the option: %+v", one)
		}
	}
	for _, one := range f.ask(t, diagnose.WithQueryTexts(), nil).Sessions {
		if one.Query != update(1) {
			t.Errorf("%+v", one)
		}
	}
	var findings []diagnose.Finding
	f.eventually(t, func(s *diagnose.ServerState) bool { // they have waited for a second
		report := f.inst.Report()
		report.Server = s
		findings = diagnose.Findings(report)
		return len(findings) > 0 && findings[0].Evidence[0].Value == 3
	})
	first := findings[0]
	if first.Kind != diagnose.BlockedOnServer || first.Operation != "nightly_report" || !strings.Contains(first.Summary, "checkout (3)") {
		t.Errorf("%+v", first)
	}
}

func TestServerNamesBlockerOfOthers(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	f := setup(t, url, 5)
	other := locking(t, url, "invoices")
	f.wait(t, "checkout", 1)
	s := f.eventually(t, blocked(1))
	root := s.Sessions[0]
	if root.Ours || root.Application != "invoices" || root.Role == "" || root.ProcessID != other.PgConn().PID() || root.State != "idle in transaction" {
		t.Errorf("%+v", root)
	}
	if !slices.ContainsFunc(s.Clients, func(c diagnose.Client) bool { return c.Application == "invoices" && c.Connections == 1 }) {
		t.Errorf("clients: %+v", s.Clients)
	}
}

// TestServerOmitsOtherPrograms lets two other programs wait for each other.
func TestServerOmitsOtherPrograms(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	f := setup(t, url, 5)
	one, two := locking(t, url, "one"), connect(t, url, "two")
	aside(t, func() { _, _ = two.Exec(context.Background(), update(1)) }, func() { _ = one.Close(context.Background()) })
	conn, err := f.pool.Acquire(t.Context())
	testutil.NoError(t, err)
	defer conn.Release()
	f.eventually(t, func(*diagnose.ServerState) bool {
		var waits bool
		err := conn.QueryRow(t.Context(), "SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = $1", two.PgConn().PID()).Scan(&waits)
		return err == nil && waits
	})
	if s := f.ask(t); len(s.Sessions) != 1 || !s.Sessions[0].Ours {
		t.Errorf("%+v", s.Sessions)
	}
}

// TestServerFollowsChain lets a unit of work wait for another, which waits for another program.
func TestServerFollowsChain(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	f := setup(t, url, 5)
	other := locking(t, url, "billing")
	aside(t, func() {
		_, _ = f.pool.Exec(otelpool.WithOperation(context.Background(), "ship"), "BEGIN; "+update(2)+"; "+update(1)+"; ROLLBACK")
	}, func() { _ = other.Close(context.Background()) })
	f.eventually(t, blocked(1))
	f.wait(t, "checkout", 2)
	s := f.eventually(t, blocked(2))
	names := make(map[uint32]string)
	blockers := make(map[string][]uint32)
	for _, one := range s.Sessions {
		names[one.ProcessID] = one.Operation + one.Application
		blockers[one.Operation+one.Application] = one.BlockedBy
	}
	var chain []string
	for at := blockers["checkout"]; len(at) > 0; at = blockers[names[at[0]]] {
		chain = append(chain, names[at[0]])
	}
	if !slices.Equal(chain, []string{"ship", "billing"}) {
		t.Errorf("checkout waits for %v: %+v", chain, s.Sessions)
	}
}

// TestServerToleratesMissingPrivileges uses a role that cannot see other sessions.
func TestServerToleratesMissingPrivileges(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	f := setup(t, url, 5, as(newRole(t, url, "plain")))
	other := locking(t, url, "billing")
	f.wait(t, "checkout", 1)
	s := f.eventually(t, blocked(1))
	if !s.Limited || s.MaxConnections == 0 || s.Connections == 0 || len(s.Clients) == 0 {
		t.Errorf("%+v", s)
	}
	root := s.Sessions[0]
	if root.ProcessID != other.PgConn().PID() || root.Application != "billing" || root.State != "" || root.Ours {
		t.Errorf("blocker: %+v", root)
	}
	if victim := s.Sessions[1]; victim.State != "active" || victim.Operation != "checkout" {
		t.Errorf("victim: %+v", victim)
	}
}

// TestHiddenTurnsAreNotBlocked lets programs that the role cannot see lock a row in turns, and its own wait for
// seconds.
func TestHiddenTurnsAreNotBlocked(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	f := setup(t, url, 5, as(newRole(t, url, "plain")))
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var others sync.WaitGroup
	for _, name := range []string{"billing", "shipping", "returns", "search", "audit", "backup"} {
		conn := connect(t, url, name)
		t.Cleanup(others.Wait) // before the connection is closed
		others.Go(func() {
			for ctx.Err() == nil {
				_, _ = conn.Exec(context.Background(), update(1)+"; SELECT pg_sleep(0.3)") // one transaction
			}
		})
	}
	others.Go(func() {
		for ctx.Err() == nil {
			_, _ = f.pool.Exec(otelpool.WithOperation(context.Background(), "checkout"), update(1))
		}
	})
	looks := 0
	f.eventually(t, func(s *diagnose.ServerState) bool {
		report := f.inst.Report()
		report.Server = s
		for _, found := range diagnose.Findings(report) {
			if found.Kind == diagnose.BlockedOnServer {
				t.Error(found)
			}
		}
		if slices.ContainsFunc(s.Sessions, func(one diagnose.Session) bool { return one.Ours && len(one.BlockedBy) > 0 && one.QuerySeconds > 1 }) {
			looks++
		}
		return looks == 3
	})
}

func TestServerWorksWithFullPool(t *testing.T) {
	t.Parallel()
	f := setup(t, postgrestest.Database(t), 1)
	f.lock(t, "hold", 1)
	if s := f.ask(t); len(s.Sessions) != 1 || s.Sessions[0].Operation != "hold" {
		t.Errorf("%+v", s.Sessions)
	}
}

func TestServerReportsUnknownProcessIDs(t *testing.T) {
	t.Parallel()
	f := setup(t, postgrestest.Database(t), 1)
	report := diagnose.Report{Holds: []diagnose.Holds{{Operation: "pay", Count: 2, ProcessIDs: []uint32{0, 4_000_000_000, 99_999_999}}}}
	if s := ask(t, f.pool.Config().ConnConfig, report); !s.ProcessIDsUnknown || len(s.Sessions) != 0 {
		t.Errorf("%+v", s)
	}
	if f.ask(t).ProcessIDsUnknown {
		t.Error("unknown without a hold")
	}
}

// TestFindingNamesStatementBetween lets an ALTER TABLE wait for a long SELECT, and others for the ALTER TABLE.
func TestFindingNamesStatementBetween(t *testing.T) {
	t.Parallel()
	dsn := postgrestest.Database(t)
	f := setup(t, dsn, 4)
	tx, err := f.pool.Begin(otelpool.WithOperation(t.Context(), "export"))
	testutil.NoError(t, err)
	t.Cleanup(func() { _ = tx.Rollback(context.Background()) })
	postgrestest.Exec(t, tx, "SELECT FROM stock")
	migration := connect(t, dsn, "migration")
	ctx, cancel := context.WithCancel(context.Background())
	aside(t, func() { _, _ = migration.Exec(ctx, "ALTER TABLE stock ADD COLUMN x int") }, cancel)
	f.eventually(t, func(s *diagnose.ServerState) bool { return len(s.Sessions) == 2 })
	f.wait(t, "pay", 1)
	f.wait(t, "ship", 2)
	report := f.inst.Report()
	report.Server = f.eventually(t, func(s *diagnose.ServerState) bool { return blocked(2)(s) && waitsLong(s, 3) })
	found := diagnose.Findings(report)[0]
	pid := fmt.Sprintf("pg_cancel_backend(%d)", migration.PgConn().PID())
	if found.Kind != diagnose.BlockedOnServer || !strings.Contains(found.Summary, "2 of them do not need that lock: they queue behind migration") ||
		!strings.HasPrefix(found.Advice, "SELECT "+pid) {
		t.Errorf("got %+v", found)
	}
}

// waitsLong reports whether n sessions have waited for longer than a second.
func waitsLong(s *diagnose.ServerState, n int) bool {
	for _, one := range s.Sessions {
		if len(one.BlockedBy) > 0 && one.LockWaitSeconds > 1 {
			n--
		}
	}
	return n == 0
}
