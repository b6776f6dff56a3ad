package postgrestest

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/otelpool/otelpool-go/internal/postgres"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

func TestMain(m *testing.M) { Main(m) }

func TestDatabaseIsDroppedWithClientsConnected(t *testing.T) {
	t.Parallel()
	var connString string
	t.Run("a test that forgets to close", func(t *testing.T) {
		connString = Database(t)
		conn, err := pgx.Connect(t.Context(), connString)
		testutil.NoError(t, err)
		testutil.NoError(t, conn.Ping(t.Context()))
	})
	testutil.ErrorContains(t, execute(connString, "SELECT 1"), "does not exist")
}

func TestDatabaseBelongsToASuperuser(t *testing.T) {
	t.Parallel()
	connString := Database(t)
	execSQL(t, connString, "CREATE ROLE nobody_else SUPERUSER; DROP ROLE nobody_else")
}

func TestDatabaseURLServerIsUsedAndKept(t *testing.T) {
	s := Server(t)
	execSQL(t, s.ConnString(), "CREATE ROLE maker LOGIN CREATEDB PASSWORD 'secret'")
	t.Setenv(postgres.URLEnv, strings.Replace(s.ConnString(), userInfo(t, s), "maker:secret", 1))
	var theirs sharedServer
	connString, drop, err := theirs.create()
	testutil.NoError(t, err)
	config, err := pgx.ParseConfig(connString)
	if err != nil || int(config.Port) != s.Port() || config.User != "maker" {
		t.Errorf("the database is not on that server: %v, port %d, user %s", err, config.Port, config.User)
	}
	execSQL(t, connString, "CREATE TABLE things ()")
	testutil.NoError(t, drop())
	testutil.NoError(t, theirs.stop())
	execSQL(t, s.ConnString(), `DO $$ BEGIN
		IF EXISTS (SELECT FROM pg_database WHERE datname LIKE 'otelpool%') THEN RAISE 'left behind'; END IF;
	END $$`)
}

func TestErrorsHidePasswordOfDatabaseURL(t *testing.T) {
	s := Server(t)
	for name, url := range map[string]string{
		"wrong":         strings.Replace(s.ConnString(), userInfo(t, s), "postgres:secret", 1),
		"unreachable":   "postgres://postgres:secret@127.0.0.1:1/db",
		"bad port":      "postgres://postgres:secret@127.0.0.1:nonsense/db",
		"bad escape":    "postgres://postgres:secret%zz@127.0.0.1/db",
		"bad setting":   "postgres://postgres:secret@127.0.0.1/db?sslmode=nonsense",
		"keywords":      "host=127.0.0.1 port=1 user=postgres password=secret",
		"bad keywords":  "host=127.0.0.1 password='secret",
		"no conn. text": "secret",
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(postgres.URLEnv, url)
			var theirs sharedServer
			_, _, err := theirs.create()
			if err == nil || strings.Contains(err.Error(), "secret") {
				t.Errorf("the error is %v", err)
			}
		})
	}
}

func TestWithDatabaseReplacesDatabaseOnly(t *testing.T) {
	t.Parallel()
	for name, connString := range map[string]string{
		"URL":             "postgres://user:secret@host:5433/old?sslmode=disable",
		"no database":     "postgresql://user:secret@host:5433",
		"in the query":    "postgres://user:secret@host:5433/old?dbname=older",
		"escaped":         "postgres://user:secret@host:5433/%6Fld",
		"keywords":        "host=host port=5433 user=user password=secret dbname=old",
		"quoted keywords": "host=host port=5433 user=user password='secret' dbname='old one'",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := withDatabase(connString, "new")
			testutil.NoError(t, err)
			c, err := pgx.ParseConfig(got)
			testutil.NoError(t, err)
			if c.Database != "new" || c.User != "user" || c.Password != "secret" || c.Host != "host" || c.Port != 5433 {
				t.Errorf("%s leads to database %q of %s at %s, %d", got, c.Database, c.User, c.Host, c.Port)
			}
		})
	}
}

func execSQL(t *testing.T, connString, sql string) {
	t.Helper()
	testutil.NoError(t, execute(connString, sql))
}

// userInfo returns the user and password in the server's connection string.
func userInfo(t *testing.T, s *postgres.Server) string {
	t.Helper()
	config, err := pgx.ParseConfig(s.ConnString())
	testutil.NoError(t, err)
	return config.User + ":" + config.Password
}

func execute(connString, sql string) error {
	conn, err := pgx.Connect(context.Background(), connString)
	if err != nil {
		return err
	}
	_, err = conn.Exec(context.Background(), sql)
	return errors.Join(err, conn.Close(context.Background()))
}
