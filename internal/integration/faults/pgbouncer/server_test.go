package pgbouncer

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

func TestClientsShareConnectionPerTransaction(t *testing.T) {
	s, err := Start(t.Context(), postgrestest.Server(t).ConnString(), 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	var pids [2]int
	for i := range pids {
		conn, err := pgx.Connect(t.Context(), s.ConnString())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(t.Context())
		if err := conn.QueryRow(t.Context(), "SELECT pg_backend_pid()").Scan(&pids[i]); err != nil {
			t.Fatal(err)
		}
	}
	if pids[0] != pids[1] {
		t.Errorf("two clients have the backends %v, want one", pids)
	}
	if err := s.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := s.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), s.ConnString())
	if err != nil {
		t.Fatal(err)
	}
	conn.Close(t.Context())
}
