// Package ent implements the shop with ent's driver and SQL builder.
//
// It has no generated code, because that of two entities has some six thousand lines. Generated code uses the same
// driver, by ent.NewClient(ent.Driver(driver)); pass its package to WithStackSkip.
package ent

import (
	"context"

	"entgo.io/ent/dialect"
	"entgo.io/ent/dialect/sql"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/otelpool"
	"github.com/otelpool/otelpool-go/otelpool/sqldb"
)

// Store is a shop.Store.
type Store struct{ *sql.Driver }

// New returns a store on an instrumented pool.
func New(
	ctx context.Context, config *pgxpool.Config, opts ...otelpool.Option,
) (*Store, *otelpool.Instrumentation, error) {
	db, inst, err := sqldb.OpenWithConfig(ctx, config, opts...)
	if err != nil {
		return nil, nil, err
	}
	return &Store{sql.OpenDB(dialect.Postgres, db)}, inst, nil
}

// build is the builder of statements for PostgreSQL.
var build = sql.Dialect(dialect.Postgres)

// AddUser implements shop.Store.
func (s *Store) AddUser(ctx context.Context, name string) (id int64, err error) {
	query, args := build.Insert("users").Columns("name").Values(name).Returning("id").Query()
	var rows sql.Rows
	if err := s.Query(ctx, query, args, &rows); err != nil {
		return 0, err
	}
	defer rows.Close()
	return sql.ScanInt64(&rows)
}

// PlaceOrders implements shop.Store.
func (s *Store) PlaceOrders(ctx context.Context, user int64, cents ...int64) error {
	tx, err := s.Tx(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := selectInts(ctx, tx, build.Select("id").From(sql.Table("users")).Where(sql.EQ("id", user))); err != nil {
		return err
	}
	insert := build.Insert("orders").Columns("user_id", "cents")
	for _, c := range cents {
		insert.Values(user, c)
	}
	query, args := insert.Query()
	if err := tx.Exec(ctx, query, args, nil); err != nil {
		return err
	}
	return tx.Commit()
}

// Orders implements shop.Store.
func (s *Store) Orders(ctx context.Context, user int64) (cents []int64, err error) {
	return selectInts(ctx, s, build.Select("cents").From(sql.Table("orders")).Where(sql.EQ("user_id", user)).OrderBy("id"))
}

func selectInts(ctx context.Context, on dialect.ExecQuerier, selector *sql.Selector) (ints []int64, err error) {
	query, args := selector.Query()
	var rows sql.Rows
	if err := on.Query(ctx, query, args, &rows); err != nil {
		return nil, err
	}
	defer rows.Close()
	err = sql.ScanSlice(&rows, &ints)
	return ints, err
}

// Leak implements shop.Store. It begins a transaction and does not end it.
func (s *Store) Leak(ctx context.Context) (end func() error, err error) {
	tx, err := s.Tx(ctx)
	if err != nil {
		return nil, err
	}
	_, err = selectInts(ctx, tx, build.Select("id").From(sql.Table("users")))
	return tx.Rollback, err
}
