package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

// rows is the size of the table users.
const rows = 100

// operation holds the labels that distinguish the samples of db_query_duration_seconds.
type operation struct{ name, errorType string }

type opCounts map[operation]float64

// work uses the pool in one way and counts the operations it sends. Operations that sleep in the database sleep for
// pause.
type work func(ctx context.Context, s *service, pause time.Duration, sent opCounts) error

var kinds = []work{
	func(ctx context.Context, s *service, pause time.Duration, sent opCounts) error {
		sent[operation{name: "get_user_with_roles"}]++
		var id int
		return s.pool.QueryRow(otelpool.WithOperation(ctx, "get_user_with_roles"),
			"SELECT id FROM users, pg_sleep($2) WHERE id = $1", 1+rand.IntN(rows), pause.Seconds()).Scan(&id)
	},
	func(ctx context.Context, s *service, pause time.Duration, sent opCounts) error {
		sent[operation{name: "CountUsers"}]++
		rows, err := s.pool.Query(ctx, "-- name: CountUsers :one\nSELECT count(*) FROM users, pg_sleep($1)", pause.Seconds())
		if err != nil {
			return err
		}
		_, err = pgx.CollectExactlyOneRow(rows, pgx.RowTo[int])
		return err
	},
	func(ctx context.Context, s *service, pause time.Duration, sent opCounts) error {
		sent[operation{name: "UPDATE users"}]++
		_, err := s.pool.Exec(ctx, "UPDATE users SET visits = visits + 1 WHERE id = $1", 1+rand.IntN(rows))
		return err
	},
	func(ctx context.Context, s *service, pause time.Duration, sent opCounts) error {
		sent[operation{name: "BEGIN"}]++
		sent[operation{name: "SELECT users"}]++
		sent[operation{name: "COMMIT"}]++
		return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
			_, err := tx.Exec(ctx, "SELECT visits FROM users WHERE id = $1 FOR SHARE", 1+rand.IntN(rows))
			return err
		})
	},
	func(ctx context.Context, s *service, pause time.Duration, sent opCounts) error {
		sent[operation{name: "count_visit_batch"}]++
		batch := new(pgx.Batch)
		for range 3 {
			batch.Queue("SELECT visits FROM users WHERE id = $1", 1+rand.IntN(rows))
		}
		return s.pool.SendBatch(otelpool.WithOperation(ctx, "count_visit_batch"), batch).Close()
	},
	func(ctx context.Context, s *service, pause time.Duration, sent opCounts) error {
		sent[operation{"divide", "22012"}]++
		_, err := s.pool.Exec(otelpool.WithOperation(ctx, "divide"), "SELECT 1/0")
		if pgErr := (*pgconn.PgError)(nil); !errors.As(err, &pgErr) || pgErr.Code != "22012" {
			return fmt.Errorf("division by zero: %w", err)
		}
		return nil
	},
}

// load is a number of callers that use the pool without a pause.
type load struct {
	pause time.Duration
	stop  chan struct{}
	wg    sync.WaitGroup

	mu   sync.Mutex
	sent opCounts
	errs []error
}

func (s *service) start(t *testing.T, callers int, pause time.Duration) *load {
	t.Helper()
	l := &load{pause: pause, stop: make(chan struct{}), sent: opCounts{}}
	for range callers {
		l.wg.Go(func() { l.call(context.WithoutCancel(t.Context()), s) })
	}
	return l
}

// call does all kinds of work in turns. Each caller begins with a different kind.
func (l *load) call(ctx context.Context, s *service) {
	sent := opCounts{}
	var err error
	for i := rand.IntN(len(kinds)); err == nil; i++ {
		select {
		case <-l.stop:
		default:
			err = kinds[i%len(kinds)](ctx, s, l.pause, sent)
			continue
		}
		break
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent.add(sent)
	l.errs = append(l.errs, err)
}

// end waits until every caller has finished, and returns the operations they sent.
func (l *load) end(t *testing.T) opCounts {
	t.Helper()
	close(l.stop)
	l.wg.Wait()
	testutil.NoError(t, errors.Join(l.errs...))
	return l.sent
}

// once does every kind of work once, in sequence, and returns the operations it sent.
func (s *service) once(t *testing.T) opCounts {
	t.Helper()
	sent := opCounts{}
	for _, do := range kinds {
		testutil.NoError(t, do(t.Context(), s, 0, sent))
	}
	return sent
}

func (l opCounts) add(other opCounts) {
	for op, n := range other {
		l[op] += n
	}
}

func (l opCounts) operations() map[string]float64 {
	byName := make(map[string]float64)
	for op, n := range l {
		byName[op.name] += n
	}
	return byName
}
