package diagnose

// Kind is the kind of a finding: what is wrong. New kinds may be added.
type Kind string

// The kinds of findings.
const (
	// The program keeps connections.
	Leak              Kind = "leak"                // connections are not released
	NestedDeadlock    Kind = "nested_deadlock"     // holders wait for a second connection, and all wait for them
	NestedAcquires    Kind = "nested_acquires"     // holders acquire a second connection, which may become a deadlock
	IdleInTransaction Kind = "idle_in_transaction" // a transaction is open, and the program does something else
	HeldIdle          Kind = "held_idle"           // a connection is held, and the program does something else
	SlowReader        Kind = "slow_reader"         // rows are read slowly, or left open
	TransactionOpen   Kind = "transaction_open"    // connections are released in a transaction
	ReleasedBusy      Kind = "released_busy"       // connections are released with rows or a batch open

	// The program does more than before, or something else.
	SlowOperation    Kind = "slow_operation"     // one operation is slower than before
	MoreCalls        Kind = "more_calls"         // one operation is called more often than before
	QueriesPerUnit   Kind = "queries_per_unit"   // a unit of work runs more operations than before (N+1)
	RetryStorm       Kind = "retry_storm"        // an operation fails, and is called more often because of that
	OperationFails   Kind = "operation_fails"    // an operation fails, or acquires fail
	DeadlineTooShort Kind = "deadline_too_short" // callers give up before a healthy pool or operation can answer
	NamesCapped      Kind = "names_capped"       // operations have too many names
	ProgramSlow      Kind = "program_slow"       // the program waits for processors

	// The server and the network have a problem.
	ServerSlow      Kind = "server_slow"       // all operations are slower by a factor
	NetworkSlow     Kind = "network_slow"      // all operations are slower by the same time
	BlockedOnServer Kind = "blocked"           // a session waits for a lock of another; only with the answer of Server
	ServerAway      Kind = "server_away"       // nothing answers
	ServerFull      Kind = "server_full"       // the server has no connection left (53300)
	ServerStarting  Kind = "server_starting"   // the server starts, stops or recovers (57P03)
	LoginRefused    Kind = "login_refused"     // the server refuses the password, the role or the database
	NameNotResolved Kind = "name_unresolved"   // the server's name cannot be resolved
	TLSFails        Kind = "tls_fails"         // the TLS handshake fails
	DialFails       Kind = "dial_fails"        // connections cannot be opened for another reason
	SlowDial        Kind = "slow_dial"         // opening a connection takes long
	PingCost        Kind = "ping_cost"         // pings before use, or PrepareConn, take much of the time
	ClosingFillPool Kind = "closing_fill_pool" // connections that are being closed take the pool's slots

	// The pool's settings do not fit.
	PoolTooSmall Kind = "pool_too_small" // the pool is too small for its normal traffic
	LoadGrown    Kind = "load_grown"     // there is more traffic, of all operations alike
	PoolTooBig   Kind = "pool_too_big"   // the pool keeps connections that it does not use
	ColdStart    Kind = "cold_start"     // callers wait for the first connections
	Churn        Kind = "churn"          // connections are closed and opened all the time

	// Consequences of other findings. They come first only if there is no other finding.
	CallersWait    Kind = "callers_wait"     // callers wait for a connection
	CallersTimeOut Kind = "callers_time_out" // callers time out waiting for a connection
)

// Severity is how bad a finding is.
type Severity string

// The severities, the worst first.
const (
	Critical Severity = "critical" // callers fail or wait, or will within seconds
	Warning  Severity = "warning"  // callers are slower, or a little more load will make them wait
	Info     Severity = "info"     // it costs something, but no caller waits
)

// Finding is one thing that is wrong with a pool.
type Finding struct {
	Kind      Kind     `json:"kind"`
	Severity  Severity `json:"severity"`
	Operation string   `json:"operation,omitempty"` // the guilty operation or unit of work, "" if there is none

	// Summary is one sentence that says what is wrong, and Advice what to do about it.
	Summary string `json:"summary"`
	Advice  string `json:"advice"`

	// Evidence has the numbers that support the finding.
	Evidence []Evidence `json:"evidence"`

	// Consequence reports whether an earlier finding causes this one.
	Consequence bool `json:"consequence,omitempty"`

	// Runbook is the section of the runbook, collector-config/RUNBOOK.md, such as "PoolNestedAcquires".
	Runbook string `json:"runbook"`
}

// Evidence is a number with its name.
type Evidence struct {
	Name  string  `json:"name"` // such as "connections held"
	Value float64 `json:"value"`
	Unit  string  `json:"unit,omitempty"` // as UCUM writes it, such as "s"; "" for a count

	// Before is the value in the preceding ten minutes, nil if there is none.
	Before *float64 `json:"before,omitempty"`
}
