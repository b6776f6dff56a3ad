package hostile

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

// FuzzSQL runs texts on a real pool. The server only parses them.
func FuzzSQL(f *testing.F) {
	const limit = 20
	for i, sql := range append(nasty, "SELECT * FROM t WHERE a = 'x'", "WITH a AS (SELECT 1) INSERT INTO b SELECT * FROM a", "COPY t FROM STDIN",
		"DO $$ BEGIN END $$", "SELECT $1::int", "SELECT 1; SELECT 2", strings.Repeat("(", 1000), strings.Repeat("/*", 1000)) {
		f.Add(sql, uint8(i))
	}
	s := newService(f, onDatabase(f, 2), otelpool.WithOperationLimit(limit), otelpool.WithReturnedRows())
	executions := 0
	f.Fuzz(func(t *testing.T, sql string, kind uint8) {
		ctx, cancel := context.WithTimeout(context.Background(), waitLimit)
		defer cancel()
		switch kind % 4 {
		case 0:
			postgrestest.ExecContext(ctx, t, s.pool, sql, rewriteTo("SELECT 1"))
		case 1: // the server parses and executes nothing
			conn, err := s.pool.Acquire(ctx)
			testutil.NoError(t, err)
			if _, err := conn.Conn().Prepare(ctx, "fuzzed", sql); err == nil {
				postgrestest.ExecContext(ctx, t, conn, "fuzzed", rewriteTo("SELECT 1"))
				_ = conn.Conn().Deallocate(ctx, "fuzzed")
			}
			conn.Release()
		case 2:
			var batch pgx.Batch
			for range 1 + kind/4%3 {
				batch.Queue(sql, rewriteTo("SELECT 1"))
			}
			batch.Queue("SELECT 2")
			testutil.Check(t, s.pool.SendBatch(ctx, &batch).Close())
		case 3:
			if _, err := s.pool.CopyFrom(ctx, pgx.Identifier{sql, "t"}, []string{"a"}, pgx.CopyFromRows(nil)); err == nil {
				t.Error("there is such a table")
			}
		}
		if executions++; executions%100 != 1 {
			return
		}
		page := scrapeAll(t, s.exporter)
		operations := map[string]bool{}
		for _, sample := range page.of("db_query_duration_seconds_count") {
			operations[sample.labels.Get("operation")] = true
		}
		if len(operations) > 2*limit+1 { // sqlc names, summaries and _OTHER
			t.Errorf("%d operations, the limit is %d of each source", len(operations), limit)
		}
		testutil.Equal(t, "pending", page.sum("db_pool_pending"), 0)
	})
}

// rewriteTo makes pgx send another text than the one that its tracers receive.
type rewriteTo string

func (r rewriteTo) RewriteQuery(context.Context, *pgx.Conn, string, []any) (string, []any, error) {
	return string(r), nil, nil
}
