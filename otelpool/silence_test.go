package otelpool_test

import (
	"context"
	"fmt"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
	"github.com/otelpool/otelpool-go/otelpool/diagnose"
)

// simulatedServer is a server in the bubble of a test, where a minute takes no time. A statement is "run" or "stream", and
// a duration: one answers at its end, the other sends rows until then.
type simulatedServer struct {
	dialTime time.Duration

	mu      sync.Mutex
	away    bool // it answers nothing
	outages int  // the connections that were open before one are dead
}

func (s *simulatedServer) set(away bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.away = away; away {
		s.outages++
	}
}

func (s *simulatedServer) state() (outages int, away bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.outages, s.away
}

func (s *simulatedServer) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	time.Sleep(s.dialTime)
	if _, away := s.state(); away {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	client, server := net.Pipe()
	go s.serve(server)
	return client, nil
}

func (s *simulatedServer) serve(conn net.Conn) {
	defer conn.Close()
	of, _ := s.state()
	b := pgproto3.NewBackend(conn, conn)
	if startup, err := b.ReceiveStartupMessage(); err != nil {
		return
	} else if _, cancels := startup.(*pgproto3.CancelRequest); cancels {
		return
	}
	b.Send(&pgproto3.AuthenticationOk{})
	b.Send(&pgproto3.ParameterStatus{Name: "standard_conforming_strings", Value: "on"})
	b.Send(&pgproto3.ParameterStatus{Name: "client_encoding", Value: "UTF8"})
	b.Send(&pgproto3.BackendKeyData{ProcessID: 1, SecretKey: []byte{0, 0, 0, 1}})
	b.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	for b.Flush() == nil {
		m, err := b.Receive()
		if err != nil {
			return
		}
		if q, ok := m.(*pgproto3.Query); ok {
			answer(b, q.String)
		}
		if outages, away := s.state(); away || outages != of {
			for err == nil { // until the program closes the connection
				_, err = b.Receive()
			}
			return
		}
	}
}

// answer runs a statement.
func answer(b *pgproto3.Backend, sql string) {
	var verb, text string
	_, _ = fmt.Sscan(sql, &verb, &text)
	took, _ := time.ParseDuration(text)
	if verb == "stream" {
		b.Send(&pgproto3.RowDescription{})
		for ; took > 0; took -= 100 * time.Millisecond {
			b.Send(&pgproto3.DataRow{})
			_ = b.Flush()
			time.Sleep(min(took, 100*time.Millisecond))
		}
	}
	time.Sleep(took)
	b.Send(&pgproto3.CommandComplete{CommandTag: []byte("SELECT 1")})
	b.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
}

// simulated is a pool of a simulatedServer.
type simulated struct {
	server *simulatedServer
	pool   *pgxpool.Pool
	ctx    context.Context // of all statements
	wg     sync.WaitGroup
	pause  func() // called at the begin of a pause, unless it is nil
}

// run has a worker run a statement so many times, with a pause after each.
func (p *simulated) run(operation, sql string, times int, pause, limit time.Duration) {
	p.wg.Go(func() {
		for i := 0; i < times && p.ctx.Err() == nil; i++ {
			ctx, cancel := context.WithTimeout(otelpool.WithOperation(p.ctx, operation), limit)
			rows, _ := p.pool.Query(ctx, sql)
			for rows.Next() { // as Exec does, but it would hide the rows
			}
			cancel()
			time.Sleep(pause)
		}
	})
}

// bursts has each worker of a burst run 200 statements in four seconds, after a first one, and then pauses for two minutes.
func (p *simulated) bursts(times, workers int, first string) {
	for range times {
		for range workers {
			p.wg.Go(func() {
				_, _ = p.pool.Exec(otelpool.WithOperation(p.ctx, "read"), first)
			})
		}
		p.wg.Wait()
		for range workers {
			p.run("read", "run 5ms", 200, 15*time.Millisecond, time.Minute)
		}
		p.wg.Wait()
		if p.pause != nil {
			p.pause()
		}
		time.Sleep(2 * time.Minute)
	}
}

// TestServerIsAwayOnlyIfItDoesNotAnswer looks ten times a second for a finding that the server is away.
func TestServerIsAwayOnlyIfItDoesNotAnswer(t *testing.T) {
	t.Parallel()
	const minute = time.Minute
	for _, tt := range []struct {
		name     string
		maxConns int32
		do       func(p *simulated)
	}{
		{"bursts in a pool of one connection", 1, func(p *simulated) { p.bursts(4, 1, "run 700ms") }},
		{"bursts in a pool of four, with cold caches", 4, func(p *simulated) { p.bursts(4, 4, "run 1.5s") }},
		{"connections that are opened again after a pause", 4, func(p *simulated) {
			p.server.dialTime = time.Second
			p.pause = p.pool.Reset
			p.bursts(4, 4, "run 5ms")
		}},
		{"one statement of minutes, again and again", 1, func(p *simulated) {
			p.run("vacuum", "run 3m", 4, time.Second, time.Hour)
		}},
		{"one statement that takes a few seconds, once", 1, func(p *simulated) {
			p.run("read", "run 5ms", 6000, 15*time.Millisecond, minute)
			p.wg.Wait()
			p.run("read", "run 6s", 1, 0, minute)
		}},
		{"a statement of a minute after many others", 2, func(p *simulated) {
			p.run("read", "run 5ms", 6000, 15*time.Millisecond, minute)
			p.wg.Wait()
			p.run("export", "run 3m", 1, 0, time.Hour)
		}},
		{"a large result after many small ones of the same name", 1, func(p *simulated) {
			p.run("read", "run 5ms", 6000, 15*time.Millisecond, minute)
			p.wg.Wait()
			p.run("read", "stream 2m", 1, 0, time.Hour)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, tt.maxConns, func(p *simulated, away func() []string) {
				tt.do(p)
				p.wg.Wait()
				if found := away(); len(found) > 0 {
					t.Errorf("%d findings, the first: %s", len(found), found[0])
				}
			})
		})
	}
}

// TestServerIsAwayUntilFirstAnswer has a server be back under its address, while calls from before still wait for it.
func TestServerIsAwayUntilFirstAnswer(t *testing.T) {
	t.Parallel()
	for _, outage := range []time.Duration{8 * time.Second, 40 * time.Second} {
		t.Run(outage.String(), func(t *testing.T) {
			t.Parallel()
			inBubble(t, 8, func(p *simulated, away func() []string) {
				for range 4 {
					p.run("read", "run 5ms", 10000, 25*time.Millisecond, 10*time.Minute)
				}
				time.Sleep(2 * time.Minute)
				p.server.set(true)
				time.Sleep(outage)
				if found := away(); len(found) == 0 {
					t.Error("no finding during the outage")
				}
				p.server.set(false)
				for range 5 {
					time.Sleep(50 * time.Second)
					_ = away()
					for range 2 {
						p.run("read", "run 5ms", 100, 25*time.Millisecond, time.Minute)
					}
					time.Sleep(time.Second)
					_ = away() // those before the first answer
					time.Sleep(15 * time.Second)
					if found := away(); len(found) > 0 {
						t.Errorf("%d findings after an answer, the first: %s", len(found), found[0])
					}
				}
			})
		})
	}
}

// TestServerIsAwayForKeptConnections has each worker keep a connection for all of its statements.
func TestServerIsAwayForKeptConnections(t *testing.T) {
	t.Parallel()
	inBubble(t, 4, func(p *simulated, away func() []string) {
		for range 4 {
			p.wg.Go(func() {
				conn := acquireWith(t, p.pool, p.ctx)
				defer conn.Release()
				for p.ctx.Err() == nil {
					_, _ = conn.Exec(otelpool.WithOperation(p.ctx, "read"), "run 5ms")
					time.Sleep(25 * time.Millisecond)
				}
			})
		}
		time.Sleep(2 * time.Minute)
		if found := away(); len(found) > 0 {
			t.Errorf("%d findings before the outage, the first: %s", len(found), found[0])
		}
		p.server.set(true)
		time.Sleep(5 * time.Second)
		if found := away(); len(found) == 0 {
			t.Error("no finding during the outage")
		}
	})
}

// inBubble runs a function with a pool in a bubble. away returns the findings of server_away since its last call.
func inBubble(t *testing.T, maxConns int32, do func(p *simulated, away func() []string)) {
	synctest.Test(t, func(t *testing.T) {
		server := &simulatedServer{dialTime: time.Millisecond}
		config := parse(t, "host=bubble user=u password=p dbname=d sslmode=disable")
		config.MaxConns = maxConns
		config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
		config.ConnConfig.DialFunc = server.dial
		config.ConnConfig.LookupFunc = func(context.Context, string) ([]string, error) { return []string{"127.0.0.1"}, nil }
		pool, inst, err := otelpool.NewWithConfig(t.Context(), config, otelpool.WithMeterProvider(newTelemetry(t).provider), otelpool.WithSlowAcquire(0))
		testutil.NoError(t, err)
		ctx, cancel := context.WithCancel(context.Background())
		p := &simulated{server: server, pool: pool, ctx: ctx}
		inst.Report()
		var mu sync.Mutex
		var found []string
		done, begun := make(chan struct{}), time.Now()
		go func() {
			tick := time.NewTicker(97 * time.Millisecond)
			defer tick.Stop()
			for {
				select {
				case <-done:
					return
				case <-tick.C:
				}
				for _, f := range diagnose.Findings(inst.Report()) {
					if f.Kind == diagnose.ServerAway {
						mu.Lock()
						found = append(found, fmt.Sprintf("after %v: %s", time.Since(begun), f.Summary))
						mu.Unlock()
					}
				}
			}
		}()
		do(p, func() []string {
			mu.Lock()
			defer mu.Unlock()
			all := found
			found = nil
			return all
		})
		close(done)
		cancel()
		p.wg.Wait()
		pool.Close()
		testutil.NoError(t, inst.Unregister())
	})
}

// TestServerStaysAwayWhileCallersGiveUp has callers give up after a moment, so that often none waits.
func TestServerStaysAwayWhileCallersGiveUp(t *testing.T) {
	t.Parallel()
	for _, maxConns := range []int32{1, 2, 8} {
		t.Run(fmt.Sprint(maxConns), func(t *testing.T) {
			t.Parallel()
			inBubble(t, maxConns, func(p *simulated, away func() []string) {
				for range 2 {
					p.run("read", "run 5ms", 10000, 300*time.Millisecond, 200*time.Millisecond)
				}
				time.Sleep(time.Minute)
				_ = away()
				p.server.set(true)
				time.Sleep(4 * time.Second)
				_ = away()
				time.Sleep(8 * time.Second)
				if n := len(away()); n < 75 {
					t.Errorf("found %d times in 82 looks", n)
				}
			})
		})
	}
}
