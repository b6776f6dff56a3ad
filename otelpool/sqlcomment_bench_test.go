package otelpool_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/otelpool"
)

// BenchmarkSQLComments looks up a row by its key, by turns in slices of ten calls with a span each. It reports the
// median of each setting in microseconds, and that of its ratio to the default in the same turn.
func BenchmarkSQLComments(b *testing.B) {
	const slice = 10
	all := otelpool.WithSQLComments(otelpool.CommentApplication, otelpool.CommentOperation, otelpool.CommentTraceparent)
	const sql = "SELECT relname FROM pg_class WHERE oid = $1"
	inText := func(traceparent string) string { return sql + " /*traceparent='" + traceparent + "'*/" }
	unchanged := func(string) string { return sql }
	settings := []struct {
		name string
		mode pgx.QueryExecMode
		text func(traceparent string) string
		opts []otelpool.Option
	}{
		{"cache", pgx.QueryExecModeCacheStatement, unchanged, nil},
		{"cache-comments", pgx.QueryExecModeCacheStatement, unchanged, []otelpool.Option{otelpool.WithSQLComments()}},
		{"cache-in-text", pgx.QueryExecModeCacheStatement, inText, nil},
		{"exec", pgx.QueryExecModeExec, unchanged, nil},
		{"exec-comments", pgx.QueryExecModeExec, unchanged, []otelpool.Option{all}},
		{"describe", pgx.QueryExecModeCacheDescribe, unchanged, nil},
		{"describe-comments", pgx.QueryExecModeCacheDescribe, unchanged, []otelpool.Option{all}},
	}
	pools := make([]fixture, len(settings))
	for i, s := range settings {
		pools[i] = setup(b, 1, func(c *pgxpool.Config) { c.ConnConfig.DefaultQueryExecMode = s.mode }, s.opts...)
	}
	took, ratios := make([][]float64, len(settings)), make([][]float64, len(settings))
	for turn := 0; b.Loop(); turn++ {
		of := make([]float64, len(settings))
		for _, at := range rand.Perm(len(settings)) {
			s, f := settings[at], pools[at]
			start := time.Now()
			for call := range slice {
				ctx, _ := spanned(context.Background(), byte(call+1))
				var name string
				traceparent := fmt.Sprintf("00-%032x-%016x-01", turn, call+1)
				if err := f.pool.QueryRow(ctx, s.text(traceparent), 1259).Scan(&name); err != nil || name != "pg_class" {
					b.Fatal(name, err)
				}
			}
			of[at] = float64(time.Since(start).Nanoseconds()) / slice / 1000
		}
		for i, us := range of {
			took[i] = append(took[i], us)
			ratios[i] = append(ratios[i], us/of[0])
		}
	}
	median := func(values []float64) float64 { slices.Sort(values); return values[len(values)/2] }
	b.ReportMetric(0, "ns/op") // the time of all settings together is of no use
	for i, s := range settings {
		b.ReportMetric(median(took[i]), s.name+"-us")
		b.ReportMetric(median(ratios[i]), s.name+"-ratio")
	}
}
