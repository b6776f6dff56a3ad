// Package otelpool measures connection pools of github.com/jackc/pgx/v5/pgxpool with OpenTelemetry.
//
// Call New in place of pgxpool.New to create an instrumented pool:
//
//	pool, inst, err := otelpool.New(ctx, os.Getenv("DATABASE_URL"))
//
// [NewWithConfig] takes a configuration instead of a connection string. [Instrument] prepares a configuration from
// which a framework builds the pool. [Register] adds gauges, but no hooks, to an existing pool. The measurements go to
// the MeterProvider set by [WithMeterProvider], by default the global one. Its readers export them: the packages under
// exporters provide a Prometheus endpoint and OTLP push.
//
// # Metrics
//
// Every measurement has the attribute db.client.connection.pool.name and the attributes set by [WithAttributes].
//
// These are read from one pgxpool.Stat at each collection:
//
//   - db.client.connection.count: connections by db.client.connection.state, used (acquired) or idle. pgxpool also
//     counts as acquired the connections that it is closing and, briefly, those that its health check examines
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
//     server.address and server.port of the configuration. A setting is omitted if an attribute of [WithAttributes] has
//     the same label
//
// These are counted by the hooks and read at each collection, so only a pool with hooks has them:
//
//   - db.client.connection.pending_requests: callers of Acquire that have neither a connection nor a slot in which to
//     dial one, so they wait for a release. Callers whose connection is being dialed, pinged or prepared do not count
//   - pgxpool.closing: connections that are being closed. Each takes a slot, and pgxpool counts it as acquired, until
//     it is closed. After a network failure that takes up to 15 s
//   - db.client.connection.timeouts: acquires that ended because the caller's deadline had passed; a canceled acquire
//     does not count
//   - pgxpool.acquires: acquires by result: ok, timeout, canceled or error
//   - pgxpool.acquire.phase_time: the time of acquires, whatever their result, by phase: queue, connect (with its hooks),
//     ping (with ShouldPing) and prepare (PrepareConn). The phases of an acquire add up to its wait_time. The rate of
//     the queue phase is the mean number of waiting callers
//   - pgxpool.peak and pgxpool.pending.peak: the most connections in use, and the most callers waiting, at any moment
//     of a rotating window, see [WithPeakWindow]
//   - pgxpool.oldest_wait and pgxpool.oldest_hold: the ages of the current longest wait and the current longest hold
//   - pgxpool.held and pgxpool.held.oldest: the connections that are held now, and the age of the oldest hold, by unit
//     of work (db.query.summary, see [Hold]). Both are reported as 0 for five minutes after a unit of work has released
//     its last connection
//   - pgxpool.finding: 1 while something is wrong with the pool, by kind (see package diagnose) and by the responsible
//     operation or unit of work (db.query.summary); then 0 for five minutes. Findings are computed at most once a
//     second. Those of severity info, and mere consequences of another finding, are omitted. See [WithoutFindings]
//   - pgxpool.busy_time: the part of use_time in which an operation ran, by unit of work. If busy time over use time is
//     low, connections are held while the program does something else; if it is high, queries are slow
//   - pgxpool.hold.operations and pgxpool.units_of_work: the operations that ran on held connections, and the units of
//     work that held one. In a scope (see [WithScope]) a unit of work counts once, however many connections it
//     acquires; without a scope every hold counts. Many operations per unit of work indicate a query in a loop. These
//     two, busy_time and use_time count a hold when its connection is released, so a hijacked connection does not count
//   - pgxpool.long_holds: see [WithLongHold]
//   - pgxpool.nested_acquires: see [WithScope]
//   - pgxpool.connections.opened, and pgxpool.connections.closed by reason: lifetime, idle, overflow (see [Sizing]),
//     in_transaction, busy, ping, canceled (the context of an operation ended), broken, hijacked or other. The pool
//     closes a connection that is released with an open transaction, or with open rows or an open batch; otelpool logs
//     that once for each operation
//   - pgxpool.connections.errors: connections that could not be opened, by error.type. Those that BeforeConnect or
//     AfterConnect refused count too; dials that the pool canceled, for example in Close, do not
//   - pgxpool.overflow.opened: connections opened beyond the base size
//   - pgxpool.operations.capped: operations recorded as _OTHER, see [WithOperationLimit]
//
// These histograms, in seconds, are recorded when an event ends. They are recorded with the caller's context, so
// exemplars link to its trace. The bucket bounds of operations are those that the semantic conventions recommend, and
// 2.5, 30 and 60 s; those of connections begin at 0.1 ms. A classic histogram has 15 series for each operation and each
// kind of its failures, and 17 for each unit of work:
//
//   - db.client.operation.duration: a query, statement, batch, copy or explicit prepare, from the call to its end. A
//     query ends when its rows are closed, so its duration, and pgxpool.busy_time, include the time that the program
//     takes to read them: pgx reports neither the first row nor the last. [Hold].ResultOpen shows a slow reader. A
//     query that never ends is not recorded. For example, pgx does not end a QueryRow whose Scan panics; its connection
//     is released busy. The first run of a statement includes its preparation. The attributes are db.system.name and
//     db.query.summary (see [WithOperation]). A failure also has error.type and, if the server sent one,
//     db.response.status_code
//   - db.client.connection.wait_time: the duration of an Acquire that succeeded
//   - db.client.connection.use_time: from the end of Acquire to Release, by db.query.summary, the unit of work that
//     held the connection (see [Hold]), if there is one. A hijacked connection is never released, so it is not recorded
//   - db.client.connection.create_time: dialing, TLS and authentication of a new connection
//   - db.client.response.returned_rows, only with [WithReturnedRows]: the rows that a SELECT returned
//
// A batch is one operation, and a batch of one query counts as that query; see [WithOperation] for its name.
// pgx.ErrNoRows and errors of the SQLSTATE classes 00 and 01 are not failures. error.type is the SQLSTATE if there is
// one; a CopyFrom whose source fails also has one, 57014. Otherwise it is timeout, canceled, connection or _OTHER, and
// if no connection could be opened also refused, dns, tls or connect. An operation whose deadline passes has timeout.
// If pgx's context watcher sends a cancel request instead (pgconn.CancelRequestContextWatcherHandler), it has 57014,
// the server's answer.
//
// A reader cannot distinguish pools with the same name and attributes, so they are reported as one: their numbers are
// added, and the larger of two ages counts. That applies to pools with the same MeterProvider value; pools created
// before and after the global provider was set have different ones.
//
// # Spans and slow queries
//
// [WithTracerProvider] adds spans of operations, [WithAcquireSpans] spans of acquires, and [WithSlowQuery] a log line
// for each slow query. Without these options they cost nothing.
//
// # Guarantees
//
// All exported functions and methods are safe for concurrent use. Nothing here panics into the caller, or waits for the
// database or a logger. There are no permanent goroutines: one runs while log lines wait for the logger, and one runs
// briefly after a slow acquire (see [WithSlowAcquire]). From Register to Unregister a timer checks holds and waits
// every second. The memory for operations and SQL texts is bounded. No attribute, span, log line or error of otelpool
// contains a password, a connection string, a SQL text or an argument, unless [WithQueryText] or [WithQueryParameters]
// asks for the last two.
//
// otelpool keeps the context of an Acquire until the Release, or as long as a hijacked connection lives.
package otelpool
