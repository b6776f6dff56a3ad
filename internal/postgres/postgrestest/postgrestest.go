package postgrestest

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/otelpool/otelpool-go/internal/postgres"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

// timeout limits each single operation on the server.
const timeout = time.Minute

// shared is the server of this process.
var shared sharedServer

// Main runs the tests of a package, stops the server they shared, and exits.
func Main(m *testing.M) {
	code := m.Run()
	if err := shared.stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// MainWithURL is Main for a package whose Examples read DATABASE_URL, like a user's program. It starts the shared
// server before the tests and sets DATABASE_URL to it.
func MainWithURL(m *testing.M) {
	url, err := shared.start()
	if err == nil {
		err = os.Setenv(postgres.URLEnv, url)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	Main(m)
}

// Database creates a database for one test and returns its connection string, for a superuser without TLS. If
// DATABASE_URL is set, its user and TLS settings apply. The database is dropped after the test, even with clients
// connected to it.
func Database(t testing.TB) string {
	t.Helper()
	connString, drop, err := shared.create()
	testutil.NoError(t, err)
	t.Cleanup(func() { testutil.NoError(t, drop()) })
	return connString
}

// Shared returns the connection string of a database that the tests of the process share. They create nothing in it but
// temporary tables.
func Shared(t testing.TB) string {
	t.Helper()
	connString, err := shared.start()
	testutil.NoError(t, err)
	return connString
}

// Server starts a server for one test, which may stop, restart or crash it. It is stopped after the test. Server
// ignores DATABASE_URL.
func Server(t testing.TB) *postgres.Server {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	s, err := postgres.Start(ctx)
	testutil.NoError(t, err)
	t.Cleanup(func() { testutil.NoError(t, s.Stop()) })
	return s
}
