package diagnose

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/otelpool/otelpool-go/internal/printable"
)

const (
	// blockedSeconds is how long both a session must wait and the transaction that blocks it must be open. Shorter
	// waits are normal; after a second the server looks for a deadlock. If calls are given up, all waits may have just
	// begun again; then the transaction must be open for longAge.
	blockedSeconds = 1

	// fullRatio is the share of the connections without reserved ones from which a server counts as full.
	fullRatio = 0.9

	maxCulprits = 3 // findings of one kind
	maxNamed    = 5 // names in a sentence
)

// culprit is what sessions wait for: one of our units of work, or another program.
type culprit struct {
	name     string
	ours     bool
	sessions []Session          // that block others and do not wait themselves, the oldest transaction first
	victims  map[uint32]Session // by process id
}

// findBlocked finds who keeps others waiting for a lock: the one at the end of each chain.
func findBlocked(v *view) []Finding {
	if v.Server == nil {
		return nil
	}
	r := v.Report
	sessions := r.Server.Sessions[:min(len(r.Server.Sessions), maxSessions)] // the Report may come from a file
	byID := make(map[uint32]Session, len(sessions))
	for _, s := range sessions {
		byID[s.ProcessID] = s
	}
	type key struct {
		name string
		ours bool
	}
	culprits := make(map[key]*culprit)
	for _, victim := range sessions {
		least := float64(blockedSeconds)
		if victim.LockWaitSeconds < blockedSeconds {
			if least = longAge; !victim.Ours || v.givenUp() < 3 {
				continue
			}
		}
		for _, root := range rootBlockers(victim, byID) {
			if root.ProcessID == victim.ProcessID || blocks(root, sessions) < least {
				continue
			}
			k := key{sessionName(root), root.Ours}
			c := culprits[k]
			if c == nil {
				c = &culprit{name: k.name, ours: k.ours, victims: make(map[uint32]Session)}
				culprits[k] = c
			}
			c.victims[victim.ProcessID] = victim
			if !slices.ContainsFunc(c.sessions, func(s Session) bool { return s.ProcessID == root.ProcessID }) {
				c.sessions = append(c.sessions, root)
			}
		}
	}
	sorted := slices.SortedFunc(maps.Values(culprits), func(a, b *culprit) int {
		return cmp.Or(cmp.Compare(len(b.victims), len(a.victims)), cmp.Compare(a.name, b.name))
	})
	var findings []Finding
	for _, c := range sorted[:min(len(sorted), maxCulprits)] {
		slices.SortFunc(c.sessions, func(a, b Session) int {
			return cmp.Or(cmp.Compare(b.TransactionSeconds, a.TransactionSeconds), cmp.Compare(a.ProcessID, b.ProcessID))
		})
		findings = append(findings, c.finding(r))
	}
	return findings
}

// blocks returns for how long a session may have kept others waiting. If the role cannot see the session, only sessions
// that wait directly for it count, because others may have had the lock before.
func blocks(root Session, sessions []Session) (seconds float64) {
	if root.State != "" {
		return max(root.TransactionSeconds, root.StateSeconds)
	}
	for _, s := range sessions {
		if slices.Contains(s.BlockedBy, root.ProcessID) {
			seconds = max(seconds, s.LockWaitSeconds)
		}
	}
	return seconds
}

// rootBlockers returns the sessions at the end of the chains of blockers. In a circle it returns the one with the
// oldest transaction.
func rootBlockers(victim Session, byID map[uint32]Session) (roots []Session) {
	seen := map[uint32]bool{victim.ProcessID: true}
	oldest := victim
	next := slices.Clone(victim.BlockedBy)
	for len(next) > 0 {
		pid := next[len(next)-1]
		next = next[:len(next)-1]
		if seen[pid] {
			continue
		}
		seen[pid] = true
		s, known := byID[pid]
		if !known {
			s = Session{ProcessID: pid}
		}
		if len(s.BlockedBy) == 0 {
			roots = append(roots, s)
		} else if cmp.Or(cmp.Compare(s.TransactionSeconds, oldest.TransactionSeconds), cmp.Compare(oldest.ProcessID, s.ProcessID)) > 0 {
			oldest = s
		}
		next = append(next, s.BlockedBy...)
	}
	if len(roots) == 0 && len(victim.BlockedBy) > 0 {
		return []Session{oldest}
	}
	return roots
}

func (c *culprit) finding(r Report) Finding {
	s := c.sessions[0]
	wait := 0.0
	ours := false
	counts := make(map[string]int64)
	for _, v := range c.victims {
		wait = max(wait, v.LockWaitSeconds)
		ours = ours || v.Ours
		counts[sessionName(v)]++
	}
	f := Finding{
		Severity: Warning,
		Evidence: []Evidence{
			{Name: "sessions that wait", Value: float64(len(c.victims))},
			{Name: "sessions that they wait for", Value: float64(len(c.sessions))},
			{Name: "longest wait", Value: wait, Unit: "s"},
			{Name: "transaction open", Value: s.TransactionSeconds, Unit: "s"},
			{Name: "process of the server", Value: float64(s.ProcessID)},
		},
	}
	if ours && (r.Waiting > 0 || r.LastTenSeconds.Acquires["timeout"] > 0) {
		f.Severity = Critical
	}
	if c.ours {
		f.Operation = s.Operation
	}
	who := c.name
	if !c.ours && s.ProcessID != 0 {
		who += ", which is not part of this pool,"
	}
	f.Summary = fmt.Sprintf("%s %s, and %s for a lock that it holds: %s.", who, s.does(), waiting(len(c.victims)), listed(counts))
	f.Advice = c.advice(s)
	if between, n := c.between(r.Server.Sessions); n > 0 && 2*n >= len(c.victims) {
		f.Summary += fmt.Sprintf(" %d of them do not need that lock: they queue behind %s, which waits for a lock that conflicts with theirs, as ALTER TABLE does.", n, sessionName(between))
		f.Advice = fmt.Sprintf("SELECT pg_cancel_backend(%d) ends the statement that they queue behind, and they continue. Run it again with a lock_timeout, "+
			"so that it gives up before others queue, and when no long transaction is open.", between.ProcessID)
	}
	return f
}

// between returns the session for whose table lock most victims wait, if not for the culprit's, and how many they are.
func (c *culprit) between(sessions []Session) (most Session, n int) {
	behind := make(map[uint32]int)
	for _, v := range c.victims {
		held := slices.ContainsFunc(c.sessions, func(s Session) bool { return slices.Contains(v.BlockedBy, s.ProcessID) })
		if v.WaitEvent == "relation" && !held && len(v.BlockedBy) > 0 {
			behind[v.BlockedBy[0]]++
		}
	}
	for _, s := range sessions {
		if behind[s.ProcessID] > n && s.WaitEvent != "transactionid" && s.WaitEvent != "tuple" { // it waits for a table, too
			most, n = s, behind[s.ProcessID]
		}
	}
	return most, n
}

// does returns what the blocking session does, as the rest of a sentence that begins with its name.
func (s Session) does() string {
	open := printable.Seconds(s.TransactionSeconds)
	switch {
	case s.ProcessID == 0:
		return "is still open"
	case s.State == "":
		return "does something that the asking role may not see"
	case s.idleInTransaction():
		return fmt.Sprintf("has run nothing for %s in a transaction that has been open for %s", printable.Seconds(s.StateSeconds), open)
	case s.TransactionSeconds > 0:
		return "works in a transaction that has been open for " + open
	}
	return fmt.Sprintf("has run nothing for %s", printable.Seconds(s.StateSeconds)) // it has an advisory lock
}

func (s Session) idleInTransaction() bool { return strings.HasPrefix(s.State, "idle in transaction") }

func (c *culprit) advice(s Session) string {
	if s.ProcessID == 0 {
		return "A prepared transaction (PREPARE TRANSACTION) was not finished: find it in pg_prepared_xacts, and end it with " +
			"COMMIT PREPARED or ROLLBACK PREPARED."
	}
	what := "Make its transaction shorter, for example with smaller batches."
	switch {
	case s.State == "":
		what = "GRANT pg_monitor to the asking role to see what the session does."
	case s.State == "idle":
		what = "Release the lock as soon as the work is done."
	case s.idleInTransaction():
		what = "Commit or roll back before doing anything else, such as calling another service. Set " +
			"idle_in_transaction_session_timeout, so that the server ends a forgotten transaction."
	case s.BackendType != "":
		what = "A process of the server has the lock: it usually ends by itself. Avoid locking tables explicitly."
	}
	return fmt.Sprintf("%s Set lock_timeout, so that waiting sessions give up. As a last resort, "+
		"SELECT pg_terminate_backend(%d) ends the session that holds the lock now.", what, s.ProcessID)
}

// sessionName returns who a session is.
func sessionName(s Session) string {
	switch {
	case s.Ours:
		return cmp.Or(s.Operation, "a unit of work without a name")
	case s.ProcessID == 0:
		return "a prepared transaction"
	case s.BackendType != "":
		return name(s.BackendType)
	case s.Application != "":
		return name(s.Application)
	case s.Role != "":
		return "role " + name(s.Role)
	}
	return fmt.Sprintf("process %d", s.ProcessID)
}

// findServerFull finds which clients have the connections of a server that is nearly full.
func findServerFull(v *view) []Finding {
	r, s := v.Report, v.Server
	if s == nil {
		return nil
	}
	limit := s.MaxConnections - s.SuperuserReservedConnections - s.ReservedConnections
	if limit <= 0 || float64(s.Connections) < fullRatio*float64(limit) {
		return nil
	}
	counts := make(map[string]int64)
	for _, c := range s.Clients {
		counts[sessionName(Session{ProcessID: 1, Application: c.Application, Role: cmp.Or(c.Role, "unknown")})] += c.Connections
	}
	refused := r.LastMinute.DialsFailed["53300"]
	f := Finding{
		Severity: Warning,
		Summary:  fmt.Sprintf("%d of the server's %d connections are in use: %s.", s.Connections, limit, listed(counts)),
		Advice: "Make pools that have many idle connections smaller, disconnect unneeded clients, or put a pooler such as PgBouncer " +
			"in front of the server. Raising max_connections needs more memory and a restart.",
		Evidence: []Evidence{
			{Name: "connections to the server", Value: float64(s.Connections)},
			{Name: "max_connections", Value: float64(s.MaxConnections)},
			{Name: "reserved connections", Value: float64(s.SuperuserReservedConnections + s.ReservedConnections)},
			{Name: "connections of this pool", Value: float64(r.Used + r.Idle + r.Constructing)},
			{Name: "connections refused", Value: float64(refused)},
		},
	}
	if refused > 0 {
		f.Severity = Critical
		f.Summary = fmt.Sprintf("The server refuses connections: %d of its %d are in use: %s.", s.Connections, limit, listed(counts))
	}
	return []Finding{f}
}

// listed returns names with their counts, the highest first.
func listed(counts map[string]int64) string {
	names := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
	})
	var words []string
	for _, name := range names[:min(len(names), maxNamed)] {
		words = append(words, fmt.Sprintf("%s (%d)", name, counts[name]))
	}
	if more := len(names) - maxNamed; more > 0 {
		words = append(words, fmt.Sprintf("%d more", more))
	}
	return strings.Join(words, ", ")
}

func waiting(n int) string {
	if n == 1 {
		return "1 session waits"
	}
	return fmt.Sprintf("%d sessions wait", n)
}
