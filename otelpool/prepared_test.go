package otelpool_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

// TestPreparedNameFollowsLatestText prepares, under one name, a statement, a second one that fails, and a third.
func TestPreparedNameFollowsLatestText(t *testing.T) {
	t.Parallel()
	f := setup(t, 1, nil)
	conn := acquire(t, f.pool)
	defer conn.Release()
	ctx := t.Context()
	prepare(t, conn, ctx, "p", "SELECT 1 FROM pg_class LIMIT 1")
	if _, err := conn.Conn().Prepare(ctx, "p", "SELECT 1 FROM pg_type LIMIT 1"); err == nil {
		t.Fatal("prepared twice")
	}
	execute(t, conn, ctx, "p") // still the first
	testutil.NoError(t, conn.Conn().Deallocate(ctx, "p"))
	prepare(t, conn, ctx, "p", "SELECT 1 FROM pg_proc LIMIT 1")
	execute(t, conn, ctx, "p")
	f.collect(t).checkCounts(t, map[string]uint64{
		operationKey("SELECT pg_class", ""): 1,
		operationKey("SELECT pg_type", ""):  0,
		operationKey("SELECT pg_proc", ""):  1,
	})
}

// TestPrepareOfNamedOperationCountsApart prepares and executes a statement with a context that names it, and does the same
// with one that a sqlc comment names.
func TestPrepareOfNamedOperationCountsApart(t *testing.T) {
	t.Parallel()
	f := setup(t, 1, nil)
	conn := acquire(t, f.pool)
	defer conn.Release()
	named := otelpool.WithOperation(t.Context(), "get_user")
	for i := range 3 {
		name := fmt.Sprint("p", i)
		prepare(t, conn, named, name, "SELECT 1 FROM pg_class LIMIT 1")
		execute(t, conn, named, name)
	}
	prepare(t, conn, t.Context(), "s", "-- name: CountRoles :one\nSELECT count(*) FROM pg_roles")
	execute(t, conn, t.Context(), "s")
	f.collect(t).checkCounts(t, map[string]uint64{
		operationKey("get_user", ""):           3,
		operationKey("PREPARE get_user", ""):   3,
		operationKey("CountRoles", ""):         1,
		operationKey("PREPARE CountRoles", ""): 1,
	})
}

// TestPreparedNameUsesWholeText has texts of which the beginning alone is remembered. The table's name is beyond it.
func TestPreparedNameUsesWholeText(t *testing.T) {
	t.Parallel()
	f := setup(t, 1, nil)
	f.exec(t, t.Context(), "CREATE TEMP TABLE customers_archive (a int)")
	const end = " FROM customers_archive"
	for i, sql := range []string{
		"SELECT a" + strings.Repeat(" ", 1024-len("SELECT a FROM customers")) + end, // the beginning ends within a name
		"SELECT a" + strings.Repeat(", a AS column_with_a_name", 60) + end,          // and before it
	} {
		conn := acquire(t, f.pool)
		name := fmt.Sprint("p", i)
		prepare(t, conn, t.Context(), name, sql)
		execute(t, conn, t.Context(), name)
		sendBatch(t, conn, t.Context(), name)
		conn.Release()
	}
	f.collect(t).checkCounts(t, map[string]uint64{operationKey("SELECT customers_archive", ""): 4})
}

// TestPreparedNamesAfterManyOthers prepares more statements than are remembered, each of a name of its own, and uses one that
// was prepared before them now and then.
func TestPreparedNamesAfterManyOthers(t *testing.T) {
	t.Parallel()
	f := setup(t, 1, nil)
	conn := acquire(t, f.pool)
	defer conn.Release()
	ctx := t.Context()
	const others = 1200
	prepare(t, conn, ctx, "first", "SELECT 1 FROM pg_type LIMIT 1")
	for i := range others {
		name := fmt.Sprint("p", i)
		prepare(t, conn, ctx, name, "SELECT 1 FROM pg_class LIMIT 1")
		execute(t, conn, ctx, name)
		testutil.NoError(t, conn.Conn().Deallocate(ctx, name))
		if i%100 == 0 {
			execute(t, conn, ctx, "first")
		}
	}
	f.collect(t).checkCounts(t, map[string]uint64{
		operationKey("SELECT pg_class", ""): others,
		operationKey("SELECT pg_type", ""):  others / 100,
	})
}

func TestPreparedTextsAreBounded(t *testing.T) {
	// Not parallel: it measures the heap.
	f := setup(t, 1, nil)
	conn := acquire(t, f.pool)
	defer conn.Release()
	heap := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	padding := strings.Repeat(" ", 512<<10)
	before := heap()
	for i := range 50 {
		name := fmt.Sprint("s", i)
		prepare(t, conn, t.Context(), name, "SELECT "+padding+fmt.Sprint(i))
		testutil.NoError(t, conn.Conn().Deallocate(t.Context(), name))
	}
	if after := heap(); after > before+10<<20 {
		t.Errorf("the heap grew by %d KiB", (after-before)>>10)
	}
}
