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
	once("a batch that begins a transaction", func(w *fixture) {
		results := w.pool.SendBatch(w.ctx, batch(&pgx.TxOptions{}, "select 1"))
		tx := results.Tx()
		w.record("%v %s", tx != nil, describe(results.Close()))
		w.recordStat()
		var n int32
		w.record("%s", describe(tx.QueryRow(w.ctx, "select 2").Scan(&n)))
		w.record("%d %s", n, describe(tx.Commit(w.ctx)))
	}),
	once("a batch in a transaction that fails", func(w *fixture) {
		results := w.pool.SendBatch(w.ctx, batch(&pgx.TxOptions{}, "select 1/0"))
		tx := results.Tx()
		w.record("%s", describe(results.Close()))
		w.recordStat()
		w.record("%s", describe(tx.Rollback(w.ctx)))
	}),
	once("a batch whose transaction cannot begin", func(w *fixture) {
		results := w.pool.SendBatch(w.ctx, batch(&pgx.TxOptions{BeginQuery: "begin garbage"}, "select 1"))
		tx := results.Tx()
		w.record("%s", describe(results.Close()))
		w.record("%s", describe(tx.Rollback(w.ctx)))
	}),
	{name: "a batch without a transaction", do: func(w *fixture) {
		b := batch(nil, "select 1")
		results := w.pool.SendBatch(w.ctx, b)
		w.record("%v %s", results.Tx() == nil, describe(results.Close()))
		w.settle(0, 1)
		w.pool.Close()
		results = w.pool.SendBatch(w.ctx, b)
		w.record("%v %s", results.Tx() == nil, describe(results.Close()))
	}},
	once("a batch of a connection that begins a transaction", func(w *fixture) {
		c := w.acquire()
		results := c.SendBatch(w.ctx, batch(&pgx.TxOptions{}, "select 1"))
		tx := results.Tx()
		w.record("%v %s %c", tx != nil, describe(results.Close()), c.Conn().PgConn().TxStatus())
		w.record("%s", describe(tx.Commit(w.ctx)))
		w.recordStat()
		c.Release()
	}),
	{name: "results closed again after the commit", configure: func(c *pgxpool.Config, _ *fixture) { c.MaxConns = 1 }, do: func(w *fixture) {
		results := w.pool.SendBatch(w.ctx, batch(&pgx.TxOptions{}, "select 1"))
		w.record("%s", describe(results.Close()))
		w.record("%s", describe(results.Tx().Commit(w.ctx)))
		var wg sync.WaitGroup
		wg.Go(func() {
			for range 50 {
				_, err := w.pool.Exec(w.ctx, "select 1")
				w.record("%s", describe(err))
			}
		})
		for range 50 {
			w.record("closed again %s", describe(results.Close()))
		}
		wg.Wait()
		w.settle(0, 1)
	}, unordered: true},
	{name: "a batch for which there is no connection", configure: func(c *pgxpool.Config, _ *fixture) { c.MaxConns = 1 }, do: func(w *fixture) {
		c := w.acquire()
		ctx, cancel := context.WithTimeout(w.ctx, 20*time.Millisecond)
		defer cancel()
		results := w.pool.SendBatch(ctx, batch(&pgx.TxOptions{}, "select 1"))
		tx := results.Tx()
		w.record("%v %s", tx != nil, describe(tx.Rollback(w.ctx)))
		w.record("%s", describe(results.Close()))
		c.Release()
		w.settle(0, 1)
	}},
	once("the ways to read a batch", func(w *fixture) {
		b := batch(nil, "select 1", "select 2", "select 3", "select 4")
		b.Queue("select $1::int", 5).QueryRow(func(row pgx.Row) error {
			var n int
			err := row.Scan(&n)
			w.record("%d %s", n, describe(err))
			return err
		})
		results := w.pool.SendBatch(w.ctx, b)
		tag, err := results.Exec()
		w.record("%q %s", tag, describe(err))
		rows, err := results.Query()
		w.record("%s", describe(err))
		for rows.Next() {
			values, err := rows.Values()
			w.record("%v %s", values, describe(err))
		}
		w.record("%s", describe(rows.Err()))
		var n int
		w.record("%s", describe(results.QueryRow().Scan(&n)))
		w.record("%d %s", n, describe(results.Close())) // reads the remaining results
	}),
	once("batches that fail", func(w *fixture) {
		w.record("%s", describe(w.pool.SendBatch(w.ctx, batch(nil, "select 1", "select nonsense", "select 3")).Close()))
		w.record("%s", describe(w.pool.SendBatch(w.ctx, batch(nil, "select 1", "select 1/0", "select 3")).Close()))
		w.record("%s", describe(w.pool.SendBatch(w.ctx, batch(nil)).Close()))
	}),
	{name: "results of many batches closed twice", plain: true, do: func(w *fixture) {
		w.quiet = true // their order is random
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
			w.record("%s", describe(<-errs))
		}
		w.mu.Lock()
		w.quiet = true
		w.mu.Unlock()
	}},
}

func closedTwice(w *fixture) error {
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
