package parity_test

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/internal/integration/faults/rig"
)

// caller is what a pool, a connection of it and a transaction have in common.
type caller interface {
	Exec(ctx context.Context, sql string, arguments ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
	CopyFrom(ctx context.Context, tableName pgx.Identifier, columnNames []string, rowSrc pgx.CopyFromSource) (int64, error)
}

func (w *world) exec(c caller) {
	tag, err := c.Exec(w.ctx, "set time zone 'America/Chicago'")
	w.note("exec %q %s", tag, telling(err))
}

func (w *world) query(c caller) {
	rows, err := c.Query(w.ctx, "select generate_series(1,$1)", 10)
	w.note("query %s", telling(err))
	var sum, count int32
	for rows.Next() {
		var n int32
		w.note("row %s", telling(rows.Scan(&n)))
		sum += n
		count++
	}
	w.note("%d rows, sum %d, %q %s", count, sum, rows.CommandTag(), telling(rows.Err()))
}

func (w *world) queryRow(c caller) {
	var what, who string
	err := c.QueryRow(w.ctx, "select 'hello', $1::text", "world").Scan(&what, &who)
	w.note("%s %s %s", what, who, telling(err))
}

func (w *world) sendBatch(c caller) {
	var b pgx.Batch
	b.Queue("select 1")
	b.Queue("select 2")
	results := c.SendBatch(w.ctx, &b)
	for range 3 { // one too many
		var n int32
		err := results.QueryRow().Scan(&n)
		w.note("%d %s", n, telling(err))
	}
	w.note("%s", telling(results.Close()))
	w.note("again %s", telling(results.Close()))
}

func (w *world) copyFrom(c caller, table string) {
	at := time.Date(2010, 2, 3, 4, 5, 6, 0, time.UTC)
	rows := [][]any{{int16(0), int32(1), int64(2), "abc", at}, {nil, nil, nil, nil, nil}}
	n, err := c.CopyFrom(w.ctx, pgx.Identifier{table}, []string{"a", "b", "c", "d", "e"}, pgx.CopyFromRows(rows))
	w.note("%d %s", n, telling(err))
	read, err := c.Query(w.ctx, "select a, b, c, d, e at time zone 'UTC' from "+table)
	w.note("%s", telling(err))
	for read.Next() {
		values, err := read.Values()
		w.note("%v %s", values, telling(err))
	}
	w.note("%s", telling(read.Err()))
	_, err = c.CopyFrom(w.ctx, pgx.Identifier{"nothing", "here"}, []string{"a"}, pgx.CopyFromRows(rows))
	w.note("%s", telling(err))
}

const copyTable = "(a int2, b int4, c int8, d varchar, e timestamptz)"

// everywhere makes a scenario of calls for a pool, for a connection and for a transaction.
func everywhere(name string, do func(*world, caller)) []scenario {
	return []scenario{
		{name: name + " of a pool", do: func(w *world) {
			do(w, w.pool)
			w.settle(0, 1)
		}},
		{name: name + " of a connection", do: func(w *world) {
			c := w.acquire()
			do(w, c)
			c.Release()
			w.settle(0, 1)
		}},
		{name: name + " of a transaction", do: func(w *world) {
			tx, err := w.pool.Begin(w.ctx)
			w.note("%s", telling(err))
			do(w, tx)
			w.note("%s", telling(tx.Rollback(w.ctx)))
			w.settle(0, 1)
		}},
	}
}

// once gives a scenario that a pool is to be left with one connection by.
func once(name string, do func(*world)) scenario {
	return scenario{name: name, do: func(w *world) { do(w); w.settle(0, 1) }}
}

var callScenarios = append(append(append(append(
	everywhere("exec", (*world).exec),
	everywhere("query", (*world).query)...),
	everywhere("a row", (*world).queryRow)...),
	everywhere("batch", (*world).sendBatch)...),
	once("copy by a pool", func(w *world) {
		_, err := w.pool.Exec(w.ctx, "drop table if exists copied; create table copied"+copyTable)
		w.note("%s", telling(err))
		w.copyFrom(w.pool, "copied")
	}),
	once("copy by a connection", func(w *world) {
		c := w.acquire()
		defer c.Release()
		_, err := c.Exec(w.ctx, "create temporary table foo"+copyTable)
		w.note("%s", telling(err))
		w.copyFrom(c, "foo")
	}),
	once("copy by a transaction", func(w *world) {
		tx, err := w.pool.Begin(w.ctx)
		w.note("%s", telling(err))
		_, err = tx.Exec(w.ctx, "create temporary table foo"+copyTable)
		w.note("%s", telling(err))
		w.copyFrom(tx, "foo")
		w.note("%s", telling(tx.Rollback(w.ctx)))
	}),
	once("the rows of a pool hold its connection until they are closed", func(w *world) {
		rows, err := w.pool.Query(w.ctx, "select generate_series(1,$1)", 10)
		w.note("%s", telling(err))
		w.noteStat()
		rows.Close()
		rows.Close()
		w.note("%s", telling(rows.Err()))
	}),
	once("no rows", func(w *world) {
		err := w.pool.QueryRow(w.ctx, "select n from generate_series(1,10) n where n=0").Scan(nil)
		w.note("%s %v", telling(err), err == pgx.ErrNoRows)
	}),
	scenario{name: "a scan that panics gives the connection back", do: func(w *world) {
		func() {
			defer func() { w.note("panicked: %v", recover() != nil) }()
			var greeting *string
			_ = w.pool.QueryRow(w.ctx, "select 'Hello, world!'").Scan(greeting) // not its address
		}()
		w.settle(0, 0) // it was busy
	}},
	once("a query that the server refuses", func(w *world) {
		_, err := w.pool.Exec(w.ctx, "selct")
		w.note("%s", telling(err))
		rows, err := w.pool.Query(w.ctx, "select 1/0")
		w.note("%s", telling(err))
		rows.Close()
		w.note("%s", telling(rows.Err()))
		w.note("%s", telling(w.pool.QueryRow(w.ctx, "select 1/0").Scan(nil)))
	}),
	once("a transaction that cannot begin", func(w *world) {
		tx, err := w.pool.BeginTx(w.ctx, pgx.TxOptions{IsoLevel: "foo"})
		w.note("%v %s", tx == nil, telling(err))
		var n int
		w.note("%s", telling(w.pool.QueryRow(w.ctx, "select 1").Scan(&n)))
	}),
	scenario{name: "a transaction whose begin ends the connection", do: func(w *world) {
		tx, err := w.pool.BeginTx(w.ctx, pgx.TxOptions{BeginQuery: "select pg_terminate_backend(pg_backend_pid())"})
		w.note("%v %s", tx == nil, telling(err))
		w.settle(0, 0)
	}},
	once("commit and rollback after the end", func(w *world) {
		tx, err := w.pool.Begin(w.ctx)
		w.note("%s", telling(err))
		w.note("%s", telling(tx.Commit(w.ctx)))
		w.note("%s", telling(tx.Commit(w.ctx)))
		w.note("%s", telling(tx.Rollback(w.ctx)))
		_, err = tx.Exec(w.ctx, "select 1")
		w.note("%s", telling(err))
	}),
	once("transactions in transactions, committed", func(w *world) { nested(w, nil) }),
	once("transactions in transactions, one rolled back", func(w *world) { nested(w, errMine) }),
	scenario{name: "a hundred callers", do: func(w *world) {
		w.quiet = true // in what order they come is chance
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
		w.note("%d acquires, %d canceled", w.pool.Stat().AcquireCount(), w.pool.Stat().CanceledAcquireCount())
		w.mu.Lock()
		w.quiet = true
		w.mu.Unlock()
	}},
	scenario{name: "a call that is canceled", do: func(w *world) {
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
		w.note("%v", errors.Is(err, context.Canceled))
		c.Release()
		w.settle(0, 0)
	}, plain: true, unordered: true},
)

// nested has three transactions in each other, of which the innermost ends with err.
func nested(w *world, inner error) {
	_, err := w.pool.Exec(w.ctx, "drop table if exists nested; create table nested(id integer, unique (id))")
	w.note("%s", telling(err))
	insert := func(tx pgx.Tx, id int) {
		_, err := tx.Exec(w.ctx, "insert into nested(id) values ($1)", id)
		w.note("%s", telling(err))
	}
	err = pgx.BeginFunc(w.ctx, w.pool, func(tx pgx.Tx) error {
		insert(tx, 1)
		w.note("%s", telling(pgx.BeginFunc(w.ctx, tx, func(tx pgx.Tx) error {
			insert(tx, 2)
			return inner
		})))
		insert(tx, 3)
		return nil
	})
	w.note("%s", telling(err))
	var n int64
	w.note("%s", telling(w.pool.QueryRow(w.ctx, "select count(*) from nested").Scan(&n)))
	w.note("%d", n)
}

var _ caller = (*pgxpool.Pool)(nil)
