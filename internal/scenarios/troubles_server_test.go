package scenarios

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

// slower makes an operation slower on the server, or all operations if the name is "%".
func slower(operation string, times float64) begin {
	const sql = "UPDATE cost SET seconds = seconds * %g WHERE operation LIKE '%s'"
	return swap(fmt.Sprintf(sql, times, operation), fmt.Sprintf(sql, 1/times, operation))
}

// swap runs the statement now, and the statement repair to undo it. In both, $role is the role of the pool.
func swap(now, repair string) begin {
	return func(ctx context.Context, e *env) (func() error, error) {
		run := func(sql string) error { return e.exec(ctx, strings.ReplaceAll(sql, "$role", e.name)) }
		return func() error { return run(repair) }, run(now)
	}
}

// dialing starts a trouble of new connections, and ends those of the pool. The repair ends them again, because a connection
// keeps the settings that it began with.
func dialing(trouble begin) begin {
	return func(ctx context.Context, e *env) (func() error, error) {
		repair, err := trouble(ctx, e)
		return func() error { return errors.Join(repair(), e.terminate(ctx)) }, errors.Join(err, e.terminate(ctx))
	}
}

var (
	notPermitted = swap("REVOKE INSERT ON logins FROM $role", "GRANT INSERT ON logins TO $role")

	// serverFull lowers the connection limit of the role.
	serverFull       = dialing(swap("ALTER ROLE $role CONNECTION LIMIT 2", "ALTER ROLE $role CONNECTION LIMIT -1"))
	passwordChanged  = dialing(swap("ALTER ROLE $role PASSWORD 'other'", "ALTER ROLE $role PASSWORD 'secret'"))
	statementTimeout = dialing(swap("ALTER ROLE $role SET statement_timeout = 50", "ALTER ROLE $role RESET statement_timeout"))
	nameUnknown      = dialing(func(_ context.Context, e *env) (func() error, error) {
		e.resolver.forgot.Store(true)
		return func() error { e.resolver.forgot.Store(false); return nil }, nil
	})
)

// delay sets one of the proxy's delays.
func delay(what func(*proxy) *atomic.Int64, by time.Duration) begin {
	return func(_ context.Context, e *env) (func() error, error) {
		what(e.Proxy).Store(int64(by))
		return func() error { what(e.Proxy).Store(0); return nil }, nil
	}
}

func packets(p *proxy) *atomic.Int64 { return &p.latency }
func dials(p *proxy) *atomic.Int64   { return &p.dialDelay }

// foreign is the name of a program that is not the shop.
const foreign = "migration"

// foreignLock locks the stock in a session of another program.
func foreignLock(ctx context.Context, e *env) (func() error, error) {
	config := e.admin.Config().ConnConfig
	config.RuntimeParams["application_name"] = foreign
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	_, err = conn.Exec(ctx, "BEGIN; LOCK TABLE stock IN SHARE MODE")
	return func() error { return conn.Close(ctx) }, err
}

func serverAway(_ context.Context, e *env) (func() error, error) {
	e.Proxy.away()
	return e.Proxy.listen, nil
}

// forgotten drops the packets of existing connections. New ones work.
func forgotten(_ context.Context, e *env) (func() error, error) {
	undo := e.Service.change(func(s *service) { s.timeout = time.Second })
	e.Proxy.lose()
	return func() error { e.Proxy.drop(); return undo() }, nil
}

// dropped drops the packets of all connections, including new ones.
func dropped(ctx context.Context, e *env) (func() error, error) {
	undo, err := forgotten(ctx, e)
	e.Proxy.dialDelay.Store(int64(8 * time.Second))
	return func() error { e.Proxy.dialDelay.Store(0); return undo() }, err
}

// serverStarts ends all connections, and answers like a server that is not ready yet.
func serverStarts(_ context.Context, e *env) (func() error, error) {
	err := e.Proxy.refuse("57P03", "the database system is starting up")
	e.Proxy.drop()
	return func() error { e.Proxy.answer.Store(nil); return nil }, err
}

// resolver resolves host until forgot is set.
type resolver struct{ forgot atomic.Bool }

func (r *resolver) lookup(_ context.Context, name string) ([]string, error) {
	if r.forgot.Load() {
		return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
	}
	return []string{"127.0.0.1"}, nil
}

func certificateExpired(_ context.Context, e *env) (func() error, error) {
	expired, err := certificate(host, time.Now().Add(-time.Hour))
	if err != nil {
		return nil, err
	}
	e.Proxy.identity.Store(expired)
	e.Proxy.drop()
	return func() error { e.Proxy.identity.Store(e.tls); return nil }, nil
}
