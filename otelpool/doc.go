// Package otelpool measures connection pools of github.com/jackc/pgx/v5/pgxpool with OpenTelemetry.
//
// One call in place of pgxpool's makes a pool that is measured:
//
//	pool, inst, err := otelpool.New(ctx, os.Getenv("DATABASE_URL"))
//
// [NewWithConfig] does the same for a configuration, [Instrument] for a configuration from which somebody else builds
// the pool, and [Register] adds the gauges alone to a pool that exists already. The measurements go to the
// MeterProvider of [WithMeterProvider], else to the global one, and leave the process by whatever reader that has: the
// packages under exporters offer a Prometheus endpoint and OTLP push.
//
// # Metrics
//
// Every measurement has the attribute db.client.connection.pool.name and those of [WithAttributes].
//
// Read from the pool's statistics at collection, all from one pgxpool.Stat:
//
//   - db.client.connection.count: connections by db.client.connection.state, used (acquired) or idle. pgxpool counts as
//     acquired also those that it is closing and, for a moment, those that its health check looks at
//   - db.client.connection.max: MaxConns
//   - db.client.connection.idle.max: the most that may be idle; pgxpool lets all of them be, so MaxConns
//   - db.client.connection.idle.min: MinIdleConns
//   - pgxpool.constructing: connections being dialed
//   - pgxpool.size: the base size, see [WithBaseSize]
//   - pgxpool.overflow: connections in use beyond the base size
//   - pgxpool.overflow.max: MaxConns less the base size
//
// Counted by the hooks and read at collection:
//
//   - db.client.connection.pending_requests: callers of Acquire that have no connection yet and no place to dial one:
//     they wait for somebody to release. Those being dialed for, pinged or prepared do not count
//   - db.client.connection.timeouts: acquires that ended because the caller's deadline had passed; a cancel is none
//   - pgxpool.operations.capped: operations recorded as _OTHER, see [WithOperationLimit]
//
// Recorded as things happen, in seconds, with the caller's context, so that exemplars lead to its trace:
//
//   - db.client.operation.duration: a query, statement, batch, copy or explicit prepare, from the call to its end. That
//     of a query is when its rows are closed: a slow reader of rows lengthens it. The first run of a statement includes
//     its preparation. Attributes: db.system.name, db.query.summary (see [WithOperation]); of a failure error.type and,
//     if the server said so, db.response.status_code
//   - db.client.connection.wait_time: the whole of an Acquire that succeeded
//   - db.client.connection.use_time: from the end of Acquire to Release, by db.query.summary if the caller named the
//     operation. A hijacked connection is not released and so not recorded
//   - db.client.connection.create_time: dialing, TLS and authentication of a new connection
//   - db.client.response.returned_rows, by [WithReturnedRows] only: the rows of a SELECT
//
// A batch is one operation; a batch of one query is that query. No rows is no failure, nor are the SQLSTATE classes 00
// and 01. error.type is the SQLSTATE where there is one, else one of timeout, canceled, connect, connection and _OTHER.
//
// # Guarantees
//
// All exported functions and methods are safe for concurrent use. Nothing here panics into the caller, waits for the
// database, or starts a goroutine. What is remembered of operations and of SQL texts is bounded. No attribute and no
// error holds a password, a connection string, a SQL text or an argument.
package otelpool
