// Package sqlx implements the shop with sqlx.
package sqlx

import (
	"context"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jmoiron/sqlx"

	"github.com/otelpool/otelpool-go/otelpool"
	"github.com/otelpool/otelpool-go/otelpool/sqldb"
)

// Store is a shop.Store.
type Store struct{ *sqlx.DB }

// New returns a store on an instrumented pool.
func New(
	ctx context.Context, config *pgxpool.Config, opts ...otelpool.Option,
) (*Store, *otelpool.Instrumentation, error) {
	db, inst, err := sqldb.OpenWithConfig(ctx, config, opts...)
	if err != nil {
		return nil, nil, err
	}
	return &Store{sqlx.NewDb(db, "pgx")}, inst, nil
}

// AddUser implements shop.Store.
func (s *Store) AddUser(ctx context.Context, name string) (id int64, err error) {
	err = s.GetContext(ctx, &id, "INSERT INTO users (name) VALUES ($1) RETURNING id", name)
	return id, err
}

// order is a row of orders.
type order struct {
	UserID int64 `db:"user_id"`
	Cents  int64 `db:"cents"`
}

// PlaceOrders implements shop.Store. The query named by WithOperation has that name on the page and in the metrics.
func (s *Store) PlaceOrders(ctx context.Context, user int64, cents ...int64) error {
	tx, err := s.BeginTxx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	var name string
	get := otelpool.WithOperation(ctx, "get_user")
	if err := tx.GetContext(get, &name, "SELECT name FROM users WHERE id = $1", user); err != nil {
		return err
	}
	var orders []order
	for _, c := range cents {
		orders = append(orders, order{user, c})
	}
	const insert = "INSERT INTO orders (user_id, cents) VALUES (:user_id, :cents)"
	if _, err := tx.NamedExecContext(ctx, insert, orders); err != nil {
		return err
	}
	return tx.Commit()
}

// Orders implements shop.Store.
func (s *Store) Orders(ctx context.Context, user int64) (cents []int64, err error) {
	err = s.SelectContext(ctx, &cents, "SELECT cents FROM orders WHERE user_id = $1 ORDER BY id", user)
	return cents, err
}

// Leak implements shop.Store. It reads one of several rows, and does not close them.
func (s *Store) Leak(ctx context.Context) (end func() error, err error) {
	rows, err := s.QueryxContext(ctx, "SELECT name FROM users")
	if err != nil {
		return nil, err
	}
	rows.Next()
	return rows.Close, nil
}
