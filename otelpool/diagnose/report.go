package diagnose

import "time"

// ReportVersion is the version of the JSON that a [Report] marshals to. It changes when a field is removed or changes its
// meaning, not when one is added.
const ReportVersion = 1

// Report describes a pool at one moment and over the preceding minutes. It can be marshaled to JSON and back; the
// struct tags are the keys. It contains no query arguments and no connection string, and SQL text only if [Server] was
// called with [WithQueryTexts]. Lists are sorted, the most important element first.
type Report struct {
	Version  int       `json:"version"` // ReportVersion
	Pool     string    `json:"pool"`
	Time     time.Time `json:"time"`
	Settings Settings  `json:"settings"`

	// Connections now. Used is the number that pgxpool counts as acquired. It includes Closing, those being closed.
	Used         int64 `json:"used"`
	Idle         int64 `json:"idle"`
	Constructing int64 `json:"constructing"`
	Closing      int64 `json:"closing"`

	// Waiting is how many acquires have no connection yet, and OldestWaitSeconds how long the first of them has waited.
	Waiting           int64   `json:"waiting"`
	OldestWaitSeconds float64 `json:"oldest_wait_seconds"`

	// SilentSeconds is how long the server has been asked and has answered nothing: no connection was opened, no part of a
	// result arrived, and each operation that ended was ended by the program or the network. It may be up to a second too
	// short, and is 0 soon after the server has nothing to answer.
	SilentSeconds float64 `json:"silent_seconds"`

	Holds []Holds `json:"holds"` // the connections that are held now

	// What has happened in the last ten seconds, minute and ten minutes. The first two periods are up to ten seconds
	// longer than their names say, the third up to a minute. While the pool is young, they are shorter.
	LastTenSeconds Period `json:"last_ten_seconds"`
	LastMinute     Period `json:"last_minute"`
	LastTenMinutes Period `json:"last_ten_minutes"`

	// Server is the answer of the server, nil unless the function [Server] was called.
	Server *ServerState `json:"server,omitempty"`
}

// Settings are the settings of the pool when it was registered. For a sql.DB's own pool only the first two are known,
// with their current values; both are 0 if it has no limit and no base size was set.
type Settings struct {
	BaseSize                     int64   `json:"base_size"`
	MaxConns                     int64   `json:"max_conns"`
	MinConns                     int64   `json:"min_conns"`
	MinIdleConns                 int64   `json:"min_idle_conns"`
	MaxConnLifetimeSeconds       float64 `json:"max_conn_lifetime_seconds"`
	MaxConnLifetimeJitterSeconds float64 `json:"max_conn_lifetime_jitter_seconds"`
	MaxConnIdleTimeSeconds       float64 `json:"max_conn_idle_time_seconds"`
	LongHoldSeconds              float64 `json:"long_hold_seconds,omitempty"` // the threshold of WithLongHold, 0 without it
}

// Holds are the holds of one unit of work that were acquired at one place: by one function and its next three callers.
type Holds struct {
	Operation     string   `json:"operation"`       // the unit of work, "" if it has no name
	Stack         []string `json:"stack,omitempty"` // as in the JSON of a Hold; the longest of the group
	Count         int64    `json:"count"`
	OldestSeconds float64  `json:"oldest_seconds"`
	LastQueries   []string `json:"last_queries,omitempty"` // the operations that run or ran last, each once

	// How many of them wait for the server, have open rows or an open batch, are idle in a transaction, and are idle
	// outside of one.
	Running           int64 `json:"running"`
	ResultOpen        int64 `json:"result_open"`
	IdleInTransaction int64 `json:"idle_in_transaction"`
	IdleOutside       int64 `json:"idle"`

	Listening     int64    `json:"listening,omitempty"`      // have run LISTEN since they were acquired
	MaybeHijacked int64    `json:"maybe_hijacked,omitempty"` // see Hold of otelpool
	Nested        int64    `json:"nested,omitempty"`         // see Hold of otelpool
	ProcessIDs    []uint32 `json:"process_ids"`              // of the server
	TraceIDs      []string `json:"trace_ids,omitempty"`      // each once
}

// Period is what has happened in a period that ends at the time of the report.
type Period struct {
	Seconds float64 `json:"seconds"` // length of the period

	Acquires      map[string]int64   `json:"acquires"`       // by result: ok, timeout, canceled, error
	WaitedSeconds map[string]float64 `json:"waited_seconds"` // by phase: queue, connect, ping, prepare

	// The most connections in use, and the most waiting acquires, at any moment. The moment may be up to one peak
	// window (WithPeakWindow) before the period.
	Peak        int64 `json:"peak"`
	PeakWaiting int64 `json:"peak_waiting"`

	Units      []Unit      `json:"units"`      // by connections held, the most first
	Operations []Operation `json:"operations"` // by time, the most first

	Opened         int64            `json:"opened"`                 // connections
	OverflowOpened int64            `json:"overflow_opened"`        // connections opened beyond the base size
	Dials          int64            `json:"dials"`                  // dials that succeeded
	DialSeconds    float64          `json:"dial_seconds"`           // total time of these dials, with TLS and authentication
	DialsFailed    map[string]int64 `json:"dials_failed,omitempty"` // by error.type
	Closed         map[string]int64 `json:"closed,omitempty"`       // by reason

	NestedAcquires   int64 `json:"nested_acquires"`
	LongHolds        int64 `json:"long_holds"`
	OperationsCapped int64 `json:"operations_capped"` // operations whose name was beyond the limit of names

	// How often a goroutine of the program was ready to run, and the total time until it ran. The Go runtime samples them:
	// see /sched/latencies:seconds in package runtime/metrics.
	ProcessorWaits       int64   `json:"processor_waits"`
	ProcessorWaitSeconds float64 `json:"processor_wait_seconds"`
}

// Unit is what a unit of work did in a period.
type Unit struct {
	Operation string `json:"operation"` // its name, "" for holds without one

	// Held is how many connections it held on average, sampled once a second. The next four fields are its parts: the
	// connections that waited for the server, had open rows or an open batch, were idle in a transaction, and were idle
	// outside of one.
	Held              float64 `json:"held"`
	Running           float64 `json:"running"`
	ResultOpen        float64 `json:"result_open"`
	IdleInTransaction float64 `json:"idle_in_transaction"`
	IdleOutside       float64 `json:"idle"`

	Units       int64   `json:"units"`        // units of work whose first hold has ended
	Operations  int64   `json:"operations"`   // operations that ran in holds that have ended
	BusySeconds float64 `json:"busy_seconds"` // time in which these operations ran

	LongHoldsEnded int64 `json:"long_holds_ended,omitempty"` // holds of more than five seconds that have ended
	NestedAcquires int64 `json:"nested_acquires,omitempty"`  // acquires while the unit of work already held a connection

	// Connections released in a transaction, and released with open rows or an open batch. pgxpool closes them.
	ReleasedInTransaction int64 `json:"released_in_transaction,omitempty"`
	ReleasedBusy          int64 `json:"released_busy,omitempty"`
}

// Operation has the calls of one operation in a period.
type Operation struct {
	Operation string           `json:"operation"`
	Calls     int64            `json:"calls"`
	Seconds   float64          `json:"seconds"`            // total time of the calls
	Failures  map[string]int64 `json:"failures,omitempty"` // by error.type, a SQLSTATE if there is one
}
