package otelpool_test

import (
	"context"
	"sync"
	"testing"

	"github.com/otelpool/otelpool-go/otelpool"
)

// TestParallelQueriesOfScopeAreNotNested has the goroutines of one request query side by side.
func TestParallelQueriesOfScopeAreNotNested(t *testing.T) {
	t.Parallel()
	f := setup(t, 10, nil)
	ctx := otelpool.WithScope(t.Context(), "GET /orders")
	for range 12 {
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() { count(t, f, ctx) })
		}
		wg.Wait()
	}
	f.collect(t).check(t, map[string]int64{"pgxpool.acquires{result=ok}": 120, "pgxpool.nested_acquires": 0})
}

// TestQueryInsideRowsIsNested queries in a loop over the rows of another query.
func TestQueryInsideRowsIsNested(t *testing.T) {
	t.Parallel()
	f := setup(t, 2, nil)
	ctx := otelpool.WithScope(t.Context(), "GET /orders")
	rows, err := f.pool.Query(ctx, "SELECT generate_series(1, 3)")
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		count(t, f, ctx)
	}
	if err := rows.Err(); err != nil {
		t.Error(err)
	}
	count(t, f, ctx) // the rows are closed
	f.collect(t).check(t, map[string]int64{"pgxpool.acquires{result=ok}": 5, "pgxpool.nested_acquires": 3})
}

// count makes a query whose rows take a moment.
func count(t *testing.T, f fixture, ctx context.Context) {
	t.Helper()
	var n int
	if err := f.pool.QueryRow(ctx, "SELECT count(*) FROM generate_series(1, 10000)").Scan(&n); err != nil || n != 10000 {
		t.Errorf("counted %d, %v", n, err)
	}
}
