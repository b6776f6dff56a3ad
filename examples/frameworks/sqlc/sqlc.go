// Package sqlc keeps the shop by code that sqlc generates, on pgx's own pool.
package sqlc

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/examples/frameworks/sqlc/db"
	"github.com/otelpool/otelpool-go/otelpool"
)

//go:generate go run github.com/sqlc-dev/sqlc/cmd/sqlc@v1.31.1 generate

// Store is a shop.Store.
type Store struct {
	*db.Queries
	pool *pgxpool.Pool
	inst *otelpool.Instrumentation
}

// New returns a store on an instrumented pool. Stacks begin at the caller of the generated code.
func New(
	ctx context.Context, config *pgxpool.Config, opts ...otelpool.Option,
) (*Store, *otelpool.Instrumentation, error) {
	opts = append(opts, otelpool.WithStackSkip("github.com/otelpool/otelpool-go/examples/frameworks/sqlc/db"))
	pool, inst, err := otelpool.NewWithConfig(ctx, config, opts...)
	if err != nil {
		return nil, nil, err
	}
	return &Store{db.New(pool), pool, inst}, inst, nil
}

// AddUser implements shop.Store.
func (s *Store) AddUser(ctx context.Context, name string) (id int64, err error) {
	return s.Queries.AddUser(ctx, name)
}

// PlaceOrders implements shop.Store.
func (s *Store) PlaceOrders(ctx context.Context, user int64, cents ...int64) error {
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		queries := s.WithTx(tx)
		if _, err := queries.GetUser(ctx, user); err != nil {
			return err
		}
		var orders []db.AddOrdersParams
		for _, c := range cents {
			orders = append(orders, db.AddOrdersParams{UserID: user, Cents: c})
		}
		var failed error
		queries.AddOrders(ctx, orders).Exec(func(_ int, err error) {
			if err != nil && failed == nil {
				failed = err
			}
		})
		return failed
	})
}

// Orders implements shop.Store.
func (s *Store) Orders(ctx context.Context, user int64) (cents []int64, err error) {
	return s.OrdersOfUser(ctx, user)
}

// Leak implements shop.Store. It begins a transaction and does not end it.
func (s *Store) Leak(ctx context.Context) (end func() error, err error) {
	tx, err := s.pool.Begin(ctx)
	if err != nil {
		return nil, err
	}
	_, err = s.WithTx(tx).OrdersOfUser(ctx, 1)
	return func() error { return tx.Rollback(context.WithoutCancel(ctx)) }, err
}

// Close closes the pool and ends its metrics.
func (s *Store) Close() error {
	s.pool.Close()
	return s.inst.Unregister()
}
