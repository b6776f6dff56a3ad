package stack_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/otelpool"
)

// troubles are the troubles of a pool. Each has a counter that shows it.
var troubles = map[string]work{
	"a caller gives up": func(ctx context.Context, s *service) error {
		held, err := s.fill(ctx)
		defer held.release()
		if err != nil {
			return err
		}
		ctx, cancel := context.WithCancel(ctx)
		time.AfterFunc(20*time.Millisecond, cancel)
		return want(context.Canceled, acquire(ctx, s))
	},
	"a caller waits too long": func(ctx context.Context, s *service) error {
		held, err := s.fill(ctx)
		defer held.release()
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
		defer cancel()
		return want(context.DeadlineExceeded, acquire(ctx, s))
	},
	"a second connection is taken": func(ctx context.Context, s *service) error {
		ctx = otelpool.WithScope(ctx, "")
		conn, err := s.pool.Acquire(ctx)
		if err != nil {
			return err
		}
		defer conn.Release()
		return acquire(ctx, s)
	},
	"a connection is held long": func(ctx context.Context, s *service) error {
		conn, err := s.pool.Acquire(otelpool.WithOperation(ctx, "hold_idle"))
		if err != nil {
			return err
		}
		defer conn.Release()
		_, err = conn.Exec(ctx, "SELECT pg_sleep($1)", (3 * longHold).Seconds())
		return err
	},
	"a transaction is left open": func(ctx context.Context, s *service) error {
		conn, err := s.pool.Acquire(ctx)
		if err != nil {
			return err
		}
		defer conn.Release()
		_, err = conn.Begin(ctx)
		return err
	},
	"the server cannot be reached": func(ctx context.Context, s *service) error {
		s.noDial.Store(true)
		defer s.noDial.Store(false)
		s.pool.Reset()
		return want(errNoDial, acquire(ctx, s))
	},
}

// makeTroubles causes one trouble after the other.
func (s *service) makeTroubles(t *testing.T) {
	t.Helper()
	for name, trouble := range troubles {
		if err := trouble(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
}

// fill acquires all connections of the pool.
func (s *service) fill(ctx context.Context) (conns held, err error) {
	for range baseSize + maxOverflow {
		conn, err := s.pool.Acquire(ctx)
		if err != nil {
			return conns, err
		}
		conns = append(conns, conn)
	}
	return conns, nil
}

// held are connections in use.
type held []*pgxpool.Conn

func (h held) release() {
	for _, conn := range h {
		conn.Release()
	}
}

// acquire acquires a connection and releases it.
func acquire(ctx context.Context, s *service) error {
	conn, err := s.pool.Acquire(ctx)
	if err == nil {
		conn.Release()
	}
	return err
}

// want returns nil if err is the wanted error.
func want(wanted, err error) error {
	if errors.Is(err, wanted) {
		return nil
	}
	return fmt.Errorf("got %w, want %w", err, wanted)
}
