package postgrestest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/otelpool/otelpool-go/internal/postgres"
)

// maxConnections is enough for many parallel tests with pools of their own.
const maxConnections = 500

// sharedServer is a server that many tests use. It is safe for concurrent use.
type sharedServer struct {
	mu       sync.Mutex
	asked    bool
	admin    string // connection string of the database from which the others are created
	stopFunc func() error
	err      error

	connMu sync.Mutex // held to use what follows
	conn   *pgx.Conn  // to admin, kept because a login takes longer than what it is for

	// strategy makes CREATE DATABASE copy files, where the server has the choice: to write them to the log as well takes
	// three times as long.
	strategy string
}

// start starts the server on the first call and returns the same result on every call.
func (s *sharedServer) start() (admin string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.asked {
		s.asked = true
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		defer cancel()
		s.admin, s.stopFunc, s.err = postgres.EnvOrStart(ctx, postgres.WithMaxConnections(maxConnections))
	}
	return s.admin, s.err
}

func (s *sharedServer) stop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.disconnect()
	if s.stopFunc == nil {
		return nil
	}
	return s.stopFunc()
}

// create creates a database and returns its connection string and a function that drops it.
func (s *sharedServer) create() (connString string, drop func() error, err error) {
	admin, err := s.start()
	if err != nil {
		return "", nil, err
	}
	name := "otelpool_test_" + strings.ToLower(rand.Text()[:16])
	if connString, err = withDatabase(admin, name); err != nil {
		return "", nil, err
	}
	if err := s.connect(); err != nil {
		return "", nil, fmt.Errorf("postgrestest: connect: %w", err)
	}
	// template0 accepts no connections, which would block the copy, and contains no objects of other users.
	if err := s.exec("CREATE DATABASE " + name + " TEMPLATE template0" + s.strategy); err != nil {
		return "", nil, fmt.Errorf("postgrestest: create a database: %w", err)
	}
	drop = func() error {
		if err := s.dropDatabase(name); err != nil {
			return fmt.Errorf("postgrestest: drop a database: %w", err)
		}
		return nil
	}
	return connString, drop, nil
}

// inUse is the SQLSTATE of dropping a database that has sessions.
const inUse = "55006"

// dropDatabase repeats the drop while it fails: PostgreSQL ends the sessions of others, but waits only five seconds
// for them to end.
func (s *sharedServer) dropDatabase(name string) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); ; <-tick.C {
		err := s.exec("DROP DATABASE " + name + " WITH (FORCE)")
		if failure, ok := errors.AsType[*pgconn.PgError](err); !ok || failure.Code != inUse || time.Since(began) > timeout {
			return err
		}
	}
}

// connect makes the kept connection, unless there is one.
func (s *sharedServer) connect() error {
	s.connMu.Lock()
	defer s.connMu.Unlock()
	if s.conn != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.admin)
	if err != nil {
		return err
	}
	var version int
	if err := conn.QueryRow(ctx, "SELECT current_setting('server_version_num')::int").Scan(&version); err != nil {
		return errors.Join(err, conn.Close(ctx))
	}
	if version >= 15_00_00 {
		s.strategy = " STRATEGY file_copy"
	}
	s.conn = conn
	return nil
}

func (s *sharedServer) disconnect() {
	s.connMu.Lock()
	defer s.connMu.Unlock()
	if s.conn != nil {
		ctx, cancel := context.WithTimeout(context.Background(), timeout)
		defer cancel()
		_ = s.conn.Close(ctx)
	}
}

// exec executes a statement, on a new connection if a test has ended the kept one.
func (s *sharedServer) exec(sql string) error {
	s.connMu.Lock()
	defer s.connMu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	_, err := s.conn.Exec(ctx, sql)
	if err == nil || !s.conn.IsClosed() {
		return err
	}
	conn, err := pgx.Connect(ctx, s.admin)
	if err != nil {
		return err
	}
	s.conn = conn
	_, err = conn.Exec(ctx, sql)
	return err
}
