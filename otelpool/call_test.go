package otelpool_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/attribute"

	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

// pgxCall is a call of pgx, or several, on a connection that has a temporary table n with a column n.
type pgxCall struct {
	name  string
	opts  []otelpool.Option
	do    func(ctx context.Context, c *pgxpool.Conn)
	spans []string // as describe returns them, in the order of their ends
}

// neverEnded is how the span describes a call that pgx does not end: the release ends the span. It has no duration.
const neverEnded = "error connection, of a call that never ended"

// executes returns a call of Exec, which may fail.
func executes(sql string, args ...any) func(context.Context, *pgxpool.Conn) {
	return func(ctx context.Context, c *pgxpool.Conn) { _, _ = c.Exec(ctx, sql, args...) }
}

// sends returns a call of SendBatch, which may fail.
func sends(b func() *pgx.Batch) func(context.Context, *pgxpool.Conn) {
	return func(ctx context.Context, c *pgxpool.Conn) { _ = c.SendBatch(ctx, b()).Close() }
}

// batched returns a batch of one text for several arguments.
func batched(sql string, args ...any) func() *pgx.Batch {
	return func() *pgx.Batch {
		b := new(pgx.Batch)
		for _, arg := range args {
			b.Queue(sql, arg)
		}
		return b
	}
}

// texts returns a batch of several texts.
func texts(sqls ...string) func() *pgx.Batch {
	return func() *pgx.Batch { return batchOf(sqls...) }
}

// prepares prepares a statement twice, with a name that is new to pgx: the second call sends nothing to the server.
func prepares(ctx context.Context, c *pgxpool.Conn, sql string) (name string) {
	name = fmt.Sprint("prepared ", rand.Int())
	for range 2 {
		_, _ = c.Conn().Prepare(ctx, name, sql)
	}
	return name
}

// brokenSource is the rows of a CopyFrom that fails.
type brokenSource struct{ left int }

func (s *brokenSource) Next() bool             { s.left--; return s.left >= 0 }
func (s *brokenSource) Values() ([]any, error) { return []any{1}, nil }
func (s *brokenSource) Err() error             { return errors.New("no more: hunter2") }

const manyRows = "SELECT FROM generate_series(1, 3)"

// calls are all kinds of calls, each in each way in which it can end.
var calls = []pgxCall{
	{"query", nil, executes("SELECT * FROM generate_series(1, $1)", 3), []string{"SELECT generate_series\nrows 3"}},
	{"query not read to its end", nil, func(ctx context.Context, c *pgxpool.Conn) {
		if rows, err := c.Query(ctx, manyRows); err == nil {
			rows.Next()
			rows.Close()
		}
	}, []string{"SELECT generate_series\nrows 3"}},
	{"scan into the wrong type", nil, func(ctx context.Context, c *pgxpool.Conn) {
		_ = c.QueryRow(ctx, "SELECT 1").Scan(new(time.Time))
	}, []string{"SELECT\nerror _OTHER"}},
	{"named by the caller", nil, func(ctx context.Context, c *pgxpool.Conn) {
		executes("SELECT 1")(otelpool.WithOperation(ctx, "get_one"), c)
	}, []string{"get_one\nrows 1"}},
	{"named by sqlc, no rows", nil, func(ctx context.Context, c *pgxpool.Conn) {
		_ = c.QueryRow(ctx, "\n\n-- generated\n-- name: GetUser :one\nSELECT 1 FROM pg_class WHERE false").Scan(new(int))
	}, []string{"GetUser\nrows 0"}},
	{"simple protocol", nil, executes("SELECT FROM n", pgx.QueryExecModeSimpleProtocol), []string{"SELECT n\nrows 0"}},
	{"text without a name", nil, executes("'hunter2'"), []string{"postgresql, no summary\nerror 42601"}},
	{"error of the server", nil, executes("SELECT 'hunter2'::int"), []string{"SELECT\nerror 22P02"}},
	{"error while rows are read", nil, executes("SELECT 1 / (2 - n) FROM generate_series(1, 3) AS n"), []string{"SELECT generate_series\nerror 22012"}},
	{"raised class 01", nil, executes("DO $$ BEGIN RAISE EXCEPTION 'almost' USING ERRCODE = '01004'; END $$"), []string{"DO"}},
	{"wrong number of arguments", nil, executes("SELECT $1::int", 1, 2), []string{"SELECT\nerror _OTHER"}},
	{"canceled before it began", nil, func(ctx context.Context, c *pgxpool.Conn) {
		ctx, cancel := context.WithCancel(ctx)
		cancel()
		executes("SELECT 1")(ctx, c)
	}, []string{"SELECT\nerror canceled"}},
	{"deadline while it runs", nil, func(ctx context.Context, c *pgxpool.Conn) {
		ctx, cancel := context.WithTimeout(ctx, 2*time.Millisecond)
		defer cancel()
		executes("SELECT * FROM pg_sleep(2)")(ctx, c) // not longer: if the server gets the cancel too early, closing waits
	}, []string{"SELECT pg_sleep\nerror timeout"}},
	{"rows not closed", nil, func(ctx context.Context, c *pgxpool.Conn) {
		_, _ = c.Query(ctx, manyRows)
	}, []string{"SELECT generate_series\n" + neverEnded}},
	{"refused on a busy connection", nil, func(ctx context.Context, c *pgxpool.Conn) {
		if rows, err := c.Query(ctx, manyRows); err == nil {
			executes("SELECT 2")(ctx, c)
			rows.Close()
		}
	}, []string{"SELECT\nerror connection", "SELECT generate_series\nrows 3"}},
	{"panic in a loop over rows", nil, func(ctx context.Context, c *pgxpool.Conn) {
		defer func() { _ = recover() }()
		_, _ = c.Query(ctx, manyRows)
		panic("in the program")
	}, []string{"SELECT generate_series\n" + neverEnded}},
	{"insert", nil, executes("INSERT INTO n VALUES ($1)", 7), []string{"INSERT n"}},
	{"transaction with a savepoint", nil, func(ctx context.Context, c *pgxpool.Conn) {
		_ = pgx.BeginTxFunc(ctx, c, pgx.TxOptions{IsoLevel: pgx.Serializable}, func(tx pgx.Tx) error {
			inner, err := tx.Begin(ctx)
			if err != nil {
				return err
			}
			return inner.Rollback(ctx)
		})
	}, []string{"BEGIN", "SAVEPOINT", "ROLLBACK TO SAVEPOINT", "COMMIT"}},
	{"batch of one", nil, sends(texts("SELECT 1")), []string{"SELECT\nrows 1"}},
	{"batch of one, of a sqlc batch query", nil, sends(batched("-- name: GetN :batchone\nSELECT n FROM n WHERE n < $1", 0)),
		[]string{"BATCH GetN\nrows 0"}},
	{"batch of one, of a long prepared sqlc batch query", nil, func(ctx context.Context, c *pgxpool.Conn) {
		sends(texts(prepares(ctx, c, "-- name: GetLong :batchmany\nSELECT FROM n WHERE n < 0"+strings.Repeat(" OR n < 0", 200))))(ctx, c)
	}, []string{"PREPARE GetLong", "BATCH GetLong\nrows 0"}},
	{"batch", []otelpool.Option{otelpool.WithQueryText(otelpool.QueryTextSanitized)},
		sends(texts("SELECT 'hunter2' FROM n", "INSERT INTO n VALUES (8)")),
		[]string{"BATCH\ndb.operation.batch.size=2\n" +
			"db.query.text=SELECT ? FROM n; INSERT INTO n VALUES (?)\n" +
			"event query: db.query.summary=SELECT n, db.query.text=SELECT ? FROM n, db.response.returned_rows=0\n" +
			"event query: db.query.summary=INSERT n, db.query.text=INSERT INTO n VALUES (?)"}},
	{"batch of equal texts", []otelpool.Option{otelpool.WithQueryText(otelpool.QueryTextRaw)}, sends(batched("DELETE FROM n WHERE n = $1", 1, 2)),
		[]string{"BATCH DELETE n\ndb.operation.batch.size=2\n" +
			"db.query.text=DELETE FROM n WHERE n = $1\n" +
			"event query: db.query.summary=DELETE n, db.query.text=DELETE FROM n WHERE n = $1\n" +
			"event query: db.query.summary=DELETE n, db.query.text=DELETE FROM n WHERE n = $1"}},
	{"batch that fails", nil, sends(texts("INSERT INTO n VALUES (9)", "SELECT 1 / length('')", "SELECT 3")),
		[]string{"BATCH\nerror 22012\ndb.operation.batch.size=3\n" +
			"event query: db.query.summary=INSERT n\n" +
			"event query: db.query.summary=SELECT length, db.response.status_code=22012, error.type=22012"}},
	{"batch that cannot be prepared", nil, sends(texts("SELECT 1", "SELECT nothing FROM n")), []string{"BATCH\nerror 42703\ndb.operation.batch.size=2"}},
	{"batch read by hand", nil, func(ctx context.Context, c *pgxpool.Conn) {
		results := c.SendBatch(ctx, batchOf("SELECT 1", "SELECT 2"))
		_ = results.QueryRow().Scan(new(int))
		_, _ = results.Exec()
		_ = results.Close()
	}, []string{"BATCH SELECT\ndb.operation.batch.size=2\nevent query: db.query.summary=SELECT, db.response.returned_rows=1\n" +
		"event query: db.query.summary=SELECT, db.response.returned_rows=1"}},
	{"batch whose callback finds no rows", nil, func(ctx context.Context, c *pgxpool.Conn) {
		b := batchOf("SELECT 1 WHERE false", "SELECT 2")
		b.QueuedQueries[0].QueryRow(func(row pgx.Row) error { return row.Scan(new(int)) })
		_ = c.SendBatch(ctx, b).Close()
	}, []string{"BATCH SELECT\ndb.operation.batch.size=2\nevent query: db.query.summary=SELECT, db.response.returned_rows=0"}},
	{"batch that is open at release", nil, func(ctx context.Context, c *pgxpool.Conn) {
		c.SendBatch(ctx, batchOf("SELECT 1", "SELECT 2"))
	}, []string{"BATCH SELECT\n" + neverEnded + "\ndb.operation.batch.size=2"}},
	{"copy", nil, func(ctx context.Context, c *pgxpool.Conn) {
		_, _ = c.CopyFrom(ctx, pgx.Identifier{"pg_temp", "n"}, []string{"n"}, pgx.CopyFromRows([][]any{{1}, {2}}))
	}, []string{"COPY pg_temp.n\ndb.collection.name=pg_temp.n\ndb.operation.name=COPY"}},
	{"copy into no table", nil, func(ctx context.Context, c *pgxpool.Conn) {
		_, _ = c.CopyFrom(ctx, pgx.Identifier{"gone"}, []string{"n"}, pgx.CopyFromRows([][]any{{1}}))
	}, []string{"COPY gone\nerror 42P01\ndb.collection.name=gone\ndb.operation.name=COPY"}},
	{"copy whose source fails", nil, func(ctx context.Context, c *pgxpool.Conn) {
		_, _ = c.CopyFrom(ctx, pgx.Identifier{"n"}, []string{"n"}, &brokenSource{1})
	}, []string{"COPY n\nerror 57014\ndb.collection.name=n\ndb.operation.name=COPY"}},
	{"prepare, and its query", []otelpool.Option{otelpool.WithQueryText(otelpool.QueryTextRaw)}, func(ctx context.Context, c *pgxpool.Conn) {
		executes(prepares(ctx, c, "SELECT n FROM n WHERE n = $1"), -4)(ctx, c)
	}, []string{"PREPARE SELECT n\ndb.query.text=SELECT n FROM n WHERE n = $1", "SELECT n\nrows 0\ndb.query.text=SELECT n FROM n WHERE n = $1"}},
	{"prepare that fails", nil, func(ctx context.Context, c *pgxpool.Conn) {
		_, _ = c.Conn().Prepare(ctx, "", "SELECT nothing FROM n")
	}, []string{"PREPARE SELECT n\nerror 42703"}},
	{"no parent, but roots", []otelpool.Option{otelpool.WithRootSpans()}, func(_ context.Context, c *pgxpool.Conn) {
		executes("SELECT 1")(context.Background(), c)
	}, []string{"connect, no parent, no summary", "SELECT, no parent\nrows 1"}},
	{"parameters", []otelpool.Option{otelpool.WithQueryParameters(func(operation, key string, value any) (string, bool) {
		if key == "panic" {
			panic("in the filter")
		}
		return fmt.Sprint(operation, " ", value), key != "password" && key != "1"
	})}, func(ctx context.Context, c *pgxpool.Conn) {
		executes("SELECT $1::int, $2::text", 5, "hunter2")(ctx, c)
		executes("SELECT @n::int, @password::text, @panic::int", pgx.NamedArgs{"n": 6, "password": "hunter2", "panic": 0})(ctx, c)
	}, []string{"SELECT\nrows 1\ndb.query.parameter.0=SELECT 5", "SELECT\nrows 1\ndb.query.parameter.n=SELECT 6"}},
	{"changed by the program", []otelpool.Option{otelpool.WithSpanStart(func(_ context.Context, s *otelpool.SpanStart) {
		s.Name = "db " + s.Name
		s.Attributes = append(s.Attributes, attribute.Int("length", len(s.SQL)))
	})}, executes("SELECT 1"), []string{"db SELECT\nrows 1\ndb.query.summary=SELECT\nlength=8"}},
	{"function panics", []otelpool.Option{otelpool.WithSpanStart(func(context.Context, *otelpool.SpanStart) { panic("in the function") })},
		executes("SELECT 1"), nil},
}

// operationKey returns the key of an operation's duration. errorType is "" for a success, or an SQLSTATE, or another type.
func operationKey(operation, errorType string) string {
	attrs := "db.query.summary=" + operation
	if len(errorType) == 5 {
		attrs += ",db.response.status_code=" + errorType
	}
	if errorType != "" {
		attrs += ",error.type=" + errorType
	}
	return "db.client.operation.duration{" + attrs + "}"
}

// operations returns the keys of the durations that must be recorded of a call.
func (c pgxCall) operations() (keys []string) {
	for _, span := range c.spans {
		head, attributes, _ := strings.Cut(span, "\n")
		name, _, _ := strings.Cut(head, ",")
		if name == "postgresql" {
			name = otelpool.OtherOperation
		}
		failure, _, _ := strings.Cut(attributes, "\n")
		errorType, _ := strings.CutPrefix(failure, "error ")
		if errorType == failure {
			errorType = ""
		}
		if failure != neverEnded {
			keys = append(keys, operationKey(name, errorType))
		}
	}
	return keys
}

// withTable creates the table of the calls on each connection of a pool, by a statement that no hook sees.
func withTable(c *pgxpool.Config) {
	c.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
		return conn.PgConn().Exec(ctx, "CREATE TEMP TABLE n (n int)").Close()
	}
}

// run makes the call on a connection of a pool.
func (c pgxCall) run(t *testing.T, ctx context.Context, pool *pgxpool.Pool) {
	conn, err := pool.Acquire(ctx)
	if err != nil {
		t.Errorf("%s: %v", c.name, err)
		return
	}
	defer conn.Release()
	c.do(ctx, conn)
}

func TestExecModesCountTheSame(t *testing.T) {
	t.Parallel()
	same := []string{"query", "insert", "named by sqlc, no rows", "transaction with a savepoint", "batch read by hand", "batch of one", "copy",
		"error of the server", "batch that cannot be prepared"}
	for _, mode := range allModes {
		t.Run(mode.String(), func(t *testing.T) {
			t.Parallel()
			f := setup(t, 2, func(c *pgxpool.Config) { withTable(c); c.ConnConfig.DefaultQueryExecMode = mode })
			want := make(map[string]uint64)
			for _, call := range calls {
				if slices.Contains(same, call.name) {
					call.run(t, t.Context(), f.pool)
					for _, key := range call.operations() {
						want[key]++
					}
				}
			}
			operations(t, f, want)
		})
	}
}

// TestCallsAreCountedOnceByName has 16 callers make all kinds of calls, in any order.
func TestCallsAreCountedOnceByName(t *testing.T) {
	t.Parallel()
	const callers = 16
	f := setup(t, 4, withTable)
	want := make(map[string]uint64)
	for _, call := range calls {
		if call.opts == nil {
			for _, key := range call.operations() {
				want[key] += callers
			}
		}
	}
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for _, i := range rand.Perm(len(calls)) {
				if calls[i].opts == nil {
					calls[i].run(t, context.Background(), f.pool)
				}
			}
		})
	}
	wg.Wait()
	operations(t, f, want)
	m := f.collect(t)
	released, _ := m.holds()
	checkEqual(t, "releases, by use_time, of acquires, by wait_time", released, m.count(waitTime))
}

// TestCallMayEndBeforeLaterOne has pgx refuse a batch on a connection with open rows, which end before the batch is closed.
func TestCallMayEndBeforeLaterOne(t *testing.T) {
	t.Parallel()
	for _, mode := range allModes {
		t.Run(mode.String(), func(t *testing.T) {
			t.Parallel()
			f := setup(t, 1, func(c *pgxpool.Config) { c.ConnConfig.DefaultQueryExecMode = mode })
			conn := acquire(t, f.pool)
			rows, err := conn.Query(t.Context(), manyRows)
			testutil.NoError(t, err)
			begun := time.Now()
			wait(20 * time.Millisecond)
			results := conn.SendBatch(t.Context(), batchOf("SELECT 1", "DELETE FROM n"))
			least := time.Since(begun).Seconds()
			rows.Close()
			if err := results.Close(); err == nil {
				t.Error("no error")
			}
			executes("SELECT 1")(t.Context(), conn)
			conn.Release()
			operations(t, f, map[string]uint64{operationKey("SELECT generate_series", ""): 1, operationKey("BATCH", "connection"): 1, operationKey("SELECT", ""): 1})
			if busy := f.collect(t).seconds(t, busyTime+"{db.query.summary=SELECT generate_series}"); busy < least {
				t.Errorf("busy for %v s, less than %v s", busy, least)
			}
		})
	}
}
