package parity_test

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/pgxpool"
)

// bubble runs a scenario in a synctest bubble. The pool of the scenario is outside the bubble, so f creates its own.
func bubble(f func(*fixture)) func(*fixture) {
	return func(w *fixture) {
		t, ok := w.t.(*testing.T)
		if !ok {
			w.t.Fatal("no bubble outside a test")
		}
		synctest.Test(t, func(*testing.T) {
			outside, ctx := len(w.ends), w.ctx
			defer func() { w.ctx = ctx }()
			w.ctx = mark(context.Background(), "caller", "test") // without a channel from outside the bubble
			f(w)
			w.end(outside) // a timer must be stopped in the bubble where it was started
		})
	}
}

// offlineConfig returns a configuration that dials nothing.
func offlineConfig(w *fixture) *pgxpool.Config {
	config := w.config.Copy()
	config.MaxConns, config.HealthCheckPeriod = 1, time.Hour
	return config
}

var offlineScenarios = []scenario{
	{name: "background dials outlive the context of the constructor", offline: true, plain: true, do: bubble(func(w *fixture) {
		config := offlineConfig(w)
		config.MinConns = 1
		seen, ended := make(chan context.Context, 1), make(chan error, 1)
		config.BeforeConnect = func(ctx context.Context, _ *pgx.ConnConfig) error {
			seen <- ctx
			<-ctx.Done()
			ended <- ctx.Err()
			return ctx.Err()
		}
		start := time.Now()
		pool := w.build(config)
		defer pool.Close()
		for range 2 {
			ctx := <-seen
			deadline, ok := ctx.Deadline()
			w.record("[%s] %v %v", marks(ctx), ok, deadline.Sub(start))
			time.Sleep(59 * time.Second)
			synctest.Wait()
			w.record("%s, %d constructing", describe(ctx.Err()), pool.Stat().ConstructingConns())
			time.Sleep(time.Second)
			synctest.Wait()
			w.record("%s, %d in all", describe(<-ended), pool.Stat().TotalConns())
			time.Sleep(config.HealthCheckPeriod) // the check tries again
			synctest.Wait()
		}
		<-seen
		time.Sleep(time.Minute)
		<-ended
	})},
	{name: "the error of a background dial reaches no caller", offline: true, do: bubble(func(w *fixture) {
		config := offlineConfig(w)
		config.MinConns = 1
		finish := make(chan struct{})
		attempts := 0
		config.BeforeConnect = func(context.Context, *pgx.ConnConfig) error {
			if attempts++; attempts == 1 {
				<-finish
				return errors.New("initial connection failed")
			}
			return errMine
		}
		pool := w.build(config)
		defer pool.Close()
		synctest.Wait()
		w.record("%d constructing", pool.Stat().ConstructingConns())
		close(finish)
		synctest.Wait()
		w.record("%d in all", pool.Stat().TotalConns())
		_, err := pool.Acquire(w.ctx)
		w.record("%s %v, %d attempts", describe(err), errors.Is(err, errMine), attempts)
	})},
	{name: "an acquire canceled while its ping hangs", offline: true, plain: true, do: bubble(func(w *fixture) { hangingPing(w, 0) })},
	{name: "an acquire canceled while its ping hangs, with a limit", offline: true, plain: true, do: bubble(func(w *fixture) { hangingPing(w, 10*time.Second) })},
}

// hangingPing acquires from a server that never answers a ping. Close waits for the ping until its timeout.
func hangingPing(w *fixture, limit time.Duration) {
	client, server := net.Pipe()
	defer client.Close()
	defer server.Close()
	pinged, left := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(left)
		neverAnswers(w, server, pinged)
	}()
	config := offlineConfig(w)
	config.PingTimeout = limit
	config.ShouldPing = func(context.Context, pgxpool.ShouldPingParams) bool { return true }
	dialed := false
	config.ConnConfig.DialFunc = func(context.Context, string, string) (net.Conn, error) {
		if dialed {
			return nil, errors.New("no more connections")
		}
		dialed = true
		return client, nil
	}
	pool := w.build(config)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	acquired := make(chan error, 1)
	go func() {
		_, err := pool.Acquire(ctx)
		acquired <- err
	}()
	<-pinged
	cancel()
	w.record("%s", describe(<-acquired))
	synctest.Wait()
	w.record("%d acquired", pool.Stat().AcquiredConns())
	closed := make(chan struct{})
	go func() { pool.Close(); close(closed) }()
	if limit == 0 {
		limit = time.Minute
	}
	time.Sleep(limit - time.Second)
	synctest.Wait()
	w.record("%d acquired", pool.Stat().AcquiredConns())
	time.Sleep(time.Second)
	synctest.Wait()
	w.record("%d in all", pool.Stat().TotalConns())
	select {
	case <-closed:
	default:
		w.record("Close still waits")
		_ = client.Close()
		<-closed
	}
	<-left
}

// neverAnswers accepts a connection as a server does, and reads one query.
func neverAnswers(w *fixture, conn net.Conn, pinged chan<- struct{}) {
	defer conn.Close()
	b := pgproto3.NewBackend(conn, conn)
	_, err := b.ReceiveStartupMessage()
	b.Send(&pgproto3.AuthenticationOk{})
	b.Send(&pgproto3.BackendKeyData{SecretKey: []byte{0, 0, 0, 0}})
	b.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	if err := errors.Join(err, b.Flush()); err != nil {
		w.record("%s", describe(err))
	}
	_, err = b.Receive()
	w.record("%s", describe(err))
	close(pinged)
	for err == nil { // until it is closed
		_, err = b.Receive()
	}
}
