// Package bun implements the shop with bun.
package bun

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/pgdialect"

	"github.com/otelpool/otelpool-go/otelpool"
	"github.com/otelpool/otelpool-go/otelpool/sqldb"
)

// User is a row of users.
type User struct {
	ID     int64    `bun:",pk,autoincrement"`
	Name   string   `bun:",notnull"`
	Orders []*Order `bun:"rel:has-many,join:id=user_id"`
}

// Order is a row of orders.
type Order struct {
	ID     int64 `bun:",pk,autoincrement"`
	UserID int64 `bun:",notnull"`
	Cents  int64 `bun:",notnull"`
}

// Store is a shop.Store.
type Store struct{ *bun.DB }

// New returns a store on an instrumented pool. bun writes values into the text of a query, so there is no use in
// preparing it.
func New(
	ctx context.Context, config *pgxpool.Config, opts ...otelpool.Option,
) (*Store, *otelpool.Instrumentation, error) {
	config = config.Copy()
	config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec
	pool, inst, err := sqldb.OpenWithConfig(ctx, config, opts...)
	if err != nil {
		return nil, nil, err
	}
	return &Store{bun.NewDB(pool, pgdialect.New())}, inst, nil
}

// AddUser implements shop.Store.
func (s *Store) AddUser(ctx context.Context, name string) (id int64, err error) {
	user := User{Name: name}
	_, err = s.NewInsert().Model(&user).Exec(ctx)
	return user.ID, err
}

// PlaceOrders implements shop.Store.
func (s *Store) PlaceOrders(ctx context.Context, user int64, cents ...int64) error {
	return s.RunInTx(ctx, nil, func(ctx context.Context, tx bun.Tx) error {
		u := User{ID: user}
		if err := tx.NewSelect().Model(&u).WherePK().Scan(ctx); err != nil {
			return err
		}
		var orders []*Order
		for _, c := range cents {
			orders = append(orders, &Order{UserID: user, Cents: c})
		}
		_, err := tx.NewInsert().Model(&orders).Exec(ctx)
		return err
	})
}

// Orders implements shop.Store. Relation makes two queries, one after the other.
func (s *Store) Orders(ctx context.Context, user int64) (cents []int64, err error) {
	u := User{ID: user}
	err = s.NewSelect().Model(&u).WherePK().Relation("Orders").Scan(ctx)
	for _, o := range u.Orders {
		cents = append(cents, o.Cents)
	}
	return cents, err
}

// Leak implements shop.Store. It begins a transaction and does not end it.
func (s *Store) Leak(ctx context.Context) (end func() error, err error) {
	tx, err := s.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	_, err = tx.NewSelect().Model((*User)(nil)).Count(ctx)
	return tx.Rollback, err
}
