package diagnose

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/otelpool/otelpool-go/internal/printable"
	"github.com/otelpool/otelpool-go/otelpool/internal/reason"
)

// serverTimeout limits the duration of Server.
const serverTimeout = 3 * time.Second

// ServerOption changes what [Server] asks the server for. A nil ServerOption is ignored.
type ServerOption interface {
	apply(serverOptions) serverOptions
}

type serverOptions struct{ texts bool }

type serverOptionFunc func(serverOptions) serverOptions

func (f serverOptionFunc) apply(o serverOptions) serverOptions { return f(o) }

// WithQueryTexts adds the SQL text of sessions, cut to 500 characters. The text may contain confidential values, also
// of other programs. Without this option no SQL text leaves the server.
func WithQueryTexts() ServerOption {
	return serverOptionFunc(func(o serverOptions) serverOptions { o.texts = true; return o })
}

// Server asks PostgreSQL about the held connections of a report, and returns the report with the answer in its field
// Server. It connects with a copy of config, such as pool.Config().ConnConfig.
//
// Server opens its own connection, because the pool may be full, and closes it before it returns. The connection has
// the application name "otelpool diagnose", only reads, and calls neither the tracer nor AfterConnect of config. The
// caller must do what a BeforeConnect hook of the pool does, such as setting a password. Server takes at most three
// seconds, less if ctx ends earlier, provided that the DialFunc and LookupFunc of config return when their context
// ends.
//
// On failure, Server returns the report unchanged, and an error that contains no connection string or password. It is
// not an error if the role may not see the sessions of other roles; see Limited of [ServerState].
//
// The answer is newer than the report, so a connection may have a different holder by then. Server is safe for
// concurrent use.
func Server(ctx context.Context, config *pgx.ConnConfig, report Report, opts ...ServerOption) (Report, error) {
	var options serverOptions
	for _, opt := range opts {
		if opt != nil {
			options = opt.apply(options)
		}
	}
	if config == nil {
		return report, errors.New("diagnose: configuration is nil")
	}
	state, err := askServer(ctx, config, report, options)
	if err != nil {
		return report, err
	}
	report.Server = state
	return report, nil
}

// askServer connects and asks.
func askServer(ctx context.Context, config *pgx.ConnConfig, report Report, options serverOptions) (state *ServerState, err error) {
	defer func() {
		if recover() != nil { // in a function of config, or because it was not made by ParseConfig
			state, err = nil, errors.New("diagnose: panic: the configuration was not created by pgx.ParseConfig, or one of its functions, such as DialFunc, panicked")
		}
	}()
	within, cancel := context.WithTimeout(ctx, serverTimeout)
	defer cancel()
	own, hangUp := ownConfig(config)
	defer hangUp()
	conn, err := pgx.ConnectConfig(within, own)
	if err != nil {
		return nil, serverError(ctx, "connect to the server", err, own)
	}
	defer conn.Close(within)
	state, err = question{conn, report, options}.ask(within)
	if err != nil {
		return nil, serverError(ctx, "ask the server", err, own)
	}
	return state, nil
}

// ownConfig returns a copy of a configuration without the pool's hooks, and a function that closes what is left of its
// connection. It keeps the functions that may be needed to reach the server.
func ownConfig(config *pgx.ConnConfig) (own *pgx.ConnConfig, hangUp func()) {
	own = config.Copy()
	own.Tracer = nil
	own.AfterConnect = nil
	own.OnNotice, own.OnNotification, own.OnPgError = nil, nil, nil
	own.BuildFrontend = func(r io.Reader, w io.Writer) *pgproto3.Frontend { return pgproto3.NewFrontend(r, w) }
	own.BuildContextWatcherHandler = func(c *pgconn.PgConn) ctxwatch.Handler { // another may wait for the server
		return &pgconn.DeadlineContextWatcherHandler{Conn: c.Conn()}
	}
	own.MaxProtocolMessageBodyLen = 1 << 20 // it may not be PostgreSQL that answers

	// A pooler such as PgBouncer may hand each transaction to another server, and refuses unknown parameters.
	own.DefaultQueryExecMode, own.StatementCacheCapacity, own.DescriptionCacheCapacity = pgx.QueryExecModeExec, 0, 0
	if own.RuntimeParams == nil {
		own.RuntimeParams = make(map[string]string)
	}
	own.RuntimeParams["application_name"] = "otelpool diagnose"

	var d dialed
	if dial := own.DialFunc; dial != nil {
		own.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
			if d.over() {
				return nil, net.ErrClosed
			}
			conn, err := dial(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return conn, d.add(conn)
		}
	}
	return own, d.hangUp
}

// dialed has the network connections that were dialed. When a context ends in a query, pgx dials once more to cancel
// the query and waits for the server, for up to 15 seconds in the background. The zero value is ready; it is safe for
// concurrent use.
type dialed struct {
	mu    sync.Mutex
	conns []net.Conn
	ended bool
}

func (d *dialed) over() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ended
}

// add adds a connection, or closes it and returns an error if it comes too late.
func (d *dialed) add(conn net.Conn) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ended {
		_ = conn.Close()
		return net.ErrClosed
	}
	d.conns = append(d.conns, conn)
	return nil
}

// hangUp closes all connections, and those that are dialed later.
func (d *dialed) hangUp() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ended = true
	for _, conn := range d.conns {
		_ = conn.Close()
	}
}

// begin begins a read-only transaction. Its settings end with it; those of a session would stay on a connection that
// PgBouncer hands to others.
func begin(ctx context.Context, conn *pgx.Conn) error {
	left := serverTimeout
	if deadline, ok := ctx.Deadline(); ok {
		left = time.Until(deadline)
	}
	_, err := conn.PgConn().Exec(ctx, "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY; SET LOCAL statement_timeout = "+
		strconv.FormatInt(max(left.Milliseconds(), 1), 10)+"; SET LOCAL search_path = pg_catalog, pg_temp").ReadAll()
	return err
}

// serverError returns an error without text that may contain a secret.
func serverError(ctx context.Context, what string, err error, config *pgx.ConnConfig) error {
	if ctx.Err() != nil {
		return fmt.Errorf("diagnose: %s: %w", what, ctx.Err())
	}
	if timeout, ok := errors.AsType[net.Error](err); errors.Is(err, context.DeadlineExceeded) || ok && timeout.Timeout() {
		return fmt.Errorf("diagnose: %s: no answer within %v", what, serverTimeout)
	}
	words := reason.Of(err, &config.Config)
	if words == "" {
		words = "an error whose text may contain a secret"
	}
	return fmt.Errorf("diagnose: %s: %s", what, printable.Text(words, 250))
}
