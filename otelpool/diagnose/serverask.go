package diagnose

import (
	"context"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/otelpool/otelpool-go/internal/printable"
)

const (
	capacitySQL = `
SELECT current_setting('max_connections')::int8, current_setting('superuser_reserved_connections')::int8,
	coalesce(current_setting('reserved_connections', true), '0')::int8, NOT pg_has_role('pg_read_all_stats', 'usage')`

	// Processes of the server, which max_connections does not count, have another backend_type. It is hidden like the state.
	clientsSQL = `
SELECT coalesce(application_name, ''), coalesce(usename::text, ''), count(*), count(*) FILTER (WHERE state = 'idle'),
	(sum(count(*)) OVER ())::int8
FROM pg_stat_activity
WHERE pid <> pg_backend_pid() AND coalesce(backend_type = 'client backend', datid IS NOT NULL)
GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT $1`

	// The process id of a hold counts in the pool's database only. pg_blocking_pids stops all locking for a moment, so it is
	// not called for sessions that do not wait. Servers before PostgreSQL 14 have no waitstart.
	sessionsSQL = `
SELECT pid, pid = ANY ($1) AND coalesce(datname = current_database(), false),
	coalesce(application_name, ''), coalesce(usename::text, ''), coalesce(nullif(backend_type, 'client backend'), ''),
	coalesce(state, ''), coalesce(wait_event_type, ''), coalesce(wait_event, ''),
	coalesce(greatest(extract(epoch FROM clock_timestamp() - state_change), 0), 0)::float8,
	coalesce(greatest(extract(epoch FROM clock_timestamp() - xact_start), 0), 0)::float8,
	coalesce(greatest(extract(epoch FROM clock_timestamp() - query_start), 0), 0)::float8,
	coalesce(greatest(extract(epoch FROM clock_timestamp() - CASE
		WHEN current_setting('server_version_num')::int >= 140000 THEN waitstart WHEN wait_event_type = 'Lock' THEN query_start END), 0), 0)::float8,
	CASE WHEN wait_event_type = 'Lock' OR state IS NULL THEN pg_blocking_pids(pid) ELSE '{}' END,
	CASE WHEN $3 THEN coalesce(left(query, 500), '') ELSE '' END
FROM pg_stat_activity LEFT JOIN (
	SELECT pid, max((to_jsonb(l) ->> 'waitstart')::timestamptz) AS waitstart FROM pg_locks l WHERE NOT granted GROUP BY pid
) w USING (pid)
WHERE pid <> pg_backend_pid() AND (pid = ANY ($1) OR $2 AND wait_event_type = 'Lock')
ORDER BY pid = ANY ($1) DESC LIMIT $4`
)

// Limits of what is read.
const (
	maxRows   = 1000
	maxRounds = 8 // of looking for blockers of blockers whose wait the role cannot see
)

// question is one report's question to the server, over a connection of its own.
type question struct {
	conn    *pgx.Conn
	report  Report
	options serverOptions
}

func (q question) ask(ctx context.Context) (*ServerState, error) {
	s := &ServerState{Clients: []Client{}}
	if err := begin(ctx, q.conn); err != nil {
		return nil, err
	}
	err := q.conn.QueryRow(ctx, capacitySQL).Scan(&s.MaxConnections, &s.SuperuserReservedConnections, &s.ReservedConnections, &s.Limited)
	if err != nil {
		return nil, err
	}
	rows, _ := q.conn.Query(ctx, clientsSQL, maxClients) // the next call returns its error
	var c Client
	_, err = pgx.ForEachRow(rows, []any{&c.Application, &c.Role, &c.Connections, &c.Idle, &s.Connections}, func() error {
		c.Application, c.Role = name(c.Application), name(c.Role)
		s.Clients = append(s.Clients, c)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := q.sessions(ctx, s); err != nil {
		return nil, err
	}
	_, _ = q.conn.Exec(ctx, "COMMIT") // PgBouncer closes a server's connection that is left in a transaction
	return s, nil
}

// sessions adds the sessions of our connections, those that block them, and those that they block.
func (q question) sessions(ctx context.Context, s *ServerState) error {
	held := make(map[int32]string) // unit of work by process id
	for _, h := range q.report.Holds {
		for _, pid := range h.ProcessIDs {
			if len(held) < maxRows {
				held[int32(pid)] = h.Operation // an invented ID may become negative, and is not found
			}
		}
	}
	all := make(map[uint32]*Session)
	asked := maps.Clone(held)
	next := slices.AppendSeq([]int32{}, maps.Keys(held)) // nil would be NULL
	for round := 0; round < maxRounds && (round == 0 || len(next) > 0); round++ {
		read, err := q.read(ctx, next, round == 0, held)
		if err != nil {
			return err
		}
		for _, one := range read {
			all[one.ProcessID], asked[int32(one.ProcessID)] = &one, ""
		}
		next = []int32{}
		for _, one := range read {
			for _, by := range one.BlockedBy {
				if _, is := asked[int32(by)]; !is && by > 0 && len(next) < maxRows {
					asked[int32(by)] = ""
					next = append(next, int32(by))
				}
			}
		}
	}
	s.ProcessIDsUnknown = len(held) > 0
	for _, one := range all {
		s.ProcessIDsUnknown = s.ProcessIDsUnknown && !one.Ours
	}
	s.Sessions = related(all)
	return nil
}

// read returns the sessions of some processes and, if waiting is set, all that wait for a lock.
func (q question) read(ctx context.Context, pids []int32, waiting bool, held map[int32]string) (read []Session, err error) {
	rows, _ := q.conn.Query(ctx, sessionsSQL, pids, waiting, q.options.texts, 2*maxRows) // the next call returns its error
	var (
		r   Session
		pid int32
		ok  bool
		by  []int32
	)
	columns := []any{&pid, &ok, &r.Application, &r.Role, &r.BackendType, &r.State, &r.WaitEventType, &r.WaitEvent,
		&r.StateSeconds, &r.TransactionSeconds, &r.QuerySeconds, &r.LockWaitSeconds, &by, &r.Query}
	_, err = pgx.ForEachRow(rows, columns, func() error {
		one := r
		one.ProcessID = uint32(pid)
		if operation, is := held[pid]; is && ok {
			one.Ours, one.Operation = true, operation
		}
		one.Application, one.Role, one.BackendType = name(r.Application), name(r.Role), name(r.BackendType)
		one.State, one.WaitEventType, one.WaitEvent = name(r.State), name(r.WaitEventType), name(r.WaitEvent)
		one.Query = printable.Text(r.Query, maxQuery)
		for _, blocker := range by {
			one.BlockedBy = append(one.BlockedBy, uint32(blocker))
		}
		read = append(read, one)
		return nil
	})
	return read, err
}

// maxQuery is how many characters of a statement are shown.
const maxQuery = 500

func name(s string) string { return printable.Text(s, maxName) }
