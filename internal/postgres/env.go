package postgres

import (
	"context"
	"os"
)

// URLEnv names the environment variable with the connection string of a server to use instead of a throwaway one.
const URLEnv = "DATABASE_URL"

// EnvOrStart returns the connection string that the variable named by [URLEnv] holds and a stop that does nothing, or,
// when the variable is empty, starts a server and returns its connection string and its [Server.Stop]. The variable's
// value is not examined and shows up in no error.
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
