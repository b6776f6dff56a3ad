//go:build !unix

package postgres

import (
	"context"
	"fmt"
	"runtime"
)

type running struct{}

func errUnsupported() error {
	return fmt.Errorf("postgres: a server cannot be started on %s: set %s to the connection string of one that runs",
		runtime.GOOS, URLEnv)
}

func launch(context.Context, config) (*Server, error) { return nil, errUnsupported() }

// Stop does nothing: this system has no servers.
func (s *Server) Stop() error { return nil }

// Crash returns an error: this system has no servers.
func (s *Server) Crash() error { return errUnsupported() }

// Restart returns an error: this system has no servers.
func (s *Server) Restart(context.Context) error { return errUnsupported() }
