// Package river sends receipts of orders with River's jobs.
package river

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"

	"github.com/otelpool/otelpool-go/otelpool"
)

// Jobs is how many jobs a Run inserts.
const Jobs = 200

// Program inserts jobs and works them.
type Program struct {
	pool      *pgxpool.Pool
	inst      *otelpool.Instrumentation
	client    *river.Client[pgx.Tx]
	completed <-chan *river.Event
	left      chan pgx.Tx // by report
}

// New returns a program whose jobs go through an instrumented pool.
func New(
	ctx context.Context, config *pgxpool.Config, opts ...otelpool.Option,
) (*Program, *otelpool.Instrumentation, error) {
	pool, inst, err := otelpool.NewWithConfig(ctx, config, opts...)
	if err != nil {
		return nil, nil, err
	}
	p := &Program{pool: pool, inst: inst, left: make(chan pgx.Tx, 1)}
	workers := river.NewWorkers()
	river.AddWorker(workers, river.WorkFunc(p.receipt))
	river.AddWorker(workers, river.WorkFunc(p.report))
	p.client, err = river.NewClient(riverpgxv5.New(pool), &river.Config{
		Queues:     map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 10}},
		Workers:    workers,
		Middleware: []rivertype.Middleware{river.WorkerMiddlewareFunc(scope)},
	})
	if err == nil {
		p.completed, _ = p.client.Subscribe(river.EventKindJobCompleted)
		err = p.client.Start(ctx)
	}
	if err != nil {
		pool.Close()
		return nil, nil, errors.Join(err, inst.Unregister())
	}
	return p, inst, nil
}

// scope names the unit of work of each job by its kind.
func scope(ctx context.Context, job *rivertype.JobRow, work func(context.Context) error) error {
	return work(otelpool.WithScope(ctx, job.Kind))
}

// Receipt are the arguments of a job that sends a receipt.
type Receipt struct{ User int64 }

// Kind implements river.JobArgs.
func (Receipt) Kind() string { return "send_receipt" }

func (p *Program) receipt(ctx context.Context, job *river.Job[Receipt]) error {
	const total = "SELECT coalesce(sum(cents), 0) FROM orders WHERE user_id = $1"
	var cents int64
	return p.pool.QueryRow(ctx, total, job.Args.User).Scan(&cents)
}

// Report are the arguments of a job that leaves its transaction open.
type Report struct{}

// Kind implements river.JobArgs.
func (Report) Kind() string { return "report" }

func (p *Program) report(ctx context.Context, _ *river.Job[Report]) error {
	tx, err := p.pool.Begin(ctx)
	if err != nil {
		return err
	}
	p.left <- tx
	_, err = tx.Exec(ctx, "SELECT count(*) FROM users")
	return err
}

// Run inserts jobs and waits until they are completed.
func (p *Program) Run(ctx context.Context) error {
	jobs := make([]river.InsertManyParams, Jobs)
	for i := range jobs {
		jobs[i].Args = Receipt{User: int64(i)}
	}
	if _, err := p.client.InsertMany(otelpool.WithScope(ctx, "POST /receipts"), jobs); err != nil {
		return err
	}
	for range jobs {
		if err := p.wait(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Leak works a job that leaves its transaction open.
func (p *Program) Leak(ctx context.Context) (end func() error, err error) {
	if _, err := p.client.Insert(otelpool.WithScope(ctx, "POST /report"), Report{}, nil); err != nil {
		return nil, err
	}
	if err := p.wait(ctx); err != nil {
		return nil, err
	}
	tx := <-p.left
	return func() error { return tx.Rollback(context.WithoutCancel(ctx)) }, nil
}

// wait waits until a job is completed.
func (p *Program) wait(ctx context.Context) error {
	select {
	case <-p.completed:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close waits for jobs, closes the pool and ends its metrics.
func (p *Program) Close() error {
	err := p.client.Stop(context.Background())
	p.pool.Close()
	return errors.Join(err, p.inst.Unregister())
}

// Migrate creates River's tables.
func Migrate(ctx context.Context, config *pgxpool.Config) error {
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return err
	}
	defer pool.Close()
	migrator, err := rivermigrate.New(riverpgxv5.New(pool), nil)
	if err != nil {
		return err
	}
	_, err = migrator.Migrate(ctx, rivermigrate.DirectionUp, nil)
	return err
}
