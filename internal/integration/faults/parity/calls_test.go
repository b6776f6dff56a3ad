package parity_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/internal/integration/faults/rig"
)

// caller has the common methods of a pool, a connection and a transaction.
type caller interface {
	Exec(ctx context.Context, sql string, arguments ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
	CopyFrom(ctx context.Context, tableName pgx.Identifier, columnNames []string, rowSrc pgx.CopyFromSource) (int64, error)
}

func (w *fixture) exec(c caller) {
	tag, err := c.Exec(w.ctx, "set time zone 'America/Chicago'")
	w.record("exec %q %s", tag, describe(err))
}

func (w *fixture) query(c caller) {
	rows, err := c.Query(w.ctx, "select generate_series(1,$1)", 10)
	w.record("query %s", describe(err))
	var sum, count int32
	for rows.Next() {
		var n int32
		w.record("row %s", describe(rows.Scan(&n)))
		sum += n
		count++
	}
	w.record("%d rows, sum %d, %q %s", count, sum, rows.CommandTag(), describe(rows.Err()))
}

func (w *fixture) queryRow(c caller) {
	var what, who string
	err := c.QueryRow(w.ctx, "select 'hello', $1::text", "world").Scan(&what, &who)
	w.record("%s %s %s", what, who, describe(err))
}

func (w *fixture) sendBatch(c caller) {
	var b pgx.Batch
	b.Queue("select 1")
	b.Queue("select 2")
	results := c.SendBatch(w.ctx, &b)
	for range 3 { // one too many
		var n int32
		err := results.QueryRow().Scan(&n)
		w.record("%d %s", n, describe(err))
	}
	w.record("%s", describe(results.Close()))
	w.record("again %s", describe(results.Close()))
}

func (w *fixture) copyFrom(c caller, table string) {
	at := time.Date(2010, 2, 3, 4, 5, 6, 0, time.UTC)
	rows := [][]any{{int16(0), int32(1), int64(2), "abc", at}, {nil, nil, nil, nil, nil}}
	n, err := c.CopyFrom(w.ctx, pgx.Identifier{table}, []string{"a", "b", "c", "d", "e"}, pgx.CopyFromRows(rows))
	w.record("%d %s", n, describe(err))
	read, err := c.Query(w.ctx, "select a, b, c, d, e at time zone 'UTC' from "+table)
	w.record("%s", describe(err))
	for read.Next() {
		values, err := read.Values()
		w.record("%v %s", values, describe(err))
	}
	w.record("%s", describe(read.Err()))
	_, err = c.CopyFrom(w.ctx, pgx.Identifier{"nothing", "here"}, []string{"a"}, pgx.CopyFromRows(rows))
	w.record("%s", describe(err))
}

const copyTable = "(a int2, b int4, c int8, d varchar, e timestamptz)"

// everywhere returns scenarios of calls for a pool, for a connection and for a transaction.
func everywhere(name string, do func(*fixture, caller)) []scenario {
	return []scenario{
		{name: name + " of a pool", do: func(w *fixture) {
			do(w, w.pool)
			w.settle(0, 1)
		}},
		{name: name + " of a connection", do: func(w *fixture) {
			c := w.acquire()
			do(w, c)
			c.Release()
			w.settle(0, 1)
		}},
		{name: name + " of a transaction", do: func(w *fixture) {
			tx, err := w.pool.Begin(w.ctx)
			w.record("%s", describe(err))
			do(w, tx)
			w.record("%s", describe(tx.Rollback(w.ctx)))
			w.settle(0, 1)
		}},
	}
}

// once returns a scenario that leaves the pool with one connection.
func once(name string, do func(*fixture)) scenario {
	return scenario{name: name, do: func(w *fixture) { do(w); w.settle(0, 1) }}
}

// alone is once for a scenario that changes the database.
func alone(name string, do func(*fixture)) scenario {
	s := once(name, do)
	s.alone = true
	return s
}

var copyScenarios = []scenario{
	alone("copy by a pool", func(w *fixture) {
		_, err := w.pool.Exec(w.ctx, "drop table if exists copied; create table copied"+copyTable)
		w.record("%s", describe(err))
		w.copyFrom(w.pool, "copied")
	}),
	once("copy by a connection", func(w *fixture) {
		c := w.acquire()
		defer c.Release()
		_, err := c.Exec(w.ctx, "create temporary table foo"+copyTable)
		w.record("%s", describe(err))
		w.copyFrom(c, "foo")
	}),
	once("copy by a transaction", func(w *fixture) {
		tx, err := w.pool.Begin(w.ctx)
		w.record("%s", describe(err))
		_, err = tx.Exec(w.ctx, "create temporary table foo"+copyTable)
		w.record("%s", describe(err))
		w.copyFrom(tx, "foo")
		w.record("%s", describe(tx.Rollback(w.ctx)))
	}),
}

var callScenarios = slices.Concat(
	everywhere("exec", (*fixture).exec),
	everywhere("query", (*fixture).query),
	everywhere("a row", (*fixture).queryRow),
	everywhere("batch", (*fixture).sendBatch),
	copyScenarios,
	otherCallScenarios,
)

var otherCallScenarios = []scenario{
	once("the rows of a pool hold its connection until they are closed", func(w *fixture) {
		rows, err := w.pool.Query(w.ctx, "select generate_series(1,$1)", 10)
		w.record("%s", describe(err))
		w.recordStat()
		rows.Close()
		rows.Close()
		w.record("%s", describe(rows.Err()))
	}),
	once("no rows", func(w *fixture) {
		err := w.pool.QueryRow(w.ctx, "select n from generate_series(1,10) n where n=0").Scan(nil)
		w.record("%s %v", describe(err), err == pgx.ErrNoRows)
	}),
	{name: "a scan that panics releases the connection", do: func(w *fixture) {
		func() {
			defer func() { w.record("panicked: %v", recover() != nil) }()
			var greeting *string
			_ = w.pool.QueryRow(w.ctx, "select 'Hello, world!'").Scan(greeting) // not its address, which is an error
		}()
		w.settle(0, 0) // it was busy
	}},
	once("a query that the server refuses", func(w *fixture) {
		_, err := w.pool.Exec(w.ctx, "selct")
		w.record("%s", describe(err))
		rows, err := w.pool.Query(w.ctx, "select 1/0")
		w.record("%s", describe(err))
		rows.Close()
		w.record("%s", describe(rows.Err()))
		w.record("%s", describe(w.pool.QueryRow(w.ctx, "select 1/0").Scan(nil)))
	}),
	once("a transaction that cannot begin", func(w *fixture) {
		tx, err := w.pool.BeginTx(w.ctx, pgx.TxOptions{IsoLevel: "foo"})
		w.record("%v %s", tx == nil, describe(err))
		var n int
		w.record("%s", describe(w.pool.QueryRow(w.ctx, "select 1").Scan(&n)))
	}),
	{name: "a transaction whose begin ends the connection", do: func(w *fixture) {
		tx, err := w.pool.BeginTx(w.ctx, pgx.TxOptions{BeginQuery: "select pg_terminate_backend(pg_backend_pid())"})
		w.record("%v %s", tx == nil, describe(err))
		w.settle(0, 0)
	}},
	once("commit and rollback after the end", func(w *fixture) {
		tx, err := w.pool.Begin(w.ctx)
		w.record("%s", describe(err))
		w.record("%s", describe(tx.Commit(w.ctx)))
		w.record("%s", describe(tx.Commit(w.ctx)))
		w.record("%s", describe(tx.Rollback(w.ctx)))
		_, err = tx.Exec(w.ctx, "select 1")
		w.record("%s", describe(err))
	}),
	alone("transactions in transactions, committed", func(w *fixture) { nested(w, nil) }),
	alone("transactions in transactions, one rolled back", func(w *fixture) { nested(w, errMine) }),
	{name: "a hundred callers", alone: true, do: func(w *fixture) {
		w.quiet = true // their order is random
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				w.query(w.pool)
				w.queryRow(w.pool)
			})
		}
		wg.Wait()
		rig.Eventually(w.t, "all are back", func() bool { return w.pool.Stat().AcquiredConns() == 0 })
		w.mu.Lock()
		w.quiet = false
		w.mu.Unlock()
		w.record("%d acquires, %d canceled", w.pool.Stat().AcquireCount(), w.pool.Stat().CanceledAcquireCount())
		w.mu.Lock()
		w.quiet = true
		w.mu.Unlock()
	}},
	{name: "a call that is canceled", do: func(w *fixture) {
		c := w.acquire()
		admin := w.admin()
		defer admin.Close(context.Background())
		ctx, cancel := context.WithCancel(w.ctx)
		pid := c.Conn().PgConn().PID()
		go func() {
			defer cancel()
			rig.Eventually(w.t, "the query runs", func() bool {
				var sleeps bool
				err := admin.QueryRow(w.ctx, "select exists(select from pg_stat_activity where pid = $1 and wait_event = 'PgSleep')", pid).Scan(&sleeps)
				return err == nil && sleeps
			})
		}()
		_, err := c.Exec(ctx, "select pg_sleep(60)")
		w.record("%v", errors.Is(err, context.Canceled))
		c.Release()
		w.settle(0, 0)
	}, plain: true, unordered: true},
}

// nested runs three nested transactions, of which the innermost ends with err.
func nested(w *fixture, inner error) {
	_, err := w.pool.Exec(w.ctx, "drop table if exists nested; create table nested(id integer, unique (id))")
	w.record("%s", describe(err))
	insert := func(tx pgx.Tx, id int) {
		_, err := tx.Exec(w.ctx, "insert into nested(id) values ($1)", id)
		w.record("%s", describe(err))
	}
	err = pgx.BeginFunc(w.ctx, w.pool, func(tx pgx.Tx) error {
		insert(tx, 1)
		w.record("%s", describe(pgx.BeginFunc(w.ctx, tx, func(tx pgx.Tx) error {
			insert(tx, 2)
			return inner
		})))
		insert(tx, 3)
		return nil
	})
	w.record("%s", describe(err))
	var n int64
	w.record("%s", describe(w.pool.QueryRow(w.ctx, "select count(*) from nested").Scan(&n)))
	w.record("%d", n)
}

var _ caller = (*pgxpool.Pool)(nil)
