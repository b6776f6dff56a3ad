// Package gorm implements the shop with GORM.
package gorm

import (
	"context"
	"database/sql"
	"errors"

	"github.com/jackc/pgx/v5/pgxpool"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"

	"github.com/otelpool/otelpool-go/otelpool"
	"github.com/otelpool/otelpool-go/otelpool/sqldb"
)

// User is a row of users.
type User struct {
	ID     int64
	Name   string
	Orders []Order
}

// Order is a row of orders.
type Order struct {
	ID     int64
	UserID int64
	Cents  int64
}

// Store is a shop.Store.
type Store struct {
	db   *gorm.DB
	pool *sql.DB
}

// New returns a store on an instrumented pool.
func New(
	ctx context.Context, config *pgxpool.Config, opts ...otelpool.Option,
) (*Store, *otelpool.Instrumentation, error) {
	pool, inst, err := sqldb.OpenWithConfig(ctx, config, opts...)
	if err != nil {
		return nil, nil, err
	}
	db, err := gorm.Open(postgres.New(postgres.Config{Conn: pool}))
	if err != nil {
		return nil, nil, errors.Join(err, pool.Close())
	}
	return &Store{db, pool}, inst, nil
}

// Open is gorm.Open(postgres.Open(dsn), &gorm.Config{}) on an instrumented pool. gorm.Open pings the sql.DB, so it
// returns its errors.
func Open(ctx context.Context, dsn string) (*gorm.DB, error) {
	conn := sqldb.OpenDB(ctx, dsn, otelpool.WithPoolName("orders"))
	return gorm.Open(postgres.New(postgres.Config{Conn: conn}), &gorm.Config{})
}

// AddUser implements shop.Store.
func (s *Store) AddUser(ctx context.Context, name string) (id int64, err error) {
	user := User{Name: name}
	err = s.db.WithContext(ctx).Create(&user).Error
	return user.ID, err
}

// PlaceOrders implements shop.Store.
func (s *Store) PlaceOrders(ctx context.Context, user int64, cents ...int64) error {
	return s.db.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		if err := tx.First(&User{}, user).Error; err != nil {
			return err
		}
		var orders []Order
		for _, c := range cents {
			orders = append(orders, Order{UserID: user, Cents: c})
		}
		return tx.Create(&orders).Error
	})
}

// Orders implements shop.Store. Preload makes two queries, one after the other.
func (s *Store) Orders(ctx context.Context, user int64) (cents []int64, err error) {
	var u User
	err = s.db.WithContext(ctx).Preload("Orders").First(&u, user).Error
	for _, o := range u.Orders {
		cents = append(cents, o.Cents)
	}
	return cents, err
}

// Leak implements shop.Store. It begins a transaction and does not end it.
func (s *Store) Leak(ctx context.Context) (end func() error, err error) {
	tx := s.db.WithContext(ctx).Begin()
	var users int64
	err = tx.Model(&User{}).Count(&users).Error
	return func() error { return tx.Rollback().Error }, err
}

// Close closes the pool and ends its metrics.
func (s *Store) Close() error { return s.pool.Close() }
