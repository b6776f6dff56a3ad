package scenarios

import (
	"context"
	"math"
	"math/rand/v2"

	"github.com/jackc/pgx/v5"
)

// The statements of the shop, most of them with names as sqlc writes them.
const (
	takesTime    = "WITH took AS MATERIALIZED (SELECT work($1, $2)) "
	listProducts = "-- name: ListProducts :many\n" + takesTime + "SELECT name, price FROM took, products WHERE category = $3"
	getProduct   = "-- name: GetProduct :one\n" + takesTime + "SELECT name FROM took, products WHERE id = $3"
	getStock     = "-- name: GetStock :one\n" + takesTime + "SELECT n FROM took, stock WHERE product = $3"
	getCart      = "-- name: GetCart :many\n" + takesTime + "SELECT product, n FROM took, carts WHERE customer = $3"
	addToCart    = "-- name: AddToCart :exec\n" + takesTime + "INSERT INTO carts SELECT $3, $4::int, 1 FROM took " +
		"ON CONFLICT (customer, product) DO UPDATE SET n = carts.n + 1"
	reserveStock = "-- name: ReserveStock :exec\n" + takesTime + "UPDATE stock SET n = n - 1 FROM took WHERE product = $3"
	insertOrder  = "-- name: InsertOrder :exec\n" + takesTime + "INSERT INTO orders (customer, product) SELECT $3::int, $4::int FROM took"
	listOrders   = "-- name: ListOrders :many\n" + takesTime + "SELECT product FROM took, orders WHERE customer = $3 LIMIT 20"
	getUser      = "-- name: GetUser :one\n" + takesTime + "SELECT name FROM took, users WHERE id = $3"
	insertLogin  = "-- name: InsertLogin :exec\n" + takesTime + "INSERT INTO logins (customer) SELECT $3::int FROM took"
	search       = takesTime + "SELECT name FROM took, products WHERE name LIKE '%' || $3 || '%' LIMIT 10"
	salesReport  = "-- name: SalesReport :many\n" + takesTime + "SELECT o.id, p.name, p.price FROM took, orders o JOIN products p " +
		"ON p.id = o.product WHERE o.id <= 400"
	takeOutbox   = takesTime + "SELECT id FROM took, outbox ORDER BY id LIMIT 1 FOR UPDATE OF outbox SKIP LOCKED"
	touchSession = takesTime + "SELECT count(*) FROM took, logins WHERE customer = $3 AND at > now() - interval '1 second'"
)

// querier is a pool, a connection or a transaction.
type querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// request is one unit of work.
type request struct {
	rng      *rand.Rand
	customer int
	product  int
}

// query runs a statement of the shop, and returns its number of rows. Its time varies like that of real statements:
// most are faster than the mean, a few much slower.
func (r *request) query(ctx context.Context, q querier, name, sql string, args ...any) (int, error) {
	rows, err := q.Query(ctx, sql, r.args(name, args)...)
	if err != nil {
		return 0, err
	}
	n := 0
	for rows.Next() {
		n++
	}
	return n, rows.Err()
}

// args returns the arguments of a statement. The first two are its name and how much longer it takes than usual.
func (r *request) args(name string, args []any) []any {
	const spread = 0.4
	return append([]any{name, math.Exp(spread*r.rng.NormFloat64() - spread*spread/2)}, args...)
}
