package stack_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/otelpool/otelpool-go/otelpool"
)

// schema is the schema of the load: tables like the demo's.
const schema = `
CREATE TABLE users (id int PRIMARY KEY, name text NOT NULL);
CREATE TABLE roles (user_id int REFERENCES users, role text NOT NULL);
CREATE TABLE accounts (id int PRIMARY KEY, balance bigint NOT NULL);
CREATE TABLE events (kind text NOT NULL, user_id int NOT NULL);
INSERT INTO users SELECT n, 'user ' || n FROM generate_series(1, 100) AS n;
INSERT INTO accounts SELECT n, 1000 FROM generate_series(1, 100) AS n`

// work is the work of one request.
type work func(ctx context.Context, s *service) error

// works lists the kinds of operation that the demo has.
var works = []work{
	func(ctx context.Context, s *service) error {
		var name string
		return s.pool.QueryRow(otelpool.WithOperation(ctx, "get_user_with_roles"), "SELECT name FROM users WHERE id = $1", anyone()).Scan(&name)
	},
	func(ctx context.Context, s *service) error {
		rows, err := s.pool.Query(ctx, "SELECT name FROM users WHERE id > $1 ORDER BY id LIMIT 10", anyone())
		if err != nil {
			return err
		}
		_, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	},
	func(ctx context.Context, s *service) error {
		_, err := s.pool.Exec(otelpool.WithOperation(ctx, "report_roles"), "SELECT count(*) FROM roles, pg_sleep(0.005)")
		return err
	},
	func(ctx context.Context, s *service) error {
		return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
			_, err := tx.Exec(otelpool.WithOperation(ctx, "take_from_account"), "UPDATE accounts SET balance = balance - 1 WHERE id = $1", anyone())
			return err
		})
	},
	func(ctx context.Context, s *service) error {
		batch := new(pgx.Batch)
		batch.Queue("SELECT count(*) FROM users")
		batch.Queue("SELECT count(*) FROM roles")
		return s.pool.SendBatch(otelpool.WithOperation(ctx, "load_dashboard"), batch).Close()
	},
	func(ctx context.Context, s *service) error {
		_, err := s.pool.CopyFrom(otelpool.WithOperation(ctx, "import_events"), pgx.Identifier{"events"}, []string{"kind", "user_id"},
			pgx.CopyFromSlice(5, func(int) ([]any, error) { return []any{"login", anyone()}, nil }))
		return err
	},
	func(ctx context.Context, s *service) error {
		_, err := s.pool.Exec(otelpool.WithOperation(ctx, "grant_role"), "INSERT INTO roles VALUES ($1, 'x')", -anyone())
		if pgErr, ok := errors.AsType[*pgconn.PgError](err); !ok || pgErr.Code != "23503" {
			return fmt.Errorf("a role for nobody: %w", err)
		}
		return nil
	},
}

func anyone() int { return 1 + rand.IntN(100) }

// migrate creates the tables.
func (s *service) migrate(t *testing.T) {
	t.Helper()
	if _, err := s.pool.Exec(otelpool.WithOperation(t.Context(), "migrate"), schema); err != nil {
		t.Fatal(err)
	}
}

// load is a number of callers that use the pool without a pause.
type load struct {
	done atomic.Int64 // number of completed works
	stop chan struct{}
	wg   sync.WaitGroup
	errs []error
}

// startLoad starts callers that use the pool until the load ends.
func (s *service) startLoad(t *testing.T, callers int) *load {
	t.Helper()
	l := &load{stop: make(chan struct{}), errs: make([]error, callers)}
	ctx := context.WithoutCancel(t.Context())
	for n := range callers {
		l.wg.Go(func() {
			for i := n; l.errs[n] == nil; i++ {
				select {
				case <-l.stop:
					return
				default:
				}
				l.errs[n] = works[i%len(works)](otelpool.WithScope(ctx, ""), s)
				l.done.Add(1)
			}
		})
	}
	return l
}

// end waits until every caller has finished.
func (l *load) end(t *testing.T) {
	t.Helper()
	close(l.stop)
	l.wg.Wait()
	if err := errors.Join(l.errs...); err != nil {
		t.Fatal(err)
	}
}
