package otelpool_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/otelpool"
	"github.com/otelpool/otelpool-go/otelpool/otelpooltest"
)

// Who holds connections, now and for long.
func ExampleWithLongHold() {
	ctx := context.Background()
	pool, inst, err := otelpool.New(ctx, os.Getenv("DATABASE_URL"),
		otelpool.WithLongHold(60*time.Second), // logged once while it lasts, and once when it ends
		otelpool.WithLogger(slog.Default()),
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer inst.Unregister()
	defer pool.Close()

	conn, err := pool.Acquire(otelpool.WithOperation(ctx, "export_orders"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Release()
	if _, err := conn.Exec(ctx, "SELECT count(*) FROM pg_class"); err != nil {
		fmt.Println(err)
	}

	for _, hold := range inst.Held() { // the oldest first
		fmt.Printf("%s: %s, running %t, acquired by %s\n", hold.Operation, hold.Query, hold.Running, path.Base(hold.Stack[0].Function))
	}
	// Output: export_orders: SELECT pg_class, running false, acquired by otelpool_test.ExampleWithLongHold
}

// Ways to use a connection that cannot forget to give it back.
func Example_giveBack() {
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

	fmt.Println(giveBack(ctx, pool), len(inst.Held()))
	// Output: <nil> 0
}

func giveBack(ctx context.Context, pool *pgxpool.Pool) error {
	// Exec releases its connection immediately, QueryRow with Scan, Query when its rows are closed: CollectRows and
	// ForEachRow do it, whatever happens.
	rows, err := pool.Query(ctx, "SELECT rolname::text FROM pg_roles")
	if err != nil {
		return err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	// A transaction that is committed, or rolled back on an error and on a panic.
	err = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "CREATE TEMPORARY TABLE names (name text) ON COMMIT DROP")
		return err
	})
	if err != nil {
		return err
	}
	// One connection for several statements that belong together.
	return pool.AcquireFunc(ctx, func(conn *pgxpool.Conn) error {
		if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock(42)"); err != nil {
			return err
		}
		defer conn.Exec(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock(42)")
		return notify(ctx, conn, names)
	})
}

// notify stands for work on one connection.
func notify(ctx context.Context, conn *pgxpool.Conn, names []string) error {
	_, err := conn.Exec(ctx, "SELECT pg_notify('roles', $1)", strings.Join(names, " "))
	return err
}

// scoped names the holds of a route, and has each of its requests hold one connection at a time, or be counted.
func scoped(route string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(otelpool.WithScope(r.Context(), route)))
	})
}

// A handler that takes a second connection while it holds one is found before it deadlocks the pool.
func ExampleWithScope() {
	t := new(testing.T) // a test's
	rec := otelpooltest.NewRecorder(t)
	pool, inst, err := otelpool.New(context.Background(), os.Getenv("DATABASE_URL"), rec.Option())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer inst.Unregister()
	defer pool.Close()

	handler := scoped("GET /", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tx, err := pool.Begin(r.Context())
		if err != nil {
			http.Error(w, "no connection", http.StatusServiceUnavailable)
			return
		}
		defer tx.Rollback(r.Context())
		pool.Exec(r.Context(), "SELECT 1") // of the pool, where tx was meant
	}))
	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil))

	fmt.Println(rec.Value("pgxpool.nested_acquires"))
	// Output: 1
}
