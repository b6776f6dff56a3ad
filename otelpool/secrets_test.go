package otelpool_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/otelpool"
)

func TestMetricsShowNoSecret(t *testing.T) {
	t.Parallel()
	const secret = "hunter2"
	var password string
	f := setup(t, 2, func(c *pgxpool.Config) {
		c.ConnConfig.RuntimeParams["application_name"] = secret
		password = c.ConnConfig.Password
	}, otelpool.WithServerAttributes(), otelpool.WithReturnedRows())
	ctx := t.Context()
	for _, sql := range []string{
		"SELECT 'hunter2'",
		"SELECT $body$hunter2$body$ AS x",
		"SELECT 1 -- hunter2",
		"/* hunter2 */ SELECT 2",
		`SELECT E'it\'s hunter2'`,
		"DO $$ BEGIN RAISE EXCEPTION 'hunter2' USING ERRCODE = 'P0001'; END $$",
		"SELECT 'hunter2'::int",
		"SELECT 'unterminated hunter2",
		"SET application_name = 'hunter2'",
		"NOTIFY c, 'hunter2'",
	} {
		_, _ = f.pool.Exec(ctx, sql)
		_, _ = f.pool.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol)
	}
	_, _ = f.pool.Exec(ctx, "SELECT $1::text", secret)
	got := f.text(t)
	if strings.Contains(got, secret) {
		t.Errorf("the secret shows in %s", got)
	}
	if password != "" && strings.Contains(got, password) {
		t.Errorf("the password shows in %s", got)
	}
	if !strings.Contains(got, `"P0001"`) {
		t.Errorf("the statements are not in %s", got)
	}
}

func TestErrorsShowNoSecret(t *testing.T) {
	t.Parallel()
	for connString, reason := range map[string]string{
		"postgres://u:hunter2@localhost:port/db":                                         "invalid port",
		"postgres://u:hunter2@localhost/db?pool_max_conns=many":                          "cannot parse pool_max_conns",
		"postgres://u:hunter2@localhost/db?pool_max_conns=0":                             "pool_max_conns too small",
		"postgres://u:hunter2@localhost/db?sslmode=wrong":                                "failed to configure TLS",
		"postgres://u:hunter2@local host/db":                                             "failed to parse as URL",
		"postgres://u:hun ter2hunter2@localhost/db":                                      "failed to parse as URL",
		"postgres://u:%zzhunter2@localhost/db":                                           "failed to parse as URL",
		"postgres://u:hunter2@localhost/db?sslrootcert=/nonexistent&sslmode=verify-full": "failed to configure TLS",
		"postgres://u:x@localhost/db?pool_max_conns=hunter2":                             "cannot parse pool_max_conns",
		"host=localhost password=hunter2 port=x":                                         "invalid port",
		"host=localhost password='hunter2' sslmode=wrong":                                "failed to configure TLS",
		"host=localhost password=hunter2 pool_max_conns=x":                               "cannot parse pool_max_conns",
		"host=localhost password='my hunter2":                                            "failed to parse as keyword/value",
		"host=localhost password=my hunter2 dbname=x":                                    "failed to parse as keyword/value",
		"password = hunter2 connect_timeout=x":                                           "invalid connect_timeout",
		"password=hunter2 target_session_attrs=hunter2":                                  "unknown target_session_attrs value",
		"password=x target_session_attrs='any`: hunter2'":                                "unknown target_session_attrs value",
		"password=x target_session_attrs='`: hunter2'":                                   "unknown target_session_attrs value",
		"password='x`: hunter2' port=x":                                                  "invalid port",
		"postgres://u:x@localhost/db?sslmode=%60%3A%20hunter2":                           "failed to configure TLS",
		"postgres://u:x@localhost/db?pool_max_conns=%60:%20hunter2":                      "cannot parse pool_max_conns",
		"hunter2":                   "failed to parse as keyword/value",
		"password=`:hunter2 port=x": "invalid port",
		"service=hunter2 password=hunter2 servicefile=/nonexistent": "failed to read service",
	} {
		_, _, err := otelpool.New(t.Context(), connString)
		if err == nil {
			t.Errorf("%s was taken", connString)
			continue
		}
		if want := "otelpool: malformed connection string: " + reason; err.Error() != want {
			t.Errorf("%s: error %q, want %q", connString, err, want)
		}
		for err := err; err != nil; err = errors.Unwrap(err) {
			if text := fmt.Sprintf("%v %+v %#v", err, err, err); strings.Contains(text, "hunter2") {
				t.Errorf("the secret shows in %s", text)
			}
		}
	}
}
