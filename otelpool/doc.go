// Package otelpool measures connection pools of github.com/jackc/pgx/v5/pgxpool with OpenTelemetry.
//
// One call in place of pgxpool's makes a pool that is measured:
//
//	pool, inst, err := otelpool.New(ctx, os.Getenv("DATABASE_URL"))
//
// [NewWithConfig] does the same for a configuration, [Instrument] for a configuration from which a framework builds the
// pool, and [Register] adds the gauges alone to a pool that exists already. The measurements go to the MeterProvider of
// [WithMeterProvider], else to the global one, and leave the process by its readers: the packages under exporters offer
// a Prometheus endpoint and OTLP push.
//
// # Metrics
//
// Every measurement has the attribute db.client.connection.pool.name and those of [WithAttributes].
//
// Read from the pool's statistics at collection, all from one pgxpool.Stat:
//
//   - db.client.connection.count: connections by db.client.connection.state, used (acquired) or idle. pgxpool also counts
//     as acquired the connections that it is closing and, for a moment, those that its health check examines
//   - db.client.connection.max: MaxConns
//   - db.client.connection.idle.max: the most connections that may be idle: the PoolSize of a [Sizing], else MaxConns,
//     because pgxpool has no limit of its own
//   - db.client.connection.idle.min: MinIdleConns
//   - pgxpool.constructing: connections being dialed
//   - pgxpool.size: the base size, see [Sizing] and [WithBaseSize]
//   - pgxpool.overflow: connections in use beyond the base size
//   - pgxpool.overflow.max: MaxConns less the base size
//   - pgxpool.settings: 1, with the settings of the pool at Register as attributes: base_size, max_conns, min_conns,
//     min_idle_conns, max_conn_lifetime, max_conn_lifetime_jitter, max_conn_idle_time, health_check_period, and
//     server.address and server.port of the configuration. One whose label an attribute of [WithAttributes] has is left out
//
// Counted by the hooks and read at collection, so only for a pool that has them:
//
//   - db.client.connection.pending_requests: callers of Acquire that have no connection yet and no slot in which to dial
//     one: they wait for a release. Callers whose connection is dialed, pinged or prepared do not count
//   - pgxpool.closing: connections that are being closed. pgxpool counts them as acquired until that is done, which after a
//     failure of the network takes up to 15 s; until then they take a slot though nothing holds them
//   - db.client.connection.timeouts: acquires that ended because the caller's deadline had passed; a cancel does not count
//   - pgxpool.acquires: acquires by result: ok, timeout, canceled or error
//   - pgxpool.acquire.phase_time: the time of acquires, whatever their result, by phase: queue, connect (with its hooks),
//     ping (with ShouldPing) and prepare (PrepareConn). The phases of an acquire add up to its wait_time. The rate of
//     queue is the mean number of callers that wait
//   - pgxpool.peak and pgxpool.pending.peak: the most connections in use, and the most callers waiting, at any moment of a
//     rotating window, see [WithPeakWindow]
//   - pgxpool.oldest_wait and pgxpool.oldest_hold: the age of the longest wait and of the longest hold at this moment
//   - pgxpool.held and pgxpool.held.oldest: the connections that are held at this moment and the age of the oldest, by unit
//     of work (db.query.summary, see [Hold]); 0 for five minutes after the last of a unit of work
//   - pgxpool.finding: 1 while something is wrong with the pool, by kind (those of package diagnose) and guilty operation or
//     unit of work (db.query.summary), found at most once a second; 0 for five minutes after. What costs little, and what
//     only follows from another finding, is left out. See [WithoutFindings]
//   - pgxpool.busy_time: the part of use_time in which an operation ran, by unit of work. If busy time over use time is low,
//     connections are held while the program does something else; if it is high, queries are slow
//   - pgxpool.hold.operations and pgxpool.units_of_work: the operations that ran on held connections, and the units of work
//     that held one. In a scope (see [WithScope]) a unit of work counts once, however many connections it takes; without one
//     every hold counts. Operations over units of work tell a query in a loop. These, busy_time and use_time count a hold
//     when its connection is released; one that is hijacked does not count
//   - pgxpool.long_holds: see [WithLongHold]
//   - pgxpool.nested_acquires: see [WithScope]
//   - pgxpool.connections.opened, and pgxpool.connections.closed by reason: lifetime, idle, overflow (see [Sizing]),
//     in_transaction, busy, ping, canceled (a caller gave up its operation), broken, hijacked or other. The pool closes a
//     connection that is released with an open transaction, or with rows or a batch that are not closed; otelpool logs
//     that, once for each operation
//   - pgxpool.connections.errors: connections that could not be opened, by error.type, also those that BeforeConnect or
//     AfterConnect refused, but not dials that the pool gave up, as it does when it is closed
//   - pgxpool.overflow.opened: connections opened when as many as the base size were open
//   - pgxpool.operations.capped: operations recorded as _OTHER, see [WithOperationLimit]
//
// Recorded as things happen, in seconds, with the caller's context, so that exemplars lead to its trace. The bounds of
// operations are those that the semantic conventions recommend, and 2.5, 30 and 60 s; those of connections begin at 0.1 ms.
// A classic histogram has 15 series for each operation and its failures, and 17 for each unit of work:
//
//   - db.client.operation.duration: a query, statement, batch, copy or explicit prepare, from the call to its end. A query
//     ends when its rows are closed, so the duration, and pgxpool.busy_time, includes the time in which the program reads
//     them: pgx reports neither the first row nor the last. A slow reader shows in [Hold].ResultOpen. A query that never
//     ends is not recorded: pgx does not end a QueryRow whose Scan panics, so it shows as a connection that was released
//     busy. The first run of a statement includes its preparation. Attributes: db.system.name, db.query.summary (see
//     [WithOperation]); of a failure error.type and, if the server sent one, db.response.status_code
//   - db.client.connection.wait_time: the whole of an Acquire that succeeded
//   - db.client.connection.use_time: from the end of Acquire to Release, by db.query.summary: the unit of work that the
//     connection was held for, see [Hold], if there is one. A hijacked connection is not released and so not recorded
//   - db.client.connection.create_time: dialing, TLS and authentication of a new connection
//   - db.client.response.returned_rows, by [WithReturnedRows] only: the rows of a SELECT
//
// A batch is one operation; a batch of one query is that query, see [WithOperation] for its name. No rows is not a failure,
// nor are the SQLSTATE classes 00 and 01. error.type is the SQLSTATE if there is one (57014 also for a CopyFrom whose
// source fails), else one of timeout, canceled, connection and _OTHER, and where no connection could be opened refused,
// dns, tls and connect. A caller whose deadline passes is timeout; where pgx's context watcher asks the server to cancel
// (pgconn.CancelRequestContextWatcherHandler), the server's answer counts, 57014.
//
// Pools with the same name and attributes are indistinguishable to a reader, so they are reported as one: numbers are
// added, and of ages the larger counts. That holds for pools of one MeterProvider value; pools made before and after the
// global one was set have different ones.
//
// # Spans and slow queries
//
// [WithTracerProvider] adds spans, [WithAcquireSpans] those of acquires, and [WithSlowQuery] a line of the log for each
// query that takes long. Without these options they cost nothing.
//
// # Guarantees
//
// All exported functions and methods are safe for concurrent use. Nothing here panics into the caller, or waits for the
// database or a logger. No goroutine stays behind: one runs while log lines wait for the logger, one for a moment when an
// acquire was slow (see [WithSlowAcquire]), and a timer looks at holds and waits every second from Register to Unregister.
// The memory for operations and SQL texts is bounded. No attribute, span, log line or error of otelpool contains a password,
// a connection string, a SQL text or an argument, unless [WithQueryText] or [WithQueryParameters] asks for the last two.
//
// The context of an Acquire is kept until the Release, and with a hijacked connection as long as that lives.
package otelpool
