package parity_test

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/internal/integration/faults/rig"
)

// batch makes one of a transaction.
func batch(options *pgx.TxOptions, queries ...string) *pgx.Batch {
	b := new(pgx.Batch)
	if options != nil {
		b.BeginTx(*options)
	}
	for _, q := range queries {
		b.Queue(q)
	}
	return b
}

var batchScenarios = []scenario{
	once("a batch that begins a transaction", func(w *world) {
		results := w.pool.SendBatch(w.ctx, batch(&pgx.TxOptions{}, "select 1"))
		tx := results.Tx()
		w.note("%v %s", tx != nil, telling(results.Close()))
		w.noteStat()
		var n int32
		w.note("%s", telling(tx.QueryRow(w.ctx, "select 2").Scan(&n)))
		w.note("%d %s", n, telling(tx.Commit(w.ctx)))
	}),
	once("a batch in a transaction that fails", func(w *world) {
		results := w.pool.SendBatch(w.ctx, batch(&pgx.TxOptions{}, "select 1/0"))
		tx := results.Tx()
		w.note("%s", telling(results.Close()))
		w.noteStat()
		w.note("%s", telling(tx.Rollback(w.ctx)))
	}),
	once("a batch whose transaction cannot begin", func(w *world) {
		results := w.pool.SendBatch(w.ctx, batch(&pgx.TxOptions{BeginQuery: "begin garbage"}, "select 1"))
		tx := results.Tx()
		w.note("%s", telling(results.Close()))
		w.note("%s", telling(tx.Rollback(w.ctx)))
	}),
	{name: "a batch without a transaction", do: func(w *world) {
		b := batch(nil, "select 1")
		results := w.pool.SendBatch(w.ctx, b)
		w.note("%v %s", results.Tx() == nil, telling(results.Close()))
		w.settle(0, 1)
		w.pool.Close()
		results = w.pool.SendBatch(w.ctx, b)
		w.note("%v %s", results.Tx() == nil, telling(results.Close()))
	}},
	once("a batch of a connection that begins a transaction", func(w *world) {
		c := w.acquire()
		results := c.SendBatch(w.ctx, batch(&pgx.TxOptions{}, "select 1"))
		tx := results.Tx()
		w.note("%v %s %c", tx != nil, telling(results.Close()), c.Conn().PgConn().TxStatus())
		w.note("%s", telling(tx.Commit(w.ctx)))
		w.noteStat()
		c.Release()
	}),
	{name: "results closed again after the commit", configure: func(c *pgxpool.Config, _ *world) { c.MaxConns = 1 }, do: func(w *world) {
		results := w.pool.SendBatch(w.ctx, batch(&pgx.TxOptions{}, "select 1"))
		w.note("%s", telling(results.Close()))
		w.note("%s", telling(results.Tx().Commit(w.ctx)))
		var wg sync.WaitGroup
		wg.Go(func() {
			for range 50 {
				_, err := w.pool.Exec(w.ctx, "select 1")
				w.note("%s", telling(err))
			}
		})
		for range 50 {
			w.note("closed again %s", telling(results.Close()))
		}
		wg.Wait()
		w.settle(0, 1)
	}, unordered: true},
	{name: "a batch for which there is no connection", configure: func(c *pgxpool.Config, _ *world) { c.MaxConns = 1 }, do: func(w *world) {
		c := w.acquire()
		ctx, cancel := context.WithTimeout(w.ctx, 20*time.Millisecond)
		defer cancel()
		results := w.pool.SendBatch(ctx, batch(&pgx.TxOptions{}, "select 1"))
		tx := results.Tx()
		w.note("%v %s", tx != nil, telling(tx.Rollback(w.ctx)))
		w.note("%s", telling(results.Close()))
		c.Release()
		w.settle(0, 1)
	}},
	once("the ways to read a batch", func(w *world) {
		b := batch(nil, "select 1", "select 2", "select 3", "select 4")
		b.Queue("select $1::int", 5).QueryRow(func(row pgx.Row) error {
			var n int
			err := row.Scan(&n)
			w.note("%d %s", n, telling(err))
			return err
		})
		results := w.pool.SendBatch(w.ctx, b)
		tag, err := results.Exec()
		w.note("%q %s", tag, telling(err))
		rows, err := results.Query()
		w.note("%s", telling(err))
		for rows.Next() {
			values, err := rows.Values()
			w.note("%v %s", values, telling(err))
		}
		w.note("%s", telling(rows.Err()))
		var n int
		w.note("%s", telling(results.QueryRow().Scan(&n)))
		w.note("%d %s", n, telling(results.Close())) // what was not read is read here
	}),
	once("batches that fail", func(w *world) {
		w.note("%s", telling(w.pool.SendBatch(w.ctx, batch(nil, "select 1", "select nonsense", "select 3")).Close()))
		w.note("%s", telling(w.pool.SendBatch(w.ctx, batch(nil, "select 1", "select 1/0", "select 3")).Close()))
		w.note("%s", telling(w.pool.SendBatch(w.ctx, batch(nil)).Close()))
	}),
	{name: "results of many batches closed twice", plain: true, do: func(w *world) {
		w.quiet = true // in what order they come is chance
		var wg sync.WaitGroup
		errs := make(chan error, 500)
		for range cap(errs) {
			wg.Go(func() { errs <- closedTwice(w) })
		}
		wg.Wait()
		rig.Eventually(w.t, "all are back", func() bool { return w.pool.Stat().AcquiredConns() == 0 })
		w.mu.Lock()
		w.quiet = false
		w.mu.Unlock()
		for range cap(errs) {
			w.note("%s", telling(<-errs))
		}
		w.mu.Lock()
		w.quiet = true
		w.mu.Unlock()
	}},
}

func closedTwice(w *world) error {
	results := w.pool.SendBatch(w.ctx, batch(nil, "select 1", "select 2"))
	defer results.Close()
	for want := range 2 {
		var n int
		if err := results.QueryRow().Scan(&n); err != nil {
			return err
		}
		if n != want+1 {
			return fmt.Errorf("%d instead of %d", n, want+1)
		}
	}
	return results.Close()
}
