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
	// template0 accepts no connections, which would block the copy, and contains no objects of other users.
	if err := execute(admin, "CREATE DATABASE "+name+" TEMPLATE template0"); err != nil {
		return "", nil, fmt.Errorf("postgrestest: create a database: %w", err)
	}
	drop = func() error {
		if err := dropDatabase(admin, name); err != nil {
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
func dropDatabase(admin, name string) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); ; <-tick.C {
		err := execute(admin, "DROP DATABASE "+name+" WITH (FORCE)")
		if failure, ok := errors.AsType[*pgconn.PgError](err); !ok || failure.Code != inUse || time.Since(began) > timeout {
			return err
		}
	}
}

func execute(connString, sql string) error {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	conn, err := pgx.Connect(ctx, connString)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, sql)
	return err
}
