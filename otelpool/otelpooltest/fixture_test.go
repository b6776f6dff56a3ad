package otelpooltest_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
	"github.com/otelpool/otelpool-go/otelpool/otelpooltest"
)

func TestMain(m *testing.M) { postgrestest.MainWithURL(m) }

// spy is a testing.TB that keeps failures instead of reporting them.
type spy struct {
	testing.TB

	mu       sync.Mutex
	failures []string
}

func (s *spy) Errorf(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failures = append(s.failures, fmt.Sprintf(format, args...))
}

// only returns the one failure there must be, and removes it.
func (s *spy) only(t testing.TB) string {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.failures) != 1 {
		t.Fatalf("%d failures, want 1: %q", len(s.failures), s.failures)
	}
	failure := s.failures[0]
	s.failures = nil
	return failure
}

func mustContain(t testing.TB, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not in:\n%s", part, text)
		}
	}
}

// newPool returns an instrumented pool, which is closed at the end of the test.
func newPool(t testing.TB, opts ...otelpool.Option) (*pgxpool.Pool, *otelpool.Instrumentation) {
	t.Helper()
	pool, inst, err := otelpool.New(t.Context(), postgrestest.Shared(t), opts...)
	testutil.NoError(t, err)
	t.Cleanup(func() {
		testutil.NoError(t, inst.Unregister())
		postgrestest.ClosePool(t, pool)
	})
	return pool, inst
}

// recorded returns a Recorder and the spy that it reports to.
func recorded(t testing.TB) (*otelpooltest.Recorder, *spy) {
	s := &spy{TB: t}
	t.Cleanup(func() {
		if len(s.failures) > 0 {
			t.Errorf("the Recorder says %q", s.failures)
		}
	})
	return otelpooltest.NewRecorder(s), s
}

func exec(t testing.TB, pool *pgxpool.Pool, operation, sql string) error {
	t.Helper()
	_, err := pool.Exec(otelpool.WithOperation(t.Context(), operation), sql)
	return err
}

func mustExec(t testing.TB, pool *pgxpool.Pool, operation, sql string) {
	t.Helper()
	testutil.NoError(t, exec(t, pool, operation, sql))
}
