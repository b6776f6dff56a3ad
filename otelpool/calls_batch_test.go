package otelpool

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/otelpool/otelpool-go/otelpool/internal/instruments"
)

// sqlcBatch is a text that sqlc's generated code only sends in batches.
const sqlcBatch = "-- name: SetUser :batchexec\nUPDATE users"

func TestBatchIsNamedAsConventionsSay(t *testing.T) {
	t.Parallel()
	upper := func(_ context.Context, sql string) string { return strings.ToUpper(sql) }
	leaveIt := func(context.Context, string) string { return "" }
	for _, tt := range []struct {
		name     string
		fromUser func(context.Context, string) string
		ctx      context.Context
		sqls     []string
		want     string
	}{
		{"one query is that query", nil, t.Context(), []string{"select * from a"}, "SELECT a"},
		{"one text", nil, t.Context(), []string{"select * from a", "select * from a"}, "BATCH SELECT a"},
		{"one summary", nil, t.Context(), []string{"select x from a", "select y from a"}, "BATCH SELECT a"},
		{"several", nil, t.Context(), []string{"select * from a", "select * from a", "delete from a"}, "BATCH"},
		{"none", nil, t.Context(), nil, "BATCH"},
		{"caller", nil, WithOperation(t.Context(), "import"), []string{"select 1", "delete from a"}, "import"},
		{"caller, none", nil, WithOperation(t.Context(), "import"), nil, "import"},
		{"caller over function", upper, WithOperation(t.Context(), "import"), []string{"select 1", "delete from a"}, "import"},
		{"caller over function, alike", upper, WithOperation(t.Context(), "import"), []string{"x", "x"}, "import"},
		{"function that leaves it to the text", leaveIt, t.Context(), []string{"select * from a", "select 1 from a"}, "BATCH SELECT a"},
		{"unreadable", nil, t.Context(), []string{"nonsense", "more"}, OtherOperation},
		{"sqlc, one", nil, t.Context(), []string{sqlcBatch}, "BATCH SetUser"},
		{"sqlc, several", nil, t.Context(), []string{sqlcBatch, sqlcBatch, sqlcBatch}, "BATCH SetUser"},
		{"sqlc, not for batches, one", nil, t.Context(), []string{"-- name: SetUser :exec\nUPDATE users"}, "SetUser"},
		{"sqlc, one, caller", nil, WithOperation(t.Context(), "import"), []string{sqlcBatch}, "import"},
		{"sqlc, one, function", upper, t.Context(), []string{sqlcBatch}, strings.ToUpper(sqlcBatch)},
		{"function, one", upper, t.Context(), []string{"x"}, "X"},
		{"function, alike", upper, t.Context(), []string{"x", "X"}, "BATCH X"},
		{"function, several", upper, t.Context(), []string{"x", "y"}, "BATCH"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := &hooks{operations: instruments.NewOperations(instruments.OperationsConfig{Limit: 10, FromUser: tt.fromUser})}
			var queries []*pgx.QueuedQuery
			for _, sql := range tt.sqls {
				queries = append(queries, &pgx.QueuedQuery{SQL: sql})
			}
			if got := h.operations.Named(h.batchName(tt.ctx, new(conn), queries)).Name; got != tt.want {
				t.Errorf("named %q, want %q", got, tt.want)
			}
		})
	}
}
