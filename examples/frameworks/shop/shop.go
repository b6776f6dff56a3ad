// Package shop has the work of this module's programs, each with a different library: users place orders.
package shop

import (
	"context"
	"fmt"

	"github.com/otelpool/otelpool-go/otelpool"
)

// Store keeps users and orders in PostgreSQL.
type Store interface {
	AddUser(ctx context.Context, name string) (id int64, err error)
	PlaceOrders(ctx context.Context, user int64, cents ...int64) error
	Orders(ctx context.Context, user int64) (cents []int64, err error)

	// Leak leaves a transaction or rows open, like a program that forgets them. The returned function ends them.
	Leak(ctx context.Context) (end func() error, err error)
	Close() error
}

// Program is a Store and its traffic.
type Program struct{ Store }

// Run does the requests of one user. In a service a middleware calls WithScope, with the route as the name.
func (p Program) Run(ctx context.Context) error {
	user, err := p.AddUser(otelpool.WithScope(ctx, "POST /users"), "Ada")
	if err != nil {
		return err
	}
	if err := p.PlaceOrders(otelpool.WithScope(ctx, "POST /orders"), user, 1250, 800); err != nil {
		return err
	}
	orders, err := p.Orders(otelpool.WithScope(ctx, "GET /orders"), user)
	if err == nil && len(orders) != 2 {
		err = fmt.Errorf("user %d has %d orders, want 2", user, len(orders))
	}
	return err
}

// Leak leaves something open in a request.
func (p Program) Leak(ctx context.Context) (end func() error, err error) {
	return p.Store.Leak(otelpool.WithScope(ctx, "GET /report"))
}
