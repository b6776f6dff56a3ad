package scenarios

import (
	"context"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

// slower makes the server slower at one operation.
func slower(name string, times float64) begin {
	return func(ctx context.Context, e *Env) (func() error, error) {
		return e.swap(ctx, fmt.Sprintf("UPDATE cost SET seconds = seconds * %g WHERE operation = '%s'", times, name),
			fmt.Sprintf("UPDATE cost SET seconds = seconds / %g WHERE operation = '%s'", times, name))
	}
}

// swap runs a statement now, and another to repair what it did.
func (e *Env) swap(ctx context.Context, now, repair string) (func() error, error) {
	return func() error { return e.exec(ctx, repair) }, e.exec(ctx, now)
}

// slowServer makes the server slower at all operations.
func slowServer(ctx context.Context, e *Env) (func() error, error) {
	return e.swap(ctx, "UPDATE cost SET seconds = seconds * 4", "UPDATE cost SET seconds = seconds / 4")
}

func notPermitted(ctx context.Context, e *Env) (func() error, error) {
	return e.swap(ctx, "REVOKE INSERT ON logins FROM "+e.name, "GRANT INSERT ON logins TO "+e.name)
}

func slowNetwork(_ context.Context, e *Env) (func() error, error) {
	e.Proxy.latency.Store(int64(10 * time.Millisecond))
	return func() error { e.Proxy.latency.Store(0); return nil }, nil
}

// farServer is some 500 km away.
func farServer(_ context.Context, e *Env) (func() error, error) {
	e.Proxy.latency.Store(int64(8 * time.Millisecond))
	return func() error { e.Proxy.latency.Store(0); return nil }, nil
}

func slowDial(_ context.Context, e *Env) (func() error, error) {
	e.Proxy.dialDelay.Store(int64(time.Second))
	return func() error { e.Proxy.dialDelay.Store(0); return nil }, nil
}

// coldStart makes dials slow when the pool has no connection yet.
func coldStart(_ context.Context, e *Env) (func() error, error) {
	e.Proxy.dialDelay.Store(int64(400 * time.Millisecond))
	return func() error { e.Proxy.dialDelay.Store(0); return nil }, nil
}

// foreign is the name of a program that is not the shop.
const foreign = "migration"

// foreignLock locks the stock in a session that is not the pool's.
func foreignLock(ctx context.Context, e *Env) (func() error, error) {
	config := e.admin.Config().ConnConfig
	config.RuntimeParams["application_name"] = foreign
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, err
	}
	_, err = conn.Exec(ctx, "BEGIN; LOCK TABLE stock IN SHARE MODE")
	return func() error { return conn.Close(ctx) }, err
}

func serverAway(_ context.Context, e *Env) (func() error, error) {
	e.Proxy.away()
	return e.Proxy.listen, nil
}

// forgotten loses the packets of the connections that exist. New ones work.
func forgotten(_ context.Context, e *Env) (func() error, error) {
	undo := e.change(func(s *Service) { s.timeout = time.Second })
	e.Proxy.lose()
	return undo, nil
}

// serverFull has others take the connections, and ends those of the pool.
func serverFull(ctx context.Context, e *Env) (func() error, error) {
	if err := e.exec(ctx, "ALTER ROLE "+e.name+" CONNECTION LIMIT 2"); err != nil {
		return nil, err
	}
	return func() error { return e.exec(ctx, "ALTER ROLE "+e.name+" CONNECTION LIMIT -1") }, e.terminate(ctx)
}

// serverStarts ends all connections, and answers as a server does that is not ready yet.
func serverStarts(_ context.Context, e *Env) (func() error, error) {
	err := e.Proxy.refuse("57P03", "the database system is starting up")
	e.Proxy.drop()
	return func() error { e.Proxy.answer.Store(nil); return nil }, err
}

func passwordChanged(ctx context.Context, e *Env) (func() error, error) {
	if err := e.exec(ctx, "ALTER ROLE "+e.name+" PASSWORD 'other'"); err != nil {
		return nil, err
	}
	return func() error { return e.exec(ctx, "ALTER ROLE "+e.name+" PASSWORD 'secret'") }, e.terminate(ctx)
}

// resolver finds host, until it is told not to.
type resolver struct{ forgot atomic.Bool }

func (r *resolver) lookup(_ context.Context, name string) ([]string, error) {
	if r.forgot.Load() {
		return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
	}
	return []string{"127.0.0.1"}, nil
}

func nameUnknown(ctx context.Context, e *Env) (func() error, error) {
	e.resolver.forgot.Store(true)
	return func() error { e.resolver.forgot.Store(false); return nil }, e.terminate(ctx)
}

func certificateExpired(_ context.Context, e *Env) (func() error, error) {
	expired, err := certificate(host, time.Now().Add(-time.Hour))
	if err != nil {
		return nil, err
	}
	e.Proxy.identity.Store(expired)
	e.Proxy.drop()
	return func() error { e.Proxy.identity.Store(e.tls); return nil }, nil
}
