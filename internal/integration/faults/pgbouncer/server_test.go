package pgbouncer

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

func TestClientsShareConnectionPerTransaction(t *testing.T) {
	s, err := Start(t.Context(), postgrestest.Server(t).ConnString(), 1)
	testutil.NoError(t, err)
	t.Cleanup(func() { testutil.Check(t, s.Stop()) })
	var pids [2]int
	for i := range pids {
		conn, err := pgx.Connect(t.Context(), s.ConnString())
		testutil.NoError(t, err)
		defer conn.Close(t.Context())
		testutil.NoError(t, conn.QueryRow(t.Context(), "SELECT pg_backend_pid()").Scan(&pids[i]))
	}
	if pids[0] != pids[1] {
		t.Errorf("two clients have the backends %v, want one", pids)
	}
	testutil.NoError(t, s.Kill())
	testutil.NoError(t, s.Restart(t.Context()))
	conn, err := pgx.Connect(t.Context(), s.ConnString())
	testutil.NoError(t, err)
	conn.Close(t.Context())
}
