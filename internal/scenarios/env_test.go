package scenarios

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelpool/otelpool-go/otelpool"
)

// env is a service with its pool, its database, and the network between them.
type env struct {
	Service *service
	Proxy   *proxy // nil if there is none
	Pool    *pgxpool.Pool
	Inst    *otelpool.Instrumentation

	name     string // of the database, and of the role that the pool logs in as
	admin    *pgxpool.Pool
	tls      *tls.Certificate
	resolver resolver
	stops    []func()
}

// host is the server's name in scenarios of TLS or DNS.
const host = "db.internal"

// newEnv creates a database, a role and an instrumented pool.
func newEnv(ctx context.Context, sc scenario, seed uint64) (e *env, err error) {
	e = &env{name: fmt.Sprintf("shop_%x", time.Now().UnixNano())}
	defer func() {
		if err != nil {
			e.close()
		}
	}()
	if err := e.createDatabase(ctx); err != nil {
		return nil, fmt.Errorf("scenarios: create the shop: %w", err)
	}
	config, err := e.poolConfig(sc)
	if err != nil {
		return nil, err
	}
	options := []otelpool.Option{
		otelpool.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader()))),
		otelpool.WithPoolName("shop"), otelpool.WithLongHold(10 * time.Second), otelpool.WithLogger(slog.New(slog.DiscardHandler)),
	}
	e.Pool, e.Inst, err = otelpool.NewWithConfig(ctx, config, append(options, sc.Options...)...)
	if err != nil {
		return nil, err
	}
	for e.Pool.Stat().TotalConns() < config.MinConns { // a service takes requests when it is ready
		if err := sleep(ctx, 10*time.Millisecond); err != nil {
			return nil, err
		}
	}
	e.Service = newService(e.Pool, cmp.Or(sc.Load, usualLoad), seed)
	return e, nil
}

func (e *env) createDatabase(ctx context.Context) error {
	root, err := pgx.Connect(ctx, server.ConnString())
	if err != nil {
		return err
	}
	defer root.Close(ctx)
	for _, sql := range []string{
		"CREATE ROLE " + e.name + " LOGIN PASSWORD 'secret'",
		"CREATE DATABASE " + e.name + " OWNER " + e.name + " TEMPLATE template0",
	} {
		if _, err := root.Exec(ctx, sql); err != nil {
			return err
		}
	}
	e.stops = append(e.stops, e.dropDatabase)
	if e.admin, err = pgxpool.New(ctx, server.DSN(e.name)+"&pool_max_conns=2"); err != nil {
		return err
	}
	e.stops = append(e.stops, e.admin.Close)
	sql := "SET ROLE " + e.name + ";" + schema
	for name, seconds := range costs {
		sql += fmt.Sprintf("INSERT INTO cost VALUES ('%s', %g);", name, seconds)
	}
	_, err = e.admin.Exec(ctx, sql+"RESET ROLE; ANALYZE")
	return err
}

func (e *env) dropDatabase() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	root, err := pgx.Connect(ctx, server.ConnString())
	if err != nil {
		return // the server is gone, and so is the database
	}
	defer root.Close(ctx)
	_, _ = root.Exec(ctx, "DROP DATABASE "+e.name+" WITH (FORCE)")
	_, _ = root.Exec(ctx, "DROP ROLE "+e.name)
}

// poolConfig returns the configuration of the pool, and starts the proxy if it needs one.
func (e *env) poolConfig(sc scenario) (*pgxpool.Config, error) {
	config, err := pgxpool.ParseConfig(server.DSN(e.name))
	if err != nil {
		return nil, err
	}
	config.MaxConns, config.MinConns = poolSize, poolSize
	config.ConnConfig.User, config.ConnConfig.Password = e.name, "secret"
	config.ConnConfig.ConnectTimeout = 5 * time.Second
	if sc.Network || sc.TLS {
		if e.Proxy, err = newProxy(net.JoinHostPort("127.0.0.1", strconv.Itoa(server.Port()))); err != nil {
			return nil, err
		}
		e.stops = append(e.stops, e.Proxy.stop)
		_, port, _ := strings.Cut(e.Proxy.addr, ":")
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil {
			return nil, err
		}
		config.ConnConfig.Port = uint16(n)
	}
	if sc.TLS {
		if e.tls, err = certificate(host, time.Now().Add(time.Hour)); err != nil {
			return nil, err
		}
		e.Proxy.identity.Store(e.tls)
		roots := x509.NewCertPool()
		roots.AddCert(e.tls.Leaf)
		config.ConnConfig.TLSConfig = &tls.Config{RootCAs: roots, ServerName: host}
	}
	config.ConnConfig.LookupFunc = e.resolver.lookup
	if sc.Config != nil {
		sc.Config(config)
	}
	if sc.Sizing != nil {
		err = sc.Sizing.Apply(config)
	}
	return config, err
}

func (e *env) exec(ctx context.Context, sql string) error {
	_, err := e.admin.Exec(ctx, sql)
	return err
}

// terminate ends the pool's sessions on the server, so that the pool has to dial.
func (e *env) terminate(ctx context.Context) error {
	return e.exec(ctx, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '"+e.name+"'")
}

// close ends everything, in reverse order.
func (e *env) close() {
	if e.Pool != nil {
		e.Pool.Close()
		_ = e.Inst.Unregister()
	}
	for i := len(e.stops) - 1; i >= 0; i-- {
		e.stops[i]()
	}
}
