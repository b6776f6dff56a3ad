package diagnose

import (
	"cmp"
	"slices"
)

// What a ServerState shows at most.
const (
	maxClients  = 20
	maxSessions = 200
	maxBlockers = 10 // of one session
)

// ServerState is the answer of PostgreSQL to [Server]. Its lists are bounded.
type ServerState struct {
	// The server's settings. The last superuser_reserved_connections of max_connections are for superusers only, and
	// the reserved_connections before those for members of pg_use_reserved_connections (PostgreSQL 16 and later).
	MaxConnections               int64 `json:"max_connections"`
	SuperuserReservedConnections int64 `json:"superuser_reserved_connections"`
	ReservedConnections          int64 `json:"reserved_connections,omitempty"`

	// Connections is the number of client connections to all databases, without the one that Server opened. Clients has
	// the 20 pairs of application and role with the most connections.
	Connections int64    `json:"connections"`
	Clients     []Client `json:"clients"`

	// Sessions has the sessions of the held connections, the sessions that they wait for, and those that wait for them:
	// at most 200. Sessions that others wait for come first, then those that wait.
	Sessions []Session `json:"sessions"`

	// Limited reports whether the role may not see what sessions of other roles do, because it is not a member of
	// pg_monitor or pg_read_all_stats. Connections may then include processes of the server itself.
	Limited bool `json:"limited,omitempty"`

	// ProcessIDsUnknown reports whether the server knows none of the process IDs of the held connections, so that no
	// session is ours. Either a pooler such as PgBouncer hides the real IDs, or Server connected to another server than
	// the pool did.
	ProcessIDsUnknown bool `json:"process_ids_unknown,omitempty"`
}

// Client counts the connections of one application and role.
type Client struct {
	Application string `json:"application"` // application_name, often ""
	Role        string `json:"role"`
	Connections int64  `json:"connections"`
	Idle        int64  `json:"idle"` // those known to be idle; the role may not see all
}

// Session is a session of the server, as pg_stat_activity describes it.
type Session struct {
	ProcessID uint32 `json:"process_id"`

	// Ours reports whether the session belongs to a connection in the report's Holds. Operation is then its unit of
	// work.
	Ours      bool   `json:"ours,omitempty"`
	Operation string `json:"operation,omitempty"`

	Application string `json:"application,omitempty"`
	Role        string `json:"role,omitempty"`
	BackendType string `json:"backend_type,omitempty"` // such as "autovacuum worker"; "" for a client

	State              string  `json:"state,omitempty"`               // such as "idle in transaction"; "" if hidden from the role
	StateSeconds       float64 `json:"state_seconds,omitempty"`       // since State changed
	TransactionSeconds float64 `json:"transaction_seconds,omitempty"` // since its transaction began, 0 without one
	QuerySeconds       float64 `json:"query_seconds,omitempty"`       // since its current or last statement began
	LockWaitSeconds    float64 `json:"lock_wait_seconds,omitempty"`   // since it began to wait for a lock; before PostgreSQL 14, since its statement began
	WaitEventType      string  `json:"wait_event_type,omitempty"`     // such as "Lock"
	WaitEvent          string  `json:"wait_event,omitempty"`

	// BlockedBy has the IDs of the processes that hold the lock the session waits for, or that are ahead of it in the
	// queue for that lock: at most ten, those that wait themselves last. A prepared transaction has process ID 0.
	BlockedBy []uint32 `json:"blocked_by,omitempty"`

	Query string `json:"query,omitempty"` // only with WithQueryTexts
}

// related returns the sessions that are ours, those that block them, and those that they block.
func related(all map[uint32]*Session) []Session {
	blockers, blocked := make(map[uint32][]uint32), make(map[uint32][]uint32)
	for pid, s := range all {
		blockers[pid] = s.BlockedBy
		for _, by := range s.BlockedBy {
			blocked[by] = append(blocked[by], pid)
		}
	}
	related := make(map[uint32]bool)
	for _, edges := range []map[uint32][]uint32{blockers, blocked} {
		seen := make(map[uint32]bool)
		var next []uint32
		for pid, s := range all {
			if s.Ours {
				next = append(next, pid)
			}
		}
		for len(next) > 0 {
			pid := next[len(next)-1]
			next = next[:len(next)-1]
			if !seen[pid] {
				seen[pid], related[pid] = true, true
				next = append(next, edges[pid]...)
			}
		}
	}
	list := []Session{} // an empty list in JSON, not null
	for pid, s := range all {
		if related[pid] {
			one := *s
			one.BlockedBy = firstBlockers(s.BlockedBy, all)
			list = append(list, one)
		}
	}
	rank := func(s Session) int {
		switch {
		case len(s.BlockedBy) > 0:
			return 1
		case len(blocked[s.ProcessID]) > 0:
			return 0
		}
		return 2
	}
	slices.SortFunc(list, func(a, b Session) int {
		return cmp.Or(rank(a)-rank(b), cmp.Compare(b.TransactionSeconds, a.TransactionSeconds), cmp.Compare(a.ProcessID, b.ProcessID))
	})
	return list[:min(len(list), maxSessions)]
}

// firstBlockers returns the blockers that a Session shows. In a queue for one lock each session is blocked by all
// before it, but only the one that does not wait matters.
func firstBlockers(pids []uint32, all map[uint32]*Session) []uint32 {
	waits := func(pid uint32) int {
		if s := all[pid]; s != nil && len(s.BlockedBy) > 0 {
			return 1
		}
		return 0
	}
	pids = slices.Clone(pids)
	slices.SortFunc(pids, func(a, b uint32) int { return cmp.Or(waits(a)-waits(b), cmp.Compare(a, b)) })
	pids = slices.Compact(pids)
	return pids[:min(len(pids), maxBlockers)]
}
