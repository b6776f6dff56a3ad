package pgbouncer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/otelpool/otelpool-go/internal/postgres"
	"github.com/otelpool/otelpool-go/internal/proc"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

const (
	startTimeout = 30 * time.Second
	stopTimeout  = 10 * time.Second
	portTries    = 10
)

// Server is a PgBouncer that listens on a loopback port, in transaction mode. It forwards all databases to one
// server. It is not safe for concurrent use.
type Server struct {
	program program
	target  *pgx.ConnConfig
	size    int
	dir     string
	port    int

	cmd    *exec.Cmd
	exited chan struct{}
	log    *testutil.Buffer
}

// Start starts a PgBouncer in front of the server of connString, with at most size connections to it. Clients use the
// user and password of connString.
func Start(ctx context.Context, connString string, size int) (*Server, error) {
	target, err := pgx.ParseConfig(connString)
	if err != nil {
		return nil, errors.New("pgbouncer: malformed connection string")
	}
	s := &Server{target: target, size: size}
	if s.program, err = find(ctx); err != nil {
		return nil, err
	}
	if s.dir, err = os.MkdirTemp("/tmp", "otelpool-pgbouncer-"); err != nil {
		return nil, fmt.Errorf("pgbouncer: %w", err)
	}
	for range portTries {
		if s.port, err = postgres.FreePort(); err != nil {
			break
		}
		// Another process may take the port before PgBouncer does.
		if err = s.Restart(ctx); err == nil || !strings.Contains(s.log.String(), "in use") {
			break
		}
	}
	if err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

// ConnString returns the connection string of clients. They prepare no statements: those of one transaction do not exist
// in the next.
func (s *Server) ConnString() string {
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(s.target.User, s.target.Password), Path: s.target.Database,
		Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)), RawQuery: "sslmode=disable&default_query_exec_mode=exec",
	}
	return u.String()
}

// Stop ends the server and removes its files.
func (s *Server) Stop() error {
	err := s.end(syscall.SIGTERM)
	return errors.Join(err, os.RemoveAll(s.dir))
}

// Kill kills the server, like a crash.
func (s *Server) Kill() error { return s.end(syscall.SIGKILL) }

// Restart starts the server on the same port. It ends the server first if it runs.
func (s *Server) Restart(ctx context.Context) error {
	if err := s.end(syscall.SIGTERM); err != nil {
		return err
	}
	if err := s.start(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	var dialer net.Dialer
	for {
		conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)))
		if err == nil {
			return conn.Close()
		}
		select {
		case <-s.exited:
			return fmt.Errorf("pgbouncer: the server ended while starting: %s", s.log)
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("pgbouncer: not ready: %w: %s", ctx.Err(), s.log), s.end(syscall.SIGKILL))
		case <-tick.C:
		}
	}
}

// start starts the process. PgBouncer refuses to run as root, so root runs it as nobody.
func (s *Server) start() error {
	credential, err := unprivileged()
	if err != nil {
		return err
	}
	file := filepath.Join(s.dir, "pgbouncer.ini")
	users := filepath.Join(s.dir, "users.txt")
	for name, text := range map[string]string{file: s.settings(users), users: fmt.Sprintf("%q %q\n", s.target.User, s.target.Password)} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			return fmt.Errorf("pgbouncer: %w", err)
		}
	}
	if credential != nil {
		for _, name := range []string{s.dir, file, users} {
			if err := os.Chown(name, int(credential.Uid), int(credential.Gid)); err != nil {
				return fmt.Errorf("pgbouncer: %w", err)
			}
		}
	}
	s.log, s.exited = &testutil.Buffer{}, make(chan struct{})
	s.cmd = exec.Command(s.program.path, file)
	s.cmd.Dir = s.dir
	s.cmd.Env = s.program.environment()
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: credential, Setpgid: true}
	exited := s.exited
	if err := proc.Start(s.cmd, syscall.SIGKILL, func(error) { close(exited) }); err != nil { // the log has the result
		s.cmd = nil
		return fmt.Errorf("pgbouncer: %w", err)
	}
	return nil
}

func (s *Server) settings(users string) string {
	return fmt.Sprintf(`[databases]
* = host=%s port=%d

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
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
`, s.target.Host, s.target.Port, s.port, users, s.size)
}

func (s *Server) end(sig syscall.Signal) error {
	if s.cmd == nil {
		return nil
	}
	for _, sig := range []syscall.Signal{sig, syscall.SIGKILL} {
		_ = s.cmd.Process.Signal(sig) // fails if it has ended
		select {
		case <-s.exited:
			s.cmd = nil
			return nil
		case <-time.After(stopTimeout):
		}
	}
	return fmt.Errorf("pgbouncer: the server still runs %v after it was killed", stopTimeout)
}

// unprivileged returns the account of the server if the caller is root.
func unprivileged() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		return nil, fmt.Errorf("pgbouncer: PgBouncer does not run as root, and there is no user nobody: %w", err)
	}
	uid, uidErr := strconv.ParseUint(nobody.Uid, 10, 32)
	gid, gidErr := strconv.ParseUint(nobody.Gid, 10, 32)
	if err := errors.Join(uidErr, gidErr); err != nil {
		return nil, fmt.Errorf("pgbouncer: ids of user nobody: %w", err)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}
