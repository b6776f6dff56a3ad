package postgres

import (
	"context"
	"os"
)

// URLEnv is the environment variable that holds the connection string of a server to use instead of a throwaway one.
const URLEnv = "DATABASE_URL"

// EnvOrStart returns the value of the variable [URLEnv] as the connection string and a stop that does nothing. If the
// variable is empty, it starts a server and returns its connection string and its [Server.Stop]. It does not check
// the variable's value, and no error contains it.
func EnvOrStart(ctx context.Context, opts ...Option) (connString string, stop func() error, err error) {
	if url := os.Getenv(URLEnv); url != "" {
		return url, func() error { return nil }, nil
	}
	s, err := Start(ctx, opts...)
	if err != nil {
		return "", nil, err
	}
	return s.ConnString(), s.Stop, nil
}
