package scenarios

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/otelpool"
)

type work func(ctx context.Context, s *service, r *request) error

type unit struct {
	name     string
	share    float64  // of all units
	does     []string // its operations, from which its time is computed
	work     work
	unscoped bool // not named by otelpool.WithScope
}

// The names of units of work that rows of the table mention.
const (
	checkout = "POST /checkout"
	login    = "POST /login"
	addCart  = "POST /cart"
	report   = "GET /report"
	product  = "GET /product"
	orders   = "GET /orders"
	cart     = "GET /cart"
	products = "GET /products"
	searches = "search products"
	job      = "job reprice"
)

// units are the units of work of the shop.
var units = []unit{
	{name: products, share: 20, does: []string{"ListProducts"}, work: one("ListProducts", listProducts, byCategory)},
	{name: product, share: 20, does: []string{"GetProduct", "GetStock"}, work: doProduct},
	{name: cart, share: 10, does: []string{"GetCart"}, work: one("GetCart", getCart, byCustomer)},
	{name: addCart, share: 8, does: []string{"AddToCart"}, work: doAddToCart},
	{name: checkout, share: 8, does: []string{"GetCart", "ReserveStock", "InsertOrder"}, work: doCheckout},
	{name: orders, share: 10, does: []string{"ListOrders"}, work: one("ListOrders", listOrders, byCustomer)},
	{name: login, share: 6, does: []string{"GetUser", "InsertLogin"}, work: doLogin},
	{name: report, share: 3, does: []string{"SalesReport"}, work: one("SalesReport", salesReport, byNothing)},
	{name: searches, share: 8, does: []string{"search products"}, work: oneNamed("search products", search, byText), unscoped: true},
	{name: "outbox", share: 3, does: []string{"outbox"}, work: doOutbox, unscoped: true},
	{name: "touch session", share: 4, does: []string{"touch session"}, work: oneNamed("touch session", touchSession, byCustomer), unscoped: true},
}

// one returns the work of a unit that runs one statement, with arguments of the request.
func one(name, sql string, args func(*request) []any) work {
	return func(ctx context.Context, s *service, r *request) error {
		_, err := r.query(ctx, s.pool, name, sql, args(r)...)
		return err
	}
}

// oneNamed is one with a name by otelpool.WithOperation.
func oneNamed(name, sql string, args func(*request) []any) work {
	return func(ctx context.Context, s *service, r *request) error {
		return one(name, sql, args)(otelpool.WithOperation(ctx, name), s, r)
	}
}

func byNothing(*request) []any    { return nil }
func byCategory(r *request) []any { return []any{r.product % 10} }
func byCustomer(r *request) []any { return []any{r.customer} }
func byBoth(r *request) []any     { return []any{r.customer, r.product} }
func byText(*request) []any       { return []any{"1"} }

var doAddToCart = one("AddToCart", addToCart, byBoth)

// held returns work that holds one connection all the time.
func held(does func(ctx context.Context, s *service, r *request, conn *pgxpool.Conn) error) work {
	return func(ctx context.Context, s *service, r *request) error {
		return s.pool.AcquireFunc(ctx, func(conn *pgxpool.Conn) error { return does(ctx, s, r, conn) })
	}
}

var doProduct = held(func(ctx context.Context, _ *service, r *request, conn *pgxpool.Conn) error {
	if _, err := r.query(ctx, conn, "GetProduct", getProduct, r.product); err != nil {
		return err
	}
	_, err := r.query(ctx, conn, "GetStock", getStock, r.product)
	return err
})

func doCheckout(ctx context.Context, s *service, r *request) error {
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := r.query(ctx, tx, "GetCart", getCart, r.customer); err != nil {
			return err
		}
		if _, err := r.query(ctx, tx, "ReserveStock", reserveStock, r.product); err != nil {
			return err
		}
		_, err := r.query(ctx, tx, "InsertOrder", insertOrder, r.customer, r.product)
		return err
	})
}

func doLogin(ctx context.Context, s *service, r *request) error {
	if _, err := r.query(ctx, s.pool, "GetUser", getUser, r.customer); err != nil {
		return err
	}
	_, err := r.query(ctx, s.pool, "InsertLogin", insertLogin, r.customer)
	return err
}

func doOutbox(ctx context.Context, s *service, r *request) error {
	ctx = otelpool.WithOperation(ctx, "outbox")
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		_, err := r.query(ctx, tx, "outbox", takeOutbox)
		return err
	})
}
