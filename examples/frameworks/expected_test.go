package main

import (
	"regexp"
	"strings"

	"github.com/otelpool/otelpool-go/examples/frameworks/river"
	"github.com/otelpool/otelpool-go/otelpool/diagnose"
)

// expected is what otelpool must report about a library.
type expected struct {
	names  map[string]string // of operations, by the beginning of the text that the library sends
	perRun map[string]int    // calls of each run, without those of the leak
	units  []string          // of work that hold connections, sorted
	own    *regexp.Regexp    // further units of work, of the library itself
	closed map[string]int64  // connections by reason
	leak   string            // the unit of work that leaks
	kind   diagnose.Kind     // the finding of the leak
	nested int64             // acquires of the leak
}

// generated matches sqlc's comment with the name.
var generated = regexp.MustCompile(`^-- name: (\w+) :`)

// name returns the name of an operation, "" if its text is not expected.
func (e expected) name(text string) string {
	switch text {
	case "begin", "commit", "rollback":
		return strings.ToUpper(text)
	}
	longest, name := "", ""
	for begin, n := range e.names {
		if strings.HasPrefix(text, begin) && len(begin) > len(longest) {
			longest, name = begin, n
		}
	}
	if comment := generated.FindStringSubmatch(text); comment != nil && name == "" {
		return comment[1]
	}
	return name
}

// requests are the units of work of a shop.
var requests = []string{"GET /orders", "POST /orders", "POST /users"}

var expectations = map[string]expected{
	"goose": {
		names: map[string]string{
			"SELECT EXISTS ( SELECT 1 FROM pg_tables":             "SELECT SELECT pg_tables",
			"SELECT version_id, is_applied from goose_db_version": "SELECT goose_db_version",
			"SELECT max(version_id) FROM goose_db_version":        "SELECT goose_db_version",
			"INSERT INTO goose_db_version":                        "INSERT goose_db_version",
			"CREATE TABLE":                                        "CREATE TABLE",
			"CREATE INDEX CONCURRENTLY":                           "CREATE INDEX",
			"SELECT count(*) FROM users":                          "SELECT users",
		},
		units: []string{"migrate"},
		leak:  "migrate", kind: diagnose.IdleInTransaction, nested: 2,
	},
	"sqlc": {
		names:  map[string]string{"batch of -- name: AddOrders :batchexec": "BATCH AddOrders"},
		perRun: map[string]int{"AddUser": 1, "GetUser": 1, "BATCH AddOrders": 1, "COMMIT": 1},
		units:  requests,
		leak:   "GET /report", kind: diagnose.IdleInTransaction,
	},
	"sqlx": {
		names: map[string]string{
			"INSERT INTO users (name) VALUES ($1)":                    "INSERT users",
			"SELECT name FROM users WHERE id = $1":                    "get_user", // by WithOperation
			"INSERT INTO orders (user_id, cents) VALUES ($1, $2),($3": "INSERT orders",
			"SELECT cents FROM orders WHERE user_id = $1":             "SELECT orders",
			"SELECT name FROM users":                                  "SELECT users",
		},
		perRun: map[string]int{"INSERT users": 1, "BEGIN": 1, "get_user": 1, "INSERT orders": 1, "SELECT orders": 1},
		units:  requests,
		leak:   "GET /report", kind: diagnose.SlowReader,
	},
	"gorm": {
		names: map[string]string{
			`INSERT INTO "users" ("name") VALUES ($1) RETURNING`:      "INSERT users",
			`SELECT * FROM "users" WHERE "users"."id" = $1`:           "SELECT users",
			`INSERT INTO "orders" ("user_id","cents") VALUES ($1,$2)`: "INSERT orders",
			`SELECT * FROM "orders" WHERE "orders"."user_id" = $1`:    "SELECT orders",
			`SELECT count(*) FROM "users"`:                            "SELECT users",
		},
		// GORM runs each write in a transaction.
		perRun: map[string]int{"INSERT users": 1, "INSERT orders": 1, "COMMIT": 2, "SELECT orders": 1},
		units:  append([]string{""}, requests...), // gorm.Open pings, outside of a scope
		leak:   "GET /report", kind: diagnose.IdleInTransaction,
	},
	"ent": {
		names: map[string]string{
			`INSERT INTO "users" ("name") VALUES ($1) RETURNING "id"`: "INSERT users",
			`SELECT "id" FROM "users"`:                                "SELECT users",
			`INSERT INTO "orders" ("user_id", "cents") VALUES ($1`:    "INSERT orders",
			`SELECT "cents" FROM "orders" WHERE "user_id" = $1`:       "SELECT orders",
		},
		perRun: map[string]int{"INSERT users": 1, "INSERT orders": 1, "COMMIT": 1, "SELECT orders": 1},
		units:  requests,
		leak:   "GET /report", kind: diagnose.IdleInTransaction,
	},
	"bun": {
		names: map[string]string{
			`INSERT INTO "users" ("id", "name") VALUES (DEFAULT, 'Ada')`:                             "INSERT users",
			`SELECT "user"."id", "user"."name" FROM "users" AS "user"`:                               "SELECT users",
			`INSERT INTO "orders" ("id", "user_id", "cents") VALUES (DEFAULT`:                        "INSERT orders",
			`SELECT "order"."id", "order"."user_id", "order"."cents" FROM "orders" AS "order" WHERE`: "SELECT orders",
			`SELECT count(*) FROM "users" AS "user"`:                                                 "SELECT users",
		},
		perRun: map[string]int{"INSERT users": 1, "INSERT orders": 1, "COMMIT": 1, "SELECT orders": 1},
		units:  requests,
		leak:   "GET /report", kind: diagnose.IdleInTransaction,
	},
	"river": {
		names: map[string]string{
			"SELECT 1":                                   "SELECT",
			"SELECT coalesce(current_schema(), '')":      "SELECT current_schema",
			`LISTEN "public.river_`:                      "LISTEN",
			`UNLISTEN "public.river_`:                    "UNLISTEN",
			"SELECT coalesce(sum(cents), 0) FROM orders": "SELECT orders",
			"SELECT count(*) FROM users":                 "SELECT users",
		},
		perRun: map[string]int{"SELECT orders": river.Jobs},
		units:  []string{"POST /receipts", "send_receipt"},
		own:    regexp.MustCompile(`^((Job|Leader|Queue|PG)[A-Za-z]+|SELECT)?$`), // of goroutines without a scope; one may end before its first query
		closed: map[string]int64{"hijacked": 1},                                  // the listener
		leak:   "report", kind: diagnose.IdleInTransaction,
	},
}
