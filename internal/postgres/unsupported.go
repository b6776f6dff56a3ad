//go:build !unix || aix || solaris

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

// Stop does nothing: there are no servers here.
func (s *Server) Stop() error { return nil }

// Crash fails: there are no servers here.
func (s *Server) Crash() error { return errUnsupported() }

// Restart fails: there are no servers here.
func (s *Server) Restart(context.Context) error { return errUnsupported() }
