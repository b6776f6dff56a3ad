package gorm_test

import (
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"go.opentelemetry.io/otel"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelpool/otelpool-go/examples/frameworks/gorm"
	"github.com/otelpool/otelpool-go/exporters/prometheus"
	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

func TestMain(m *testing.M) { postgrestest.MainWithURL(m) }

// TestChangedLineMeasures checks that a service with one changed line serves the names of the SQLAlchemy guide.
func TestChangedLineMeasures(t *testing.T) {
	bridge, err := prometheus.New()
	testutil.NoError(t, err)
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(bridge))
	defer otel.SetMeterProvider(otel.GetMeterProvider())
	otel.SetMeterProvider(provider)
	db, err := gorm.Open(t.Context(), postgrestest.Database(t)+"&pool_max_conns=7")
	testutil.NoError(t, err)
	pool, err := db.DB()
	testutil.NoError(t, err)
	defer pool.Close()
	var n int
	if err := db.Raw("SELECT count(*) FROM pg_class").Scan(&n).Error; err != nil || n == 0 {
		t.Fatalf("%d tables: %v", n, err)
	}
	res := httptest.NewRecorder()
	bridge.ServeHTTP(res, httptest.NewRequest("GET", "/metrics", nil))
	for _, line := range []string{
		`db_pool_size{pool="orders"} 7`,
		`db_pool_checked_out{pool="orders"} 0`,
		`db_pool_checked_in{pool="orders"} 1`,
		`db_pool_overflow{pool="orders"} 0`,
		`db_pool_num_overflow{pool="orders"} 0`,
		`db_query_duration_seconds_count{db_system_name="postgresql",operation="SELECT pg_class",pool="orders"} 1`,
	} {
		if !strings.Contains(res.Body.String(), "\n"+line) {
			t.Errorf("no %s", line)
		}
	}
	if t.Failed() {
		t.Log(res.Body)
	}
}

// TestDiffInDocsMatchesCode compares the lines that docs/frameworks.md adds to a service with those that are tested here.
func TestDiffInDocsMatchesCode(t *testing.T) {
	docs, err := os.ReadFile("../../../docs/frameworks.md")
	testutil.NoError(t, err)
	code, err := os.ReadFile("gorm.go")
	testutil.NoError(t, err)
	_, diff, _ := strings.Cut(string(docs), "```diff\n")
	diff, _, _ = strings.Cut(diff, "```")
	added := 0
	for line := range strings.Lines(diff) {
		if text, ok := strings.CutPrefix(line, "+"); ok {
			added++
			if !strings.Contains(string(code), "\n"+text) {
				t.Errorf("not in gorm.go: %s", text)
			}
		}
	}
	if added == 0 || added > 3 {
		t.Errorf("%d lines are added", added)
	}
}

func TestOpenReturnsError(t *testing.T) {
	_, err := gorm.Open(t.Context(), "postgres://user@127.0.0.1:1/nowhere?pool_max_conns=none")
	testutil.ErrorContains(t, err, "pool_max_conns")
}
