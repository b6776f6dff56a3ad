package hostile

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/otelpool"
)

// use makes requests of all kinds.
func (s *soak) use(ctx context.Context) {
	for ctx.Err() == nil {
		s.gate.RLock()
		n := s.requests.Add(1)
		request, cancel := context.WithTimeout(otelpool.WithScope(ctx, ""), 5*time.Second)
		request, span := s.tracer.Start(request, "request")
		named := otelpool.WithOperation(request, fmt.Sprint("operation ", n)) // a new name each time
		switch kind := rand.IntN(1000); {
		case kind < 300:
			_, _ = s.pool.Exec(named, "SELECT 1")
		case kind < 500: // a new text each time
			_, _ = s.pool.Exec(request, fmt.Sprintf("SELECT %d FROM pg_class LIMIT 1", n), pgx.QueryExecModeExec)
		case kind < 600:
			_, _ = s.pool.Exec(request, fmt.Sprintf("DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = 'X%04d'; END $$", n%40), pgx.QueryExecModeExec)
		case kind < 700:
			short, cancelShort := context.WithTimeout(request, time.Duration(rand.IntN(2000))*time.Microsecond)
			_, _ = s.pool.Exec(short, "SELECT 2")
			cancelShort()
		case kind < 800:
			var batch pgx.Batch
			batch.Queue("SELECT 1")
			batch.Queue("SELECT 2")
			_ = s.pool.SendBatch(named, &batch).Close()
		case kind < 850:
			_, _ = s.pool.CopyFrom(request, pgx.Identifier{fmt.Sprint("nowhere", n)}, []string{"a"}, pgx.CopyFromRows(nil))
		case kind < 900:
			s.nest(request)
		case kind < 990:
			if rows, err := s.pool.Query(request, "SELECT generate_series(1, 5)"); err == nil {
				rows.Next()
				rows.Close()
			}
		default:
			s.abuse(request, kind)
		}
		span.End()
		cancel()
		s.gate.RUnlock()
	}
}

// nest holds a connection for long, and acquires another in the meantime.
func (s *soak) nest(ctx context.Context) {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return
	}
	defer conn.Release()
	pause(ctx, 25*time.Millisecond)
	short, cancel := context.WithTimeout(ctx, 5*time.Millisecond)
	defer cancel()
	_, err = s.pool.Exec(short, "SELECT 3")
	if timeout, ok := errors.AsType[*otelpool.AcquireTimeoutError](err); ok {
		timeout.Findings()
	}
	for _, hold := range s.inst.Held() {
		_, _ = hold.MarshalJSON()
	}
	s.inst.Report()
	s.inst.History()
}

// abuse misuses the pool.
func (s *soak) abuse(ctx context.Context, kind int) {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return
	}
	switch kind % 5 {
	case 0: // hijacked, and closed outside the pool
		_ = conn.Hijack().Close(context.Background())
	case 3:
		_ = otelpool.Hijack(conn).Close(context.Background())
	case 1: // released in a transaction
		_, _ = conn.Exec(ctx, "BEGIN")
		conn.Release()
	case 2: // released while busy
		_, _ = conn.Query(ctx, "SELECT generate_series(1, 5)")
		conn.Release()
	default:
		conn.Release()
		for _, idle := range s.pool.AcquireAllIdle(ctx) {
			idle.Release()
		}
	}
}

// comeAndGo opens and closes pools. It reuses their names, because the SDK keeps a series of a histogram as long as its
// MeterProvider.
func (s *soak) comeAndGo(ctx context.Context, t *testing.T) {
	for ctx.Err() == nil {
		s.gate.RLock()
		n := s.pools.Add(1)
		pool, inst, err := s.another(ctx, n)
		if err != nil {
			t.Error(err)
			s.gate.RUnlock()
			return
		}
		_, _ = pool.Exec(otelpool.WithOperation(ctx, fmt.Sprint("first ", n%4)), "SELECT 1")
		if n%2 == 0 {
			_ = inst.Unregister()
		}
		pool.Close()
		_ = inst.Unregister()
		s.gate.RUnlock()
		pause(ctx, 10*time.Millisecond)
	}
}

// another creates the nth of the pools of comeAndGo, in one of the possible ways.
func (s *soak) another(ctx context.Context, n int64) (pool *pgxpool.Pool, inst *otelpool.Instrumentation, err error) {
	options := append(s.options(fmt.Sprint("pool ", n%8)), otelpool.WithoutStacks(), otelpool.WithoutFindings(), otelpool.WithBaseSize(1))
	switch rand.IntN(5) { // random, so that every name meets every way
	case 0:
		return otelpool.New(ctx, s.plain.ConnString(), options...)
	case 1:
		return otelpool.NewWithConfig(ctx, s.config, options...)
	case 2:
		return otelpool.NewWithConfig(ctx, s.plain, s.options("plain")...)
	case 3:
		config := s.plain.Copy()
		sizing, err := otelpool.Sizing{PoolSize: 1, MaxOverflow: 1, PrePing: true, Recycle: time.Hour}.FromEnv()
		if err != nil {
			return nil, nil, err
		}
		if err := sizing.Apply(config); err != nil {
			return nil, nil, err
		}
		if inst, err = otelpool.Instrument(config, options...); err != nil {
			return nil, nil, err
		}
		if pool, err = pgxpool.NewWithConfig(ctx, config); err != nil {
			return nil, nil, err
		}
		return pool, inst, inst.Register(pool)
	default:
		if pool, err = pgxpool.NewWithConfig(ctx, s.plain.Copy()); err != nil {
			return nil, nil, err
		}
		inst, err = otelpool.Register(pool, options...)
		return pool, inst, err
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
