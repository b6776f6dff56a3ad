package otelpooltest_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/otelpool"
	"github.com/otelpool/otelpool-go/otelpool/otelpooltest"
)

// getUser stands for the code under test.
func getUser(ctx context.Context, pool *pgxpool.Pool, name string) (id uint32, err error) {
	ctx = otelpool.WithOperation(ctx, "get_user")
	err = pool.QueryRow(ctx, "SELECT oid FROM pg_roles WHERE rolname = $1", name).Scan(&id)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, nil
	}
	return id, err
}

func TestUserIsReadInOneQuery(t *testing.T) {
	rec := otelpooltest.NewRecorder(t)
	pool, inst, err := otelpool.New(t.Context(), os.Getenv("DATABASE_URL"), rec.Option(), otelpool.WithLongHold(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if otelpooltest.AssertNoLeaks(t, inst) {
			pool.Close() // waits for every connection, so it would hang on a leak
		}
		inst.Unregister()
	})

	getUser(t.Context(), pool, "postgres")

	if n := rec.Operations("get_user"); n != 1 {
		t.Errorf("%d queries for one user", n)
	}
}

func ExampleRecorder() {
	t := new(testing.T) // the test's
	ctx := context.Background()
	rec := otelpooltest.NewRecorder(t)
	pool, inst, err := otelpool.New(ctx, os.Getenv("DATABASE_URL"), rec.Option())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer pool.Close()
	defer inst.Unregister()

	for _, name := range []string{"ann", "bob", "carl"} {
		getUser(ctx, pool, name)
	}
	pool.Exec(otelpool.WithOperation(ctx, "bad_query"), "SELECT 1/0")

	fmt.Println(rec.OperationNames())
	fmt.Println(rec.Operations("get_user"), "reads,", rec.Failures("get_user", ""), "failed")
	fmt.Println(rec.Failures("bad_query", "22012"), "division by zero")
	fmt.Println(rec.Value("pgxpool.peak"), "connection at a time")
	fmt.Println(rec.Value("db.client.connection.timeouts"), "timeouts")
	// Output:
	// [bad_query get_user]
	// 3 reads, 0 failed
	// 1 division by zero
	// 1 connection at a time
	// 0 timeouts
}

func ExampleAssertNoLeaks() {
	t := new(testing.T) // the test's
	ctx := context.Background()
	rec := otelpooltest.NewRecorder(t)
	pool, inst, err := otelpool.New(ctx, os.Getenv("DATABASE_URL"), rec.Option())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer inst.Unregister()

	_, err = getUser(ctx, pool, "ann")

	fmt.Println(otelpooltest.AssertNoLeaks(t, inst), err)
	pool.Close()
	// Output: true <nil>
}
