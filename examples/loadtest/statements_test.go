package main

import (
	"strings"
	"testing"

	"github.com/otelpool/otelpool-go/internal/testutil"
)

func TestFileHasWeightedStatements(t *testing.T) {
	t.Parallel()
	all, err := parseStatements("load.sql", `-- The shop's statements.

-- name: get_user weight: 30
SELECT *
FROM users -- all columns
WHERE id = 1;
--name:count_users
SELECT count(*) FROM users
`)
	testutil.NoError(t, err)
	want := []statement{
		{30, "get_user", "SELECT *\nFROM users -- all columns\nWHERE id = 1", "load.sql:3"},
		{1, "count_users", "SELECT count(*) FROM users", "load.sql:7"},
	}
	if len(all) != 2 || all[0] != want[0] || all[1] != want[1] {
		t.Errorf("%+v\nwant %+v", all, want)
	}
	testutil.Equal(t, "description", describeStatements(all), "by weight 30 get_user, 1 count_users")
	picked := make(map[string]int)
	for range 31_000 {
		picked[pick(all).name]++
	}
	if n := picked["count_users"]; n < 700 || n > 1300 {
		t.Errorf("picked %v, want about 1000 of count_users", picked)
	}
}

func TestFileErrorsQuoteLine(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"SELECT 1;":                             `load.sql:1: "SELECT 1;": SQL before the first name; want "-- name: get_user" or "-- name: get_user weight: 3", `,
		"\n-- name: a weight: 0\nSELECT 1":      `load.sql:2: "-- name: a weight: 0": want "-- name: get_user" or `,
		"-- name: a weight: 1000001\nSELECT 1":  `load.sql:1: "-- name: a weight: 1000001": want `,
		"-- name: a weight: many\nSELECT 1":     `load.sql:1: "-- name: a weight: many": want `,
		"-- name: a weigth: 3\nSELECT 1":        `load.sql:1: "-- name: a weigth: 3": want `,
		"-- weight: 3 name: a\nSELECT 1":        `load.sql:1: "-- weight: 3 name: a": want `,
		"-- name:\nSELECT 1":                    `load.sql:1: "-- name:": want `,
		"-- name: a\n;\n-- name: b\nSELECT 1":   `load.sql:1: "-- name: a": no SQL follows; want a statement in the lines after it`,
		"-- only a comment\n":                   `load.sql: it has no statement; want "-- name: get_user" or `,
		"-- name: a\nSELECT 1\n-- name b\nSELE": `load.sql:3: "-- name b": want `,
	} {
		if _, err := parseStatements("load.sql", text); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v\nwant %s", text, err, want)
		}
	}
}
