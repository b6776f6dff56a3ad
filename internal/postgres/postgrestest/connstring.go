package postgrestest

import (
	"errors"
	"net/url"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/otelpool/otelpool-go/internal/postgres"
)

// errUnreadable does not wrap its cause, which could contain the password.
var errUnreadable = errors.New("postgrestest: " + postgres.URLEnv + " is not a PostgreSQL connection string: " +
	"postgres://user:password@host:5432/database or host=host user=user dbname=database")

// withDatabase returns connString with another database. The connString is a URL or a list of key=value pairs, the
// last of which wins, as in pgx.
func withDatabase(connString, name string) (string, error) {
	if _, err := pgx.ParseConfig(connString); err != nil {
		return "", errUnreadable
	}
	if !strings.HasPrefix(connString, "postgres://") && !strings.HasPrefix(connString, "postgresql://") {
		return connString + " dbname=" + name, nil
	}
	u, err := url.Parse(connString)
	if err != nil {
		return "", errUnreadable
	}
	query := u.Query()
	query.Del("dbname")
	query.Del("database")
	u.Path, u.RawPath, u.RawQuery = "/"+name, "", query.Encode()
	return u.String(), nil
}
