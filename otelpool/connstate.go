package otelpool

import (
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/otelpool/otelpool-go/internal/sqlname"
)

// connKey is where a connection's state lies in PgConn().CustomData(). Short keys are found faster.
const connKey = "otelpool"

// maxCalls is how deep calls on one connection may nest. pgx starts a query on a busy connection before it refuses
// it, so two is usual.
const maxCalls = 4

// maxPrepared is how many statements, prepared under a name of their own, a connection remembers the texts of.
const maxPrepared = 512

// maxPreparedText is how much of a text it remembers: the beginning.
const maxPreparedText = 1 << 10

// activity is what the holder of a connection does: it runs an operation, or has run it last.
type activity struct {
	op      *operation
	running bool
}

// statement is a SQL text.
type statement struct {
	sql     string
	summary string // of the whole, where sql is but its beginning
}

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

	name, sql string // of a prepareCall
}

// connState is what is known of one connection. It lives in the connection's custom data and belongs to whoever owns
// the connection, so most of it needs no lock and ends with the connection, also with one that was hijacked. What others
// read while the connection is in use is atomic or guarded by mu.
type connState struct {
	held     atomic.Pointer[acquire]  // the hold, nil if it is not held
	tally    *tally                   // what is counted of it
	activity atomic.Pointer[activity] // what the holder does with it, nil before the first call
	pinged   atomic.Pointer[acquire]  // for whom the connection is pinged
	pingedAt atomic.Int64             // the progress of that acquire then
	pooled   atomic.Bool              // a pool has opened it

	mu      sync.Mutex
	stackOf *acquire // whose stack it is
	stack   [maxStack]uintptr
	depthOf int

	depth int
	calls [maxCalls]call

	// prepared maps the names that the caller gave prepared statements to what they are: a query that uses one shows only
	// the name. It is nil until there is one.
	prepared map[string]statement
}

// stateOf gives the state of a connection and makes it at first sight.
func (r *recorder) stateOf(conn *pgx.Conn) *connState {
	data := conn.PgConn().CustomData()
	if s, ok := data[connKey].(*connState); ok {
		return s
	}
	s := &connState{tally: new(tally)}
	runtime.AddCleanup(s, r.abandoned, s.tally)
	if data != nil { // pgx always makes one; a nil map must not become a panic in a caller
		data[connKey] = s
		r.conns.add(s)
	}
	return s
}

// take publishes a hold that begins now.
func (s *connState) take(a *acquire, now time.Duration) {
	s.tally.since.Store(max(1, int64(now)))
	s.held.Store(a)
}

// giveBack ends the hold and gives it, nil if there was none, and when it began.
func (s *connState) giveBack() (*acquire, time.Duration) {
	a := s.held.Swap(nil)
	if a == nil {
		return nil, 0
	}
	since := s.tally.since.Load()
	s.tally.since.Store(0)
	return a, time.Duration(since)
}

// age gives how long the connection has been held, 0 if it is not.
func (s *connState) age(now time.Duration) time.Duration {
	since := time.Duration(s.tally.since.Load())
	if since == 0 {
		return 0
	}
	return now - since
}

// abandoned ends the hold of a connection that nobody has any more, and that nobody released: one that was hijacked.
// It must not be given the hold itself, whose context may lead to the connection and so keep it for ever.
func (r *recorder) abandoned(of *tally) {
	r.conns.close(of)
	if of.since.Swap(0) != 0 {
		r.flow.add(-inUseUnit - occupiedUnit)
		r.conns.hijacked.Add(1)
	}
}

// push starts a call. If there are too many the oldest is forgotten: one that will never end, because a panic went
// through it.
func (s *connState) push(c call) {
	i := s.depth
	if uint(i) >= maxCalls {
		copy(s.calls[:], s.calls[1:])
		i = maxCalls - 1
	}
	s.calls[i] = c
	s.depth = i + 1
}

// pop ends the innermost call if it is of that kind. Ends without a start are usual: pgx ends a batch that fails early
// twice, and the start may have been before there was anything to record for.
func (s *connState) pop(kind callKind) (call, bool) {
	innermost := s.inside(kind)
	if innermost == nil {
		return call{}, false
	}
	c := *innermost
	*innermost = call{}
	s.depth--
	return c, true
}

// innermost gives the innermost call, nil if there is none. Where several goroutines use a connection at once, which pgx
// mostly bears, the depth is anything, and must not lead beyond the calls.
func (s *connState) innermost() *call {
	if i := s.depth - 1; uint(i) < maxCalls {
		return &s.calls[i]
	}
	return nil
}

// settle publishes what goes on after a call has ended: the call around it, or nothing any more.
func (s *connState) settle(ended *operation) {
	if around := s.innermost(); around != nil {
		s.activity.Store(around.op.activity(true))
	} else {
		s.activity.Store(ended.activity(false))
	}
}

// inside gives the innermost call if it is of that kind, else nil.
func (s *connState) inside(kind callKind) *call {
	if innermost := s.innermost(); innermost != nil && innermost.kind == kind {
		return innermost
	}
	return nil
}

// reset forgets the calls that never ended: rows that were not closed before the connection went back.
func (s *connState) reset() {
	if s.depth > 0 {
		s.depth = 0
		s.calls = [maxCalls]call{}
	}
	if s.activity.Load() != nil { // a load costs less than a store
		s.activity.Store(nil)
	}
	if s.pinged.Load() != nil {
		s.pinged.Store(nil)
	}
}

// remember keeps the text of a statement that the caller has prepared under a name.
func (s *connState) remember(name, sql string) {
	_, known := s.prepared[name]
	switch {
	case name == "" || name == sql:
		delete(s.prepared, name)
	case known || len(s.prepared) < maxPrepared:
		if s.prepared == nil {
			s.prepared = make(map[string]statement)
		}
		remembered := statement{sql: sql}
		if len(sql) > maxPreparedText {
			remembered = statement{sql: sql[:maxPreparedText], summary: sqlname.Of(sql)}
		}
		remembered.sql = strings.Clone(remembered.sql)
		s.prepared[strings.Clone(name)] = remembered
	}
}

// statement gives what is behind sql, which may be the name of a prepared statement.
func (s *connState) statement(sql string) statement {
	if len(s.prepared) > 0 {
		if known, ok := s.prepared[sql]; ok {
			return known
		}
	}
	return statement{sql: sql}
}
