package otelpool_test

import (
	"context"
	"log/slog"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

var (
	timeText     = regexp.MustCompile(`^time=\S+ `)
	durationText = regexp.MustCompile(`duration=\S+`)
)

func TestSlowQueryIsLogged(t *testing.T) {
	t.Parallel()
	all := []otelpool.Option{
		otelpool.WithQueryText(otelpool.QueryTextSanitized),
		otelpool.WithQueryParameters(func(_, key string, _ any) (string, bool) { return "shown", key == "0" }),
	}
	slow := executes("SELECT pg_sleep(0.06), 'hunter2', $1::text", "hunter2")
	for _, tt := range []struct {
		name string
		opts []otelpool.Option
		call func(context.Context, *pgxpool.Conn)
		want string
	}{
		{"query", nil, slow,
			`level=WARN msg="slow query" pool=test operation="SELECT pg_sleep" duration=D rows=1 unit_of_work="GET /" trace_id=ab000000000000000000000000000001 span_id=0000000000000002`},
		{"with text and parameters", all, slow,
			`level=WARN msg="slow query" pool=test operation="SELECT pg_sleep" duration=D rows=1 unit_of_work="GET /" trace_id=ab000000000000000000000000000001 span_id=0000000000000002 sql="SELECT pg_sleep(?), ?, $1::text" parameters.0=shown`},
		{"batch that fails", all, func(ctx context.Context, c *pgxpool.Conn) {
			b := batchOf("SELECT pg_sleep(0.06), 'hunter2'")
			b.Queue("SELECT 1 / $1::int", 0)
			_ = c.SendBatch(ctx, b).Close()
		}, `level=WARN msg="slow query" pool=test operation=BATCH duration=D error_type=22012 unit_of_work="GET /" trace_id=ab000000000000000000000000000001 span_id=0000000000000002 sql="SELECT pg_sleep(?), ?; SELECT ? / $1::int"`},
		{"quick", all, executes("SELECT 1"), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var log testutil.Buffer
			threshold := 50 * time.Millisecond
			if tt.want == "" {
				threshold = time.Minute
			}
			opts := append(tt.opts, otelpool.WithSlowQuery(threshold), otelpool.WithLogger(slog.New(slog.NewTextHandler(&log, nil))))
			f := setup(t, 1, nil, opts...)
			ctx, _ := spanned(otelpool.WithScope(t.Context(), "GET /"), 2)
			conn := acquireWith(t, f.pool, ctx)
			tt.call(ctx, conn)
			conn.Release()
			if tt.want != "" {
				testutil.Eventually(t, "a line is logged", func() bool { return strings.Contains(log.String(), "\n") })
			}
			got := durationText.ReplaceAllString(strings.TrimSpace(log.String()), "duration=D")
			got = timeText.ReplaceAllString(got, "")
			if tt.want != got {
				t.Errorf("got\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}
