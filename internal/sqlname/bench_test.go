package sqlname

import (
	"strings"
	"testing"
)

func BenchmarkSummaryAndSanitize(b *testing.B) {
	for _, c := range []struct{ name, sql string }{
		{"begin", "begin"},
		{"select", "select id, name, email from users where id = $1"},
		{"typical", `SELECT o.id, o.created_at, c.name, sum(i.price * i.quantity) AS total
FROM app.orders o JOIN customers c ON c.id = o.customer_id
LEFT JOIN items i ON i.order_id = o.id WHERE o.state = 'open' GROUP BY 1, 2, 3 LIMIT 50`},
		{"megabytes", "insert into a (b, c) values " + strings.Repeat("($1, 'text'), ", 200_000)},
	} {
		for name, f := range map[string]func(string) string{"Summary": Summary, "Sanitize": Sanitize} {
			b.Run(name+", "+c.name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					f(c.sql)
				}
			})
		}
	}
}

func BenchmarkSQLC(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		SQLC("-- name: GetUser :one\nselect id, name, email from users where id = $1")
	}
}
