package diagnose

// Kind is what is wrong.
type Kind string

// The kinds of findings.
const (
	// The program keeps connections.
	Leak              Kind = "leak"                // connections are not returned
	NestedDeadlock    Kind = "nested_deadlock"     // holders wait for a second connection, and all wait for them
	NestedAcquires    Kind = "nested_acquires"     // the same, before it happens
	IdleInTransaction Kind = "idle_in_transaction" // a transaction is open, and the program does something else
	HeldIdle          Kind = "held_idle"           // a connection is held, and the program does something else
	SlowReader        Kind = "slow_reader"         // rows are read slowly, or left open
	TransactionOpen   Kind = "transaction_open"    // connections are released in a transaction
	ReleasedBusy      Kind = "released_busy"       // connections are released with rows or a batch open

	// The program does more, or otherwise, than it did.
	SlowOperation    Kind = "slow_operation"     // one operation is slower than it was
	MoreCalls        Kind = "more_calls"         // one operation is called more often than it was
	QueriesPerUnit   Kind = "queries_per_unit"   // a unit of work runs more operations than it did (N+1)
	RetryStorm       Kind = "retry_storm"        // an operation fails, and is called all the more
	OperationFails   Kind = "operation_fails"    // an operation fails, or acquires do
	DeadlineTooShort Kind = "deadline_too_short" // callers give up before a healthy pool or operation can answer
	NamesCapped      Kind = "names_capped"       // operations have too many names

	// The server, and the way to it.
	ServerSlow      Kind = "server_slow"       // all operations are slower by a factor
	NetworkSlow     Kind = "network_slow"      // all operations are slower by the same time
	BlockedOnServer Kind = "blocked"           // a session waits for a lock of another, by what Server says
	ServerAway      Kind = "server_away"       // nothing answers
	ServerFull      Kind = "server_full"       // the server has no connection left (53300)
	ServerStarting  Kind = "server_starting"   // the server starts, stops or recovers (57P03)
	LoginRefused    Kind = "login_refused"     // password, role or database are wrong
	NameNotResolved Kind = "name_unresolved"   // DNS does not know the server
	TLSFails        Kind = "tls_fails"         // no agreement on TLS
	DialFails       Kind = "dial_fails"        // connections cannot be opened for another reason
	SlowDial        Kind = "slow_dial"         // opening a connection takes long
	PingCost        Kind = "ping_cost"         // pings before use, or PrepareConn, take much of the time
	ClosingFillPool Kind = "closing_fill_pool" // connections that are being closed take the pool's places

	// The pool's settings.
	PoolTooSmall Kind = "pool_too_small" // for its normal traffic
	LoadGrown    Kind = "load_grown"     // there is more traffic, of all operations alike
	PoolTooBig   Kind = "pool_too_big"
	ColdStart    Kind = "cold_start" // callers wait for the first connections
	Churn        Kind = "churn"      // connections are closed and opened all the time

	// What follows from others. It never comes first, unless nothing else is found.
	CallersWait    Kind = "callers_wait"
	CallersTimeOut Kind = "callers_time_out"
)

// Severity is how bad a finding is.
type Severity string

// The severities, the worst first.
const (
	Critical Severity = "critical" // callers fail, or will within seconds
	Warning  Severity = "warning"  // callers are slowed down, or one more thing will break it
	Info     Severity = "info"     // it costs something, and no caller waits
)

// Finding is one thing that is wrong with a pool.
type Finding struct {
	Kind      Kind     `json:"kind"`
	Severity  Severity `json:"severity"`
	Operation string   `json:"operation,omitempty"` // the guilty operation or unit of work, "" if there is none

	// Summary is one sentence that says what is wrong, and Advice what to do about it.
	Summary string `json:"summary"`
	Advice  string `json:"advice"`

	// Evidence are the numbers that it rests on.
	Evidence []Evidence `json:"evidence"`

	// Consequence reports whether the finding follows from one that comes before it.
	Consequence bool `json:"consequence,omitempty"`

	// Runbook is the section of the runbook, collector-config/RUNBOOK.md, such as "PoolNestedAcquires".
	Runbook string `json:"runbook"`
}

// Evidence is a number with its name.
type Evidence struct {
	Name  string  `json:"name"` // such as "connections held"
	Value float64 `json:"value"`
	Unit  string  `json:"unit,omitempty"` // as UCUM writes it, such as "s"; "" for a count

	// Before is the value of the ten minutes before, nil if it has none or was not compared.
	Before *float64 `json:"before,omitempty"`
}
