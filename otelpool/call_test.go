package otelpool_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/otelpool"
)

// callCounts are the numbers of operations that were sent, by the key of the series that must record them.
type callCounts struct {
	mu    sync.Mutex
	count map[string]uint64
}

// sent counts an operation. errorType is "" for a success.
func (l *callCounts) sent(operation, errorType string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.count == nil {
		l.count = make(map[string]uint64)
	}
	l.count[operationKey(operation, errorType)]++
}

// check compares the numbers with all that was recorded.
func (l *callCounts) check(t *testing.T, m metrics) {
	t.Helper()
	got := make(map[string]uint64)
	for _, key := range m.keys("db.client.operation.duration") {
		got[key] = m.count(key)
	}
	for _, key := range slices.Sorted(maps.Keys(l.count)) {
		if got[key] != l.count[key] {
			t.Errorf("%s: recorded %d, sent %d", key, got[key], l.count[key])
		}
		delete(got, key)
	}
	for key, n := range got {
		t.Errorf("%s: recorded %d, sent none", key, n)
	}
}

// operationKey returns the key of an operation's duration. errorType is "" for a success, or an SQLSTATE, or another type.
func operationKey(operation, errorType string) string {
	switch {
	case errorType == "":
		return fmt.Sprintf("db.client.operation.duration{db.query.summary=%s}", operation)
	case len(errorType) == 5:
		return fmt.Sprintf("db.client.operation.duration{db.query.summary=%s,db.response.status_code=%s,error.type=%s}", operation, errorType, errorType)
	}
	return fmt.Sprintf("db.client.operation.duration{db.query.summary=%s,error.type=%s}", operation, errorType)
}

// calls are all kinds of calls. Each counts what it sends.
var calls = map[string]func(ctx context.Context, pool *pgxpool.Pool, l *callCounts) error{
	"query": func(ctx context.Context, pool *pgxpool.Pool, l *callCounts) error {
		l.sent("SELECT items", "")
		rows, err := pool.Query(ctx, "SELECT id FROM items LIMIT 3")
		if err != nil {
			return err
		}
		_, err = pgx.CollectRows(rows, pgx.RowTo[int])
		return err
	},
	"query not read to its end": func(ctx context.Context, pool *pgxpool.Pool, l *callCounts) error {
		l.sent("SELECT items", "")
		rows, err := pool.Query(ctx, "SELECT id FROM items")
		if err != nil {
			return err
		}
		rows.Next()
		rows.Close()
		return rows.Err()
	},
	"no rows": func(ctx context.Context, pool *pgxpool.Pool, l *callCounts) error {
		l.sent("SELECT items", "")
		var id int
		err := pool.QueryRow(ctx, "SELECT id FROM items WHERE id < 0").Scan(&id)
		return want(err, pgx.ErrNoRows)
	},
	"scan into the wrong type": func(ctx context.Context, pool *pgxpool.Pool, l *callCounts) error {
		l.sent("SELECT items", "_OTHER")
		var id time.Time
		if err := pool.QueryRow(ctx, "SELECT id FROM items LIMIT 1").Scan(&id); err == nil {
			return errors.New("scanned")
		}
		return nil
	},
	"exec": func(ctx context.Context, pool *pgxpool.Pool, l *callCounts) error {
		l.sent("UPDATE items", "")
		_, err := pool.Exec(ctx, "UPDATE items SET n = n WHERE id = $1", -1)
		return err
	},
	"named by the caller": func(ctx context.Context, pool *pgxpool.Pool, l *callCounts) error {
		l.sent("get_user_with_roles", "")
		_, err := pool.Exec(otelpool.WithOperation(ctx, "get_user_with_roles"), "SELECT 1")
		return err
	},
	"named by sqlc": func(ctx context.Context, pool *pgxpool.Pool, l *callCounts) error {
		l.sent("GetItem", "")
		_, err := pool.Exec(ctx, "\n\n-- generated\n-- name: GetItem :one\nSELECT id FROM items WHERE id = $1", 1)
		return err
	},
	"simple protocol": func(ctx context.Context, pool *pgxpool.Pool, l *callCounts) error {
		l.sent("SELECT items", "")
		_, err := pool.Exec(ctx, "SELECT id FROM items", pgx.QueryExecModeSimpleProtocol)
		return err
	},
	"syntax error": func(ctx context.Context, pool *pgxpool.Pool, l *callCounts) error {
		l.sent("SELECT nowhere", "42P01")
		_, err := pool.Exec(ctx, "SELECT * FROM nowhere")
		return wantState(err, "42P01")
	},
	"constraint": func(ctx context.Context, pool *pgxpool.Pool, l *callCounts) error {
		l.sent("INSERT items", "23505")
		_, err := pool.Exec(ctx, "INSERT INTO items (id, n) VALUES (1, 1)")
		return wantState(err, "23505")
	},
	"raised warning": func(ctx context.Context, pool *pgxpool.Pool, l *callCounts) error {
		l.sent("DO", "")
		_, err := pool.Exec(ctx, "DO $$ BEGIN RAISE WARNING 'careful'; END $$")
		return err
	},
	"raised class 01": func(ctx context.Context, pool *pgxpool.Pool, l *callCounts) error {
		l.sent("DO", "")
		_, err := pool.Exec(ctx, "DO $$ BEGIN RAISE EXCEPTION 'almost' USING ERRCODE = '01004'; END $$")
		return wantState(err, "01004")
	},
	"wrong number of arguments": func(ctx context.Context, pool *pgxpool.Pool, l *callCounts) error {
		l.sent("SELECT", "_OTHER")
		if _, err := pool.Exec(ctx, "SELECT $1::int", 1, 2); err == nil {
			return errors.New("executed")
		}
		return nil
	},
	"canceled while running": func(ctx context.Context, pool *pgxpool.Pool, l *callCounts) error {
		conn, err := pool.Acquire(ctx)
		if err != nil {
			return err
		}
		defer conn.Release()
		l.sent("SELECT pg_sleep", "timeout")
		ctx, cancel := context.WithTimeout(ctx, 2*time.Millisecond)
		defer cancel()
		_, err = conn.Exec(ctx, "SELECT * FROM pg_sleep(2)") // not longer: if the server gets the cancel too early, closing waits
		return want(err, context.DeadlineExceeded)
	},
	"canceled before it began": func(ctx context.Context, pool *pgxpool.Pool, l *callCounts) error {
		conn, err := pool.Acquire(ctx)
		if err != nil {
			return err
		}
		defer conn.Release()
		l.sent("SELECT", "canceled")
		ctx, cancel := context.WithCancel(ctx)
		cancel()
		_, err = conn.Exec(ctx, "SELECT 1")
		return want(err, context.Canceled)
	},
	"busy connection": func(ctx context.Context, pool *pgxpool.Pool, l *callCounts) error {
		conn, err := pool.Acquire(ctx)
		if err != nil {
			return err
		}
		defer conn.Release()
		l.sent("SELECT items", "")
		rows, err := conn.Query(ctx, "SELECT id FROM items")
		if err != nil {
			return err
		}
		l.sent("SELECT", "connection")
		if _, err := conn.Exec(ctx, "SELECT 1"); err == nil {
			return errors.New("executed on a busy connection")
		}
		rows.Close()
		return rows.Err()
	},
	"transaction": func(ctx context.Context, pool *pgxpool.Pool, l *callCounts) error {
		l.sent("BEGIN", "")
		l.sent("INSERT log", "")
		l.sent("COMMIT", "")
		return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, "INSERT INTO log VALUES (1)")
			return err
		})
	},
	"transaction with savepoint rolled back": func(ctx context.Context, pool *pgxpool.Pool, l *callCounts) error {
		l.sent("BEGIN", "")
		l.sent("SAVEPOINT", "")
		l.sent("ROLLBACK TO SAVEPOINT", "")
		l.sent("ROLLBACK", "")
		tx, err := pool.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.Serializable})
		if err != nil {
			return err
		}
		inner, err := tx.Begin(ctx)
		if err != nil {
			return err
		}
		return errors.Join(inner.Rollback(ctx), tx.Rollback(ctx))
	},
	"batch": func(ctx context.Context, pool *pgxpool.Pool, l *callCounts) error {
		l.sent("BATCH", "")
		b := new(pgx.Batch)
		b.Queue("SELECT id FROM items LIMIT 1")
		b.Queue("UPDATE items SET n = n WHERE id = $1", -1)
		return pool.SendBatch(ctx, b).Close()
	},
	"batch read by hand": func(ctx context.Context, pool *pgxpool.Pool, l *callCounts) error {
		l.sent("BATCH SELECT items", "")
		results := pool.SendBatch(ctx, batchOf("SELECT id FROM items LIMIT 1", "SELECT n FROM items LIMIT 1"))
		var id int
		if err := results.QueryRow().Scan(&id); err != nil {
			return err
		}
		if _, err := results.Exec(); err != nil {
			return err
		}
		return results.Close()
	},
	"batch of one": func(ctx context.Context, pool *pgxpool.Pool, l *callCounts) error {
		l.sent("SELECT items", "")
		return pool.SendBatch(ctx, batchOf("SELECT id FROM items LIMIT 1")).Close()
	},
	"batch of one, of a sqlc batch query": func(ctx context.Context, pool *pgxpool.Pool, l *callCounts) error {
		l.sent("BATCH GetItem", "")
		b := new(pgx.Batch)
		b.Queue("-- name: GetItem :batchone\nSELECT id FROM items WHERE id = $1", -1)
		return pool.SendBatch(ctx, b).Close()
	},
	"batch of one, of a long prepared sqlc batch query": func(ctx context.Context, pool *pgxpool.Pool, l *callCounts) error {
		l.sent("PREPARE GetItems", "")
		l.sent("BATCH GetItems", "")
		return pool.AcquireFunc(ctx, func(conn *pgxpool.Conn) error {
			sql := "-- name: GetItems :batchmany\nSELECT id FROM items WHERE id < 0" + strings.Repeat(" OR id < 0", 200)
			name := fmt.Sprint("get items ", rand.Int()) // pgx prepares a name once
			if _, err := conn.Conn().Prepare(ctx, name, sql); err != nil {
				return err
			}
			b := new(pgx.Batch)
			b.Queue(name)
			return conn.SendBatch(ctx, b).Close()
		})
	},
	"batch with a failing query": func(ctx context.Context, pool *pgxpool.Pool, l *callCounts) error {
		l.sent("BATCH INSERT items", "23505")
		return wantState(pool.SendBatch(ctx, batchOf("INSERT INTO items (id, n) VALUES (1, 1)", "INSERT INTO items (id, n) VALUES (1, 1)")).Close(), "23505")
	},
	"batch that fails early": func(ctx context.Context, pool *pgxpool.Pool, l *callCounts) error {
		l.sent("BATCH", "42P01")
		return wantState(pool.SendBatch(ctx, batchOf("SELECT id FROM items LIMIT 1", "SELECT * FROM nowhere")).Close(), "42P01")
	},
	"batch whose callback finds no rows": func(ctx context.Context, pool *pgxpool.Pool, l *callCounts) error {
		l.sent("BATCH SELECT items", "")
		b := new(pgx.Batch)
		var id int
		b.Queue("SELECT id FROM items WHERE id < 0").QueryRow(func(row pgx.Row) error { return row.Scan(&id) })
		b.Queue("SELECT id FROM items WHERE id < 1")
		return want(pool.SendBatch(ctx, b).Close(), pgx.ErrNoRows)
	},
	"empty batch": func(ctx context.Context, pool *pgxpool.Pool, _ *callCounts) error {
		return pool.SendBatch(ctx, new(pgx.Batch)).Close() // pgx sends nothing and calls no tracer
	},
	"copy": func(ctx context.Context, pool *pgxpool.Pool, l *callCounts) error {
		l.sent("COPY public.log", "")
		_, err := pool.CopyFrom(ctx, pgx.Identifier{"public", "log"}, []string{"id"}, pgx.CopyFromRows([][]any{{1}, {2}}))
		return err
	},
	"copy into no table": func(ctx context.Context, pool *pgxpool.Pool, l *callCounts) error {
		l.sent("COPY nowhere", "42P01")
		_, err := pool.CopyFrom(ctx, pgx.Identifier{"nowhere"}, []string{"id"}, pgx.CopyFromRows([][]any{{1}}))
		return wantState(err, "42P01")
	},
	"prepare": func(ctx context.Context, pool *pgxpool.Pool, l *callCounts) error {
		conn, err := pool.Acquire(ctx)
		if err != nil {
			return err
		}
		defer conn.Release()
		name := fmt.Sprintf("statement_%d", rand.Uint64())
		l.sent("PREPARE SELECT items", "")
		if _, err := conn.Conn().Prepare(ctx, name, "SELECT n FROM items WHERE id = $1"); err != nil {
			return err
		}
		if _, err := conn.Conn().Prepare(ctx, name, "SELECT n FROM items WHERE id = $1"); err != nil {
			return err // prepared already: nothing is sent
		}
		l.sent("SELECT items", "")
		_, err = conn.Exec(ctx, name, 1)
		return err
	},
	"prepare nonsense": func(ctx context.Context, pool *pgxpool.Pool, l *callCounts) error {
		conn, err := pool.Acquire(ctx)
		if err != nil {
			return err
		}
		defer conn.Release()
		l.sent("PREPARE SELECT nowhere", "42P01")
		_, err = conn.Conn().Prepare(ctx, "", "SELECT * FROM nowhere")
		return wantState(err, "42P01")
	},
	"ping": func(ctx context.Context, pool *pgxpool.Pool, _ *callCounts) error {
		return pool.Ping(ctx) // no operation
	},
}

// want returns an error unless got is the target.
func want(got, target error) error {
	if !errors.Is(got, target) {
		return fmt.Errorf("got %v, want %v", got, target)
	}
	return nil
}

// wantState returns an error unless err has that SQLSTATE.
func wantState(err error, state string) error {
	var pgErr *pgconn.PgError
	if !errors.As(err, &pgErr) || pgErr.Code != state {
		return fmt.Errorf("got %v, want SQLSTATE %s", err, state)
	}
	return nil
}

// createTables makes the tables that the calls use, in an operation named create_tables.
func createTables(t testing.TB, f fixture) {
	t.Helper()
	ctx := otelpool.WithOperation(context.Background(), "create_tables")
	if _, err := f.pool.Exec(ctx, `CREATE TABLE items (id int PRIMARY KEY, n int);
		CREATE TABLE log (id int);
		INSERT INTO items SELECT i, i FROM generate_series(1, 10) i`, pgx.QueryExecModeSimpleProtocol); err != nil {
		t.Fatal(err)
	}
}

func TestExecModesCountTheSame(t *testing.T) {
	t.Parallel()
	for _, mode := range allModes {
		t.Run(mode.String(), func(t *testing.T) {
			t.Parallel()
			f := setupOn(t, ownDatabase(t), 2, func(c *pgxpool.Config) { c.ConnConfig.DefaultQueryExecMode = mode })
			createTables(t, f)
			l := new(callCounts)
			l.sent("create_tables", "")
			for _, name := range []string{"query", "exec", "no rows", "transaction", "batch", "batch of one", "copy", "constraint", "syntax error"} {
				if err := calls[name](t.Context(), f.pool, l); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
			l.check(t, f.collect(t))
		})
	}
}

// TestCallsAreCountedOnceByName has 16 callers make all kinds of calls, in any order.
func TestCallsAreCountedOnceByName(t *testing.T) {
	t.Parallel()
	f := setupOn(t, ownDatabase(t), 4, nil)
	createTables(t, f)
	l := new(callCounts)
	l.sent("create_tables", "")
	names := slices.Sorted(maps.Keys(calls))
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for _, i := range rand.Perm(len(names)) {
				name := names[i]
				if err := calls[name](context.Background(), f.pool, l); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	}
	wg.Wait()
	m := f.collect(t)
	l.check(t, m)
	released, _ := m.holds()
	checkEqual(t, "releases, by use_time, of acquires, by wait_time", released, m.count(waitTime))
}
