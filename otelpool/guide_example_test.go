package otelpool_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/otelpool"
	"github.com/otelpool/otelpool-go/otelpool/otelpooltest"
)

// productionConfig takes a preset and changes it: in the program, by the connection string, by the environment.
func productionConfig(connString string) (*pgxpool.Config, error) {
	config, err := pgxpool.ParseConfig(connString)
	if err != nil {
		return nil, err
	}
	sizing := otelpool.Production
	sizing.MaxOverflow = 10
	if sizing, err = sizing.FromConfig(config); err != nil { // ?pool_size=30&pool_timeout=5s
		return nil, err
	}
	if sizing, err = sizing.FromEnv(); err != nil { // OTELPOOL_SIZING_POOL_SIZE=30
		return nil, err
	}
	return config, sizing.Apply(config)
}

func ExampleSizing_FromEnv() {
	config, err := productionConfig("host=localhost pool_size=30")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(config.MaxConns)
	// Output: 40
}

// listRoles asks callers to retry later when the pool is full.
func listRoles(pool *pgxpool.Pool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		rows, err := pool.Query(r.Context(), "SELECT rolname::text FROM pg_roles")
		if timeout, ok := errors.AsType[*otelpool.AcquireTimeoutError](err); ok {
			slog.Warn("pool is full", "in_use", timeout.InUse, "max", timeout.Max, "waiting", timeout.Waiting)
			w.Header().Set("Retry-After", "1")
			http.Error(w, "busy", http.StatusServiceUnavailable)
			return
		}
		names, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			http.Error(w, "the database did not answer", http.StatusBadGateway)
			return
		}
		fmt.Fprintln(w, names)
	}
}

// dial makes a pool's first connection, however long that takes: one that was dialed too late for an acquire is kept.
func dial(ctx context.Context, pool *pgxpool.Pool) error {
	for {
		if err := pool.Ping(ctx); !errors.Is(err, otelpool.ErrAcquireTimeout) {
			return err
		}
	}
}

func ExampleAcquireTimeoutError() {
	ctx := context.Background()
	config, err := pgxpool.ParseConfig(os.Getenv("DATABASE_URL"))
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := (otelpool.Sizing{PoolSize: 1, Timeout: time.Second}).Apply(config); err != nil {
		fmt.Println(err)
		return
	}
	pool, inst, err := otelpool.NewWithConfig(ctx, config)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer inst.Unregister()
	defer pool.Close()
	if err := dial(ctx, pool); err != nil {
		fmt.Println(err)
		return
	}

	ask := func() int {
		answer := httptest.NewRecorder()
		listRoles(pool)(answer, httptest.NewRequest(http.MethodGet, "/roles", nil))
		return answer.Code
	}
	fmt.Println(ask())
	conn, err := pool.Acquire(ctx) // the only one
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(ask())
	conn.Release()
	fmt.Println(ask())
	// Output:
	// 200
	// 503
	// 200
}

type user struct {
	Name  string
	Roles []string
}

// getUserWithRoles is one operation, whatever becomes of its SQL.
func getUserWithRoles(ctx context.Context, pool *pgxpool.Pool, id uint32) (user, error) {
	ctx = otelpool.WithOperation(ctx, "get_user_with_roles")
	rows, err := pool.Query(ctx, `
		SELECT r.rolname AS name, array(SELECT g.rolname::text FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid WHERE m.member = r.oid) AS roles
		FROM pg_roles r WHERE r.oid = $1`, id)
	if err != nil {
		return user{}, err
	}
	return pgx.CollectExactlyOneRow(rows, pgx.RowToStructByName[user])
}

// An operation goes by its name in every metric that has the label operation.
func ExampleWithOperation_function() {
	t := new(testing.T) // a test's
	ctx := context.Background()
	rec := otelpooltest.NewRecorder(t)
	pool, inst, err := otelpool.New(ctx, os.Getenv("DATABASE_URL"), rec.Option())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer inst.Unregister()
	defer pool.Close()

	if _, err := getUserWithRoles(ctx, pool, 10); err != nil {
		fmt.Println(err)
	}
	fmt.Println(rec.Operations("get_user_with_roles"))
	// Output: 1
}
