package otelpool_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelpool/otelpool-go/otelpool"
)

func TestNoSecretShows(t *testing.T) {
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
	if strings.Contains(got, secret) || password != "" && strings.Contains(got, password) {
		t.Errorf("a secret shows in %s", got)
	}
	if !strings.Contains(got, `"P0001"`) {
		t.Errorf("what was sent is not in %s", got)
	}
}

// text is everything that is collected, as text.
func (tel telemetry) text(t *testing.T) string {
	t.Helper()
	var rm metricdata.ResourceMetrics
	if err := tel.reader.Collect(context.Background(), &rm); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(rm.ScopeMetrics)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestNoSecretShowsInErrors(t *testing.T) {
	t.Parallel()
	for _, connString := range []string{
		"postgres://u:hunter2@localhost:port/db",
		"postgres://u:hunter2@localhost/db?pool_max_conns=many",
		"postgres://u:hunter2@localhost/db?pool_max_conns=0",
		"postgres://u:hunter2@localhost/db?sslmode=wrong",
		"postgres://u:hunter2@local host/db",
		"host=localhost password=hunter2 port=x",
		"host=localhost password='hunter2' sslmode=wrong",
		"host=localhost password=hunter2 pool_max_conns=x",
		"postgres://u:hunter2@localhost/db?sslrootcert=/nonexistent&sslmode=verify-full",
	} {
		_, _, err := otelpool.New(t.Context(), connString)
		if err == nil {
			t.Errorf("%s was taken", connString)
			continue
		}
		for _, text := range []string{err.Error(), fmt.Sprintf("%v %+v %s %q", err, err, err, err)} {
			if strings.Contains(text, "hunter2") {
				t.Errorf("the secret shows in %s", text)
			}
		}
	}
}

func TestDefaultPoolNameIsHostPortDatabase(t *testing.T) {
	t.Parallel()
	for connString, want := range map[string]string{
		"postgres://u:hunter2@db.example.com/shop":            "db.example.com:5432/shop",
		"postgres://u:hunter2@db.example.com:6432/shop":       "db.example.com:6432/shop",
		"postgres://u:hunter2@[::1]:6432/shop":                "[::1]:6432/shop",
		"host=/run/postgresql dbname=shop user=u":             "/run/postgresql:5432/shop",
		"postgres://u:hunter2@a,b:7432/shop":                  "a:5432/shop",
		"postgres://u:hunter2@db.example.com?sslmode=disable": "db.example.com:5432",
	} {
		tel := newTelemetry(t)
		pool, inst, err := otelpool.New(t.Context(), connString, otelpool.WithMeterProvider(tel.provider))
		if err != nil {
			t.Fatal(err)
		}
		if got := tel.text(t); !strings.Contains(got, `"`+want+`"`) {
			t.Errorf("%s: no pool %q in %s", connString, want, got)
		}
		pool.Close()
		_ = inst.Unregister()
	}
}
