package database_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
	"github.com/otelpool/otelpool-go/otelpool/diagnose"
)

// TestDiagnosisPassesPgBouncer asks the server through a PgBouncer, whose process IDs are not the server's. Its
// connections must not change.
func TestDiagnosisPassesPgBouncer(t *testing.T) {
	config, err := pgxpool.ParseConfig(bouncer(t, postgrestest.Server(t), 2).ConnString())
	testutil.NoError(t, err)
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader()))
	pool, inst, err := otelpool.NewWithConfig(t.Context(), config, otelpool.WithMeterProvider(provider))
	testutil.NoError(t, err)
	t.Cleanup(pool.Close)
	tx, err := pool.Begin(otelpool.WithOperation(t.Context(), "hold"))
	testutil.NoError(t, err)
	defer func() { _ = tx.Rollback(context.Background()) }()
	postgrestest.Exec(t, tx, "SELECT 1")
	for range 3 {
		report, err := diagnose.Server(t.Context(), pool.Config().ConnConfig, inst.Report())
		testutil.NoError(t, err)
		if s := report.Server; !s.ProcessIDsUnknown || len(s.Sessions) != 0 || s.MaxConnections == 0 || s.Connections == 0 {
			t.Errorf("the server says %+v", s)
		}
	}
	// The transaction has one of PgBouncer's two connections, so this query uses the one that Server used.
	var timeout, readOnly string
	err = pool.QueryRow(t.Context(), "SELECT current_setting('statement_timeout'), current_setting('transaction_read_only')").Scan(&timeout, &readOnly)
	if err != nil || timeout != "0" || readOnly != "off" {
		t.Errorf("statement_timeout %q, transaction_read_only %q: %v", timeout, readOnly, err)
	}
}
