package pgbouncer

import (
	"os"
	"path/filepath"
	"strings"
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
	t.Logf("PgBouncer %s", s.Version())
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

func TestMissingProgramErrorSuggestsFixes(t *testing.T) {
	t.Setenv(BinEnv, filepath.Join(t.TempDir(), "nothing"))
	if _, err := Find(t.Context()); err == nil || !strings.Contains(err.Error(), BinEnv) {
		t.Errorf("the error is %v", err)
	}
	t.Setenv("PATH", t.TempDir()) // without apt-get
	if _, err := Fetch(t.Context()); err == nil || !strings.Contains(err.Error(), "apt-get install pgbouncer") {
		t.Errorf("the error is %v", err)
	}
	t.Setenv(BinEnv, os.Args[0])
	if _, err := Find(t.Context()); err == nil {
		t.Error("a program that is no PgBouncer was taken for one")
	}
}
