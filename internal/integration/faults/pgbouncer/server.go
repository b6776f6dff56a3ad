package pgbouncer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/otelpool/otelpool-go/internal/integration/stack"
	"github.com/otelpool/otelpool-go/internal/programs"
)

const (
	startTimeout = time.Minute
	portTries    = 10
)

// Server is a PgBouncer that listens on a loopback port, in transaction mode. It forwards all databases to one
// server. It is not safe for concurrent use.
type Server struct {
	*stack.Process // the running program, or the last one
	program        program
	target         *pgx.ConnConfig
	dir            string
	address        string
}

// Start starts a PgBouncer in front of the server of connString, with at most size connections to it. Clients use the
// user and password of connString.
func Start(ctx context.Context, connString string, size int) (*Server, error) {
	target, err := pgx.ParseConfig(connString)
	if err != nil {
		return nil, errors.New("pgbouncer: malformed connection string")
	}
	s := &Server{target: target}
	if s.program, err = find(ctx); err != nil {
		return nil, err
	}
	if s.dir, err = os.MkdirTemp("/tmp", "otelpool-pgbouncer-"); err != nil {
		return nil, fmt.Errorf("pgbouncer: %w", err)
	}
	for range portTries {
		if err = s.configure(size); err != nil {
			break
		}
		// Another process may take the port before PgBouncer does.
		if err = s.Restart(ctx); err == nil || !strings.Contains(err.Error(), "in use") {
			break
		}
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(s.dir))
	}
	return s, nil
}

// ConnString returns the connection string of clients. They prepare no statements, because those of one transaction do
// not exist in the next.
func (s *Server) ConnString() string {
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(s.target.User, s.target.Password), Path: s.target.Database,
		Host: s.address, RawQuery: "sslmode=disable&default_query_exec_mode=exec",
	}
	return u.String()
}

// Stop kills the server and removes its files.
func (s *Server) Stop() error { return errors.Join(s.Kill(), os.RemoveAll(s.dir)) }

// Restart starts the server on the same port after Kill, and waits until it accepts connections.
func (s *Server) Restart(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	s.Process, err = stack.StartReady(ctx, stack.Command{
		Name: "pgbouncer", Path: s.program.path, Args: []string{s.file("pgbouncer.ini")}, Env: s.program.env, Log: s.file("log"),
	}, func(ctx context.Context) error {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", s.address)
		if err != nil {
			return err
		}
		return conn.Close()
	})
	return err
}

func (s *Server) file(name string) string { return filepath.Join(s.dir, name) }

// configure writes the configuration, with a free port. PgBouncer refuses to run as root; for root, the configuration
// names another user.
func (s *Server) configure(size int) (err error) {
	if s.address, err = programs.FreeAddress(); err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(s.address)
	if err != nil {
		return fmt.Errorf("pgbouncer: %w", err)
	}
	settings := fmt.Sprintf(`[databases]
* = host=%s port=%d

[pgbouncer]
listen_addr = %s
listen_port = %s
unix_socket_dir =
auth_type = plain
auth_file = %s
pool_mode = transaction
default_pool_size = %d
max_client_conn = 500
server_login_retry = 0.2
server_connect_timeout = 5
server_tls_sslmode = disable
ignore_startup_parameters = extra_float_digits
`, s.target.Host, s.target.Port, host, port, s.file("users.txt"), size)
	if os.Geteuid() == 0 {
		settings += "user = nobody\n"
	}
	users := fmt.Sprintf("%q %q\n", s.target.User, s.target.Password)
	return errors.Join(os.WriteFile(s.file("pgbouncer.ini"), []byte(settings), 0o600), os.WriteFile(s.file("users.txt"), []byte(users), 0o600))
}
