package otelpool

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

// connKey is where a connection's state lies in PgConn().CustomData(). Short keys are found faster.
const connKey = "otelpool"

// maxCalls is how deep calls on one connection may nest. pgx starts a query on a busy connection before it refuses
// it, so two is usual; what would be deeper is not recorded.
const maxCalls = 4

// maxPrepared is how many statements, prepared under a name of their own, a connection remembers the texts of.
const maxPrepared = 512

type callKind uint8

const (
	queryCall callKind = iota
	batchCall
	copyCall
	prepareCall
)

// call is a running operation of a connection.
type call struct {
	kind  callKind
	op    *operation
	start time.Duration
}

// connState is what is known of one connection. It lives in the connection's custom data and belongs to whoever owns
// the connection, so most of it needs no lock and ends with the connection, also with one that was hijacked. What others
// read while the connection is in use is atomic or guarded by mu.
type connState struct {
	held    atomic.Pointer[acquire]   // the hold, nil if it is not held
	query   atomic.Pointer[operation] // what runs, or ran last
	running atomic.Bool

	mu      sync.Mutex
	stackOf *acquire // whose stack it is
	stack   [maxStack]uintptr
	depthOf int

	depth int
	calls [maxCalls]call

	// prepared maps the names that the caller gave prepared statements to their texts: a query that uses one shows only
	// the name. It is nil until there is one.
	prepared map[string]string
}

// stateOf gives the state of a connection and makes it at first sight.
func (r *recorder) stateOf(conn *pgx.Conn) *connState {
	data := conn.PgConn().CustomData()
	if s, ok := data[connKey].(*connState); ok {
		return s
	}
	s := new(connState)
	if data != nil { // pgx always makes one; a nil map must not become a panic in a caller
		data[connKey] = s
		r.conns.add(s)
	}
	return s
}

// push starts a call.
func (s *connState) push(kind callKind, op *operation, start time.Duration) {
	if s.depth < maxCalls {
		s.calls[s.depth] = call{kind: kind, op: op, start: start}
	}
	s.depth++
}

// pop ends the innermost call if it is of that kind. Ends without a start are usual: pgx ends a batch that fails early
// twice, and the start may have been before there was anything to record for.
func (s *connState) pop(kind callKind) (call, bool) {
	if s.depth > maxCalls {
		s.depth--
		return call{}, false
	}
	if !s.inside(kind) {
		return call{}, false
	}
	s.depth--
	c := s.calls[s.depth]
	s.calls[s.depth] = call{}
	return c, true
}

// inside reports whether the innermost call is of that kind.
func (s *connState) inside(kind callKind) bool {
	return s.depth > 0 && s.depth <= maxCalls && s.calls[s.depth-1].kind == kind
}

// reset forgets the calls that never ended: rows that were not closed before the connection went back.
func (s *connState) reset() {
	if s.depth > 0 {
		s.depth = 0
		s.calls = [maxCalls]call{}
	}
	s.query.Store(nil)
	s.running.Store(false)
}

// remember keeps the text of a statement that the caller prepared under a name.
func (s *connState) remember(name, sql string) {
	if name == sql {
		return
	}
	if s.prepared == nil {
		s.prepared = make(map[string]string)
	}
	if len(s.prepared) < maxPrepared {
		s.prepared[name] = sql
	}
}

// text gives the text behind sql, which may be the name of a prepared statement.
func (s *connState) text(sql string) string {
	if s.prepared != nil {
		if text, ok := s.prepared[sql]; ok {
			return text
		}
	}
	return sql
}
