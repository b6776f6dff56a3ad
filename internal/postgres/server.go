package postgres

import (
	"context"
	"net"
	"net/url"
	"strconv"
)

// superuser is the name of the role that owns the cluster.
const superuser = "postgres"

// Server is a throwaway PostgreSQL server. It is safe for concurrent use.
type Server struct {
	config   config
	dir      string // all of the server's files, including the socket
	password string
	port     int
	running
}

// Start starts a server and returns when it accepts connections. This takes about a second, and less with a cached
// template of the data directory. Cancelling ctx ends the start, but not a server that has started.
func Start(ctx context.Context, opts ...Option) (*Server, error) {
	return launch(ctx, newConfig(opts))
}

// ConnString returns the connection string of the database postgres, like [Server.DSN].
func (s *Server) ConnString() string { return s.DSN("postgres") }

// DSN returns the URL of a database of the server, for its superuser, without TLS. It does not check that the
// database exists. The URL contains a random password, except for a unix socket, which needs none.
func (s *Server) DSN(database string) string {
	query := url.Values{"sslmode": {"disable"}}
	u := url.URL{
		Scheme: "postgres",
		User:   url.UserPassword(superuser, s.password),
		Host:   net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)),
		Path:   "/" + database,
	}
	if s.config.unixSocket {
		u.User, u.Host = url.User(superuser), ""
		query.Set("host", s.dir)
		query.Set("port", strconv.Itoa(s.port))
	}
	u.RawQuery = query.Encode()
	return u.String()
}

// Port returns the port that the server listens on at 127.0.0.1. Restart keeps it.
func (s *Server) Port() int { return s.port }
