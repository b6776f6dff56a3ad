package scenarios

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/otelpool"
)

type begin = func(ctx context.Context, e *env) (repair func() error, err error)

// works replaces the work of a unit.
func works(name string, does work) begin {
	return func(_ context.Context, e *env) (func() error, error) {
		return e.Service.change(func(s *service) { s.unit(name).work = does }), nil
	}
}

// both starts two troubles, and repairs the second first.
func both(one, two begin) begin {
	return func(ctx context.Context, e *env) (func() error, error) {
		first, err := one(ctx, e)
		if err != nil {
			return nil, err
		}
		second, err := two(ctx, e)
		if err != nil {
			return nil, errors.Join(err, first())
		}
		return func() error { return errors.Join(second(), first()) }, nil
	}
}

// leak makes a report keep its connection, leakRows leave its rows open.
var (
	leak = keeps(func(ctx context.Context, s *service, r *request) (release func(), err error) {
		conn, err := s.pool.Acquire(ctx)
		if err != nil {
			return nil, err
		}
		_, err = r.query(ctx, conn, "SalesReport", salesReport)
		return conn.Release, err
	})
	leakRows = keeps(func(ctx context.Context, s *service, r *request) (release func(), err error) {
		// The request ends before its rows do.
		rows, err := s.pool.Query(context.WithoutCancel(ctx), salesReport, r.args("SalesReport", nil)...)
		if err != nil {
			return nil, err
		}
		rows.Next()
		return rows.Close, nil
	})
)

// keeps makes a report, at most one every two seconds, not release what it takes. The repair releases it, like a
// restart.
func keeps(take func(context.Context, *service, *request) (release func(), err error)) begin {
	return func(_ context.Context, e *env) (func() error, error) {
		var mu sync.Mutex
		var kept []func()
		var last time.Time
		undo := e.Service.change(func(s *service) {
			s.unit(report).work = func(ctx context.Context, s *service, r *request) error {
				release, err := take(ctx, s, r)
				if release == nil {
					return err
				}
				mu.Lock()
				defer mu.Unlock()
				if time.Since(last) < 2*time.Second {
					release()
					return err
				}
				last = time.Now()
				kept = append(kept, release)
				return err
			}
		})
		return func() error {
			err := undo()
			mu.Lock()
			defer mu.Unlock()
			for _, release := range kept {
				release()
			}
			last = time.Now().Add(time.Hour) // running reports keep nothing more
			return err
		}, nil
	}
}

// audited is a checkout whose transaction writes to the audit log over a second connection.
func audited(ctx context.Context, s *service, r *request) error {
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := r.query(ctx, tx, "GetCart", getCart, r.customer); err != nil {
			return err
		}
		_, err := r.query(ctx, s.pool, "InsertOrder", insertOrder, r.customer, r.product)
		return err
	})
}

// nestedDeadlock makes checkouts acquire twice, and more frequent.
func nestedDeadlock(_ context.Context, e *env) (func() error, error) {
	return e.Service.change(func(s *service) {
		s.unit(checkout).work = audited
		s.unit(checkout).share *= 6
	}), nil
}

// nested makes product pages acquire a connection for the stock while they hold one.
var nested = works(product, held(func(ctx context.Context, s *service, r *request, conn *pgxpool.Conn) error {
	if _, err := r.query(ctx, conn, "GetProduct", getProduct, r.product); err != nil {
		return err
	}
	_, err := r.query(ctx, s.pool, "GetStock", getStock, r.product)
	return err
}))

// idleInTransaction runs a job that locks the stock, and then waits for something else in its transaction.
func idleInTransaction(ctx context.Context, e *env) (func() error, error) {
	conn, err := e.Pool.Acquire(otelpool.WithScope(ctx, job))
	if err != nil {
		return nil, err
	}
	tx, err := conn.Begin(ctx)
	if err == nil {
		_, err = tx.Exec(ctx, "UPDATE stock SET n = n + 100")
	}
	if err != nil {
		conn.Release()
		return nil, err
	}
	return func() error {
		defer conn.Release()
		return tx.Commit(ctx)
	}, nil
}

// heldIdle makes logins hold a connection while they call another service for two seconds.
var heldIdle = works(login, held(func(ctx context.Context, s *service, r *request, conn *pgxpool.Conn) error {
	if _, err := r.query(ctx, conn, "GetUser", getUser, r.customer); err != nil {
		return err
	}
	if err := sleep(ctx, 2*time.Second); err != nil {
		return err
	}
	_, err := r.query(ctx, conn, "InsertLogin", insertLogin, r.customer)
	return err
}))

// slowReader makes reports take 3 ms for each of their rows.
var slowReader = works(report, func(ctx context.Context, s *service, r *request) error {
	rows, err := s.pool.Query(ctx, salesReport, r.args("SalesReport", nil)...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := sleep(ctx, 3*time.Millisecond); err != nil {
			return err
		}
	}
	return rows.Err()
})

// transactionOpen makes every fourth change of a cart forget its transaction.
var transactionOpen = works(addCart, func(ctx context.Context, s *service, r *request) error {
	if r.rng.IntN(4) != 0 {
		return doAddToCart(ctx, s, r)
	}
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	tx, err := conn.Begin(ctx)
	if err != nil {
		return err
	}
	_, err = r.query(ctx, tx, "AddToCart", addToCart, r.customer, r.product)
	return err
})

// releasedBusy makes every fourth list of products release its connection with open rows.
var releasedBusy = works(products, held(func(ctx context.Context, s *service, r *request, conn *pgxpool.Conn) error {
	if r.rng.IntN(4) != 0 {
		_, err := r.query(ctx, conn, "ListProducts", listProducts, byCategory(r)...)
		return err
	}
	rows, err := conn.Query(ctx, listProducts, r.args("ListProducts", byCategory(r))...)
	if err == nil {
		rows.Next()
	}
	return err
}))

// sleep waits for d, or for the end of ctx.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// queryForEach makes the list of orders query the product of each order.
var queryForEach = works(orders, held(func(ctx context.Context, s *service, r *request, conn *pgxpool.Conn) error {
	n, err := r.query(ctx, conn, "ListOrders", listOrders, r.customer)
	for i := range n {
		if err == nil {
			_, err = r.query(ctx, conn, "GetProduct", getProduct, 1+i)
		}
	}
	return err
}))

// more makes a unit more frequent.
func more(name string, times float64) begin {
	return func(_ context.Context, e *env) (func() error, error) {
		return e.Service.change(func(s *service) { s.unit(name).share *= times }), nil
	}
}

// retryStorm makes an insert fail, and its callers try ten times.
func retryStorm(ctx context.Context, e *env) (func() error, error) {
	if err := e.exec(ctx, "ALTER TABLE carts ADD CONSTRAINT short CHECK (n < 0) NOT VALID"); err != nil {
		return nil, err
	}
	undo := e.Service.change(func(s *service) {
		s.unit(addCart).work = func(ctx context.Context, s *service, r *request) (err error) {
			for range 10 {
				if err = doAddToCart(ctx, s, r); err == nil {
					return nil
				}
			}
			return err
		}
	})
	return func() error { return errors.Join(undo(), e.exec(ctx, "ALTER TABLE carts DROP CONSTRAINT short")) }, nil
}

// deadlocks makes changes of a cart reserve two products, in any order.
var deadlocks = works(addCart, func(ctx context.Context, s *service, r *request) error {
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		first := 1 + r.rng.IntN(2)
		if _, err := r.query(ctx, tx, "ReserveStock", reserveStock, first); err != nil {
			return err
		}
		if _, err := r.query(ctx, tx, "AddToCart", addToCart, r.customer, r.product); err != nil {
			return err
		}
		_, err := r.query(ctx, tx, "ReserveStock", reserveStock, 3-first)
		return err
	})
})

// shortDeadline gives requests 30 ms.
func shortDeadline(_ context.Context, e *env) (func() error, error) {
	return e.Service.change(func(s *service) { s.timeout = 30 * time.Millisecond }), nil
}

// manyNames puts the search text into the operation's name.
var manyNames = works(searches, func(ctx context.Context, s *service, r *request) error {
	_, err := r.query(otelpool.WithOperation(ctx, fmt.Sprintf("search %d", r.rng.IntN(1_000_000))), s.pool, "search products", search, "1")
	return err
})

// loadGrows makes all requests come three times as often.
func loadGrows(_ context.Context, e *env) (func() error, error) {
	return e.Service.change(func(s *service) { s.load *= 3 }), nil
}

// busyProgram makes goroutines use the processors all the time, twice as many as there are.
func busyProgram(context.Context, *env) (func() error, error) {
	var done atomic.Bool
	for range 2 * runtime.GOMAXPROCS(0) {
		go func() {
			for !done.Load() {
			}
		}()
	}
	return func() error { done.Store(true); return nil }, nil
}
