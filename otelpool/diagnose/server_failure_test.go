package diagnose_test

import (
	"context"
	"errors"
	"io"
	"net"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/otelpool/otelpool-go/internal/postgres"
	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool/diagnose"
)

// fails checks that Server returns an unchanged report, and an error with these words and without a secret.
func fails(t *testing.T, ctx context.Context, config *pgx.ConnConfig, words string) {
	t.Helper()
	before := diagnose.Report{Pool: "test", Holds: []diagnose.Holds{{ProcessIDs: []uint32{1}}}, Server: &diagnose.ServerState{Connections: 1}}
	after, err := diagnose.Server(ctx, config, before)
	for begun := time.Now(); err != nil && strings.Contains(err.Error(), "no answer within") && !strings.Contains(words, "no answer within") &&
		time.Since(begun) < time.Minute; { // on a busy machine
		after, err = diagnose.Server(ctx, config, before)
	}
	testutil.ErrorContains(t, err, words)
	for _, secret := range []string{"hunter2", "postgres://", "password="} {
		if err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("%v contains %q", err, secret)
		}
	}
	if _, wraps := errors.AsType[*pgconn.ConnectError](err); wraps { // which has the whole configuration
		t.Errorf("%v wraps that of pgx", err)
	}
	if !reflect.DeepEqual(after, before) {
		t.Errorf("the report became %+v", after)
	}
}

func parse(t *testing.T, connString string) *pgx.ConnConfig {
	t.Helper()
	config, err := pgx.ParseConfig(connString)
	testutil.NoError(t, err)
	return config
}

func TestServerFailsOnFullServer(t *testing.T) {
	t.Parallel()
	server, err := postgres.Start(t.Context(), postgres.WithMaxConnections(5))
	testutil.NoError(t, err)
	t.Cleanup(func() {
		testutil.NoError(t, server.Stop())
	})
	for range 5 {
		connect(t, server.ConnString(), "billing")
	}
	fails(t, t.Context(), parse(t, server.ConnString()), "SQLSTATE 53300")
}

func TestServerErrorShowsNoSecret(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	newRole := newRole(t, url, "secretive")
	for _, tt := range []struct {
		name, words string
		change      func(*pgx.ConnConfig)
	}{
		{"wrong password", "SQLSTATE 28P01", func(c *pgx.ConnConfig) { c.User, c.Password = newRole, "hunter2hunter2" }},
		{"password in the server's words", `"xxxxx"`, func(c *pgx.ConnConfig) { c.Database, c.Password = "hunter2", "hunter2"; as(newRole)(c) }},
		{"setting", "SQLSTATE 22023", func(c *pgx.ConnConfig) { c.RuntimeParams["work_mem"] = "hunter2" }},
		{"refused", "refused", func(c *pgx.ConnConfig) { c.Host, c.Port, c.Fallbacks = "127.0.0.1", 1, nil }},
		{"own dialer", "may contain a secret", func(c *pgx.ConnConfig) {
			c.DialFunc = func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("hunter2") }
		}},
		{"own dialer panics", "panic", func(c *pgx.ConnConfig) {
			c.DialFunc = func(context.Context, string, string) (net.Conn, error) { panic("hunter2") }
		}},
		{"not parsed", "not created by pgx.ParseConfig", func(c *pgx.ConnConfig) { *c = pgx.ConnConfig{} }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			config := parse(t, url)
			tt.change(config)
			fails(t, t.Context(), config, tt.words)
		})
	}
	fails(t, t.Context(), nil, "configuration is nil")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	fails(t, ctx, parse(t, url), "context canceled")
}

// silent returns a configuration whose connections forward that many bytes of the server's answers and then nothing.
// The channel receives a value for each connection that Server closes.
func silent(config *pgx.ConnConfig, after int64) (*pgx.ConnConfig, <-chan struct{}) {
	closed := make(chan struct{}, 10)
	config = config.Copy()
	config.Fallbacks, config.TLSConfig = nil, nil
	dial := config.DialFunc
	config.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		server, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		client, pipe := net.Pipe()
		go func() {
			_, _ = io.CopyN(pipe, server, after)
			_, _ = io.Copy(io.Discard, server)
		}()
		go func() {
			_, _ = io.Copy(server, pipe)
			_ = server.Close()
			closed <- struct{}{}
		}()
		return client, nil
	}
	return config, closed
}

// TestServerReturnsWithoutAnswer asks a server that never answers, and one that stops answering.
func TestServerReturnsWithoutAnswer(t *testing.T) {
	t.Parallel()
	url := postgrestest.Database(t)
	for _, tt := range []struct {
		name  string
		after int64
		what  string
	}{
		{"at all", 0, "connect to the server"},
		{"a query", 600, "ask the server"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			config, hungUp := silent(parse(t, url), tt.after)
			begun := time.Now()
			fails(t, t.Context(), config, tt.what+": no answer within 3s")
			if took := time.Since(begun); took < 2*time.Second || took > 10*time.Second {
				t.Errorf("took %v", took)
			}
			closed(t, hungUp)
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			begun = time.Now()
			fails(t, ctx, config, "context deadline exceeded")
			if took := time.Since(begun); took > 3*time.Second {
				t.Errorf("took %v", took)
			}
			closed(t, hungUp)
		})
	}
}

// closed waits until Server has closed its connection, long before pgx gives up canceling the query.
func closed(t *testing.T, hungUp <-chan struct{}) {
	t.Helper()
	select {
	case <-hungUp:
	case <-time.After(10 * time.Second):
		t.Error("the connection is open")
	}
}
