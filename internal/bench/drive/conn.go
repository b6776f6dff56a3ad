// Package drive calls pgx's and pgxpool's hooks for the acquire of a connection, a query on it and its release. It
// uses no database, so it measures only what an instrumentation adds.
package drive

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"
)

// Conn returns a connection that cannot run a query: its other end only greets it like a server. An instrumentation
// can keep its state of a connection on it.
func Conn(ctx context.Context) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig("host=localhost sslmode=disable user=postgres")
	if err != nil {
		return nil, fmt.Errorf("drive: %w", err)
	}
	greeted := make(chan error, 1)
	config.LookupFunc = func(context.Context, string) ([]string, error) { return []string{"127.0.0.1"}, nil }
	config.DialFunc = func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go func() { greeted <- greet(server) }()
		return client, nil
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("drive: %w", err)
	}
	if err := <-greeted; err != nil {
		return nil, fmt.Errorf("drive: %w", err)
	}
	return conn, nil
}

// greet runs the server's part of the start of a connection.
func greet(conn net.Conn) error {
	backend := pgproto3.NewBackend(conn, conn)
	message, err := backend.ReceiveStartupMessage()
	if err != nil {
		return fmt.Errorf("receive startup: %w", err)
	}
	if _, ok := message.(*pgproto3.StartupMessage); !ok {
		return errors.New("not a startup message")
	}
	backend.Send(&pgproto3.AuthenticationOk{})
	backend.Send(&pgproto3.BackendKeyData{ProcessID: 1, SecretKey: []byte{0, 0, 0, 1}})
	backend.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	if err := backend.Flush(); err != nil {
		return fmt.Errorf("greet: %w", err)
	}
	return nil
}
