package sqlname

import (
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// allCases returns the statements of all tables.
func allCases() []statementCase {
	return slices.Concat(specExamples, specCases, queries, functions, withQueries, changes, transactions, commands, definitions)
}

func TestSummaryOfStatements(t *testing.T) {
	t.Parallel()
	for _, c := range allCases() {
		checkSummary(t, c)
	}
}

func checkSummary(t *testing.T, c statementCase) {
	t.Helper()
	if got := Summary(c.sql); got != c.want {
		t.Errorf("Summary(%.60q)\n got %q\nwant %q", c.sql, got, c.want)
	}
}

// checkName checks the properties that every name has.
func checkName(t *testing.T, sql, name string) {
	t.Helper()
	switch {
	case name == "":
		t.Errorf("the name of %q is empty", sql)
	case len(name) > maxBytes:
		t.Errorf("the name of %q has %d bytes", sql, len(name))
	case !utf8.ValidString(name):
		t.Errorf("the name %q of %q is not UTF-8", name, sql)
	case strings.IndexFunc(name, unicode.IsControl) >= 0:
		t.Errorf("the name %q of %q has control characters", name, sql)
	}
}

// respell returns the tokens of the text with other literals and with other
// space and comments between them.
func respell(sql string) string {
	var l lexer
	var b strings.Builder
	for l.reset(sql); ; {
		t := l.next()
		switch t.kind {
		case eof:
			return b.String()
		case literal:
			b.WriteString("'from x'")
		default:
			b.WriteString(l.s[t.start:t.end])
		}
		b.WriteString("\t/* select from y */ ")
	}
}

// checkSpelling checks that the summary depends only on names, keywords and
// punctuation.
func checkSpelling(t *testing.T, sql string) {
	t.Helper()
	other := respell(sql)
	if len(sql) > maxScan || len(other) > maxScan {
		return
	}
	if a, b := Summary(sql), Summary(other); a != b {
		t.Errorf("Summary(%q) = %q\nbut of %q it is %q", sql, a, other, b)
	}
}

func FuzzSummary(f *testing.F) {
	for _, c := range allCases() {
		f.Add(c.sql)
	}
	for _, sql := range []string{
		"", "-- ping", "select \x00", "'", "$a$", "/*", "\xff", "(((", "]", "1.$a$b$a$", "@e'", "a..b",
		"with recursive a as (select * from b), b as (select 1) table b",
		"select * from " + strings.Repeat("x", 300),
	} {
		f.Add(sql)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		name := Summary(sql)
		checkName(t, sql, name)
		if n := utf8.RuneCountInString(name); n > maxName {
			t.Errorf("the summary of %q has %d characters", sql, n)
		}
		own, _ := Of(sql)
		checkName(t, sql, own)
		checkSpelling(t, sql)
		if again := Summary(strings.Clone(sql)); again != name {
			t.Errorf("Summary(%q) is %q, then %q", sql, name, again)
		}
	})
}

func FuzzSQLC(f *testing.F) {
	for _, sql := range []string{
		"-- name: GetUser :one\nselect 1", "/* name: GetUser :many */ select 1", "# name: GetUser :one",
		"-- name: -- :one", "\n\n-- a\n/* b /* c */ */ -- name: x :exec", "'-- name: GetUser :one'", "",
		"-- name: größe :one\r\n", "--", "/*", "-- name: a\x00 :one", "/* name: GetUser :one",
	} {
		f.Add(sql)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		name, command, ok := SQLC(sql)
		if !ok {
			if name != "" || command != "" {
				t.Errorf("SQLC(%q) = %q, %q, false", sql, name, command)
			}
			return
		}
		checkName(t, sql, name)
		if !isName(name) {
			t.Errorf("SQLC(%q) = %q, which is no identifier", sql, name)
		}
		if len(sql) < maxScan/2 {
			if again, _ := Of("/*x*/\n" + sql); again != name || tokens(sql) != tokens("/*x*/\n"+sql) {
				t.Errorf("a comment before %q hides the name %q", sql, name)
			}
		}
		if other, _, ok := SQLC("select 1;" + sql); ok {
			t.Errorf("SQLC finds %q after a statement, before %q", other, sql)
		}
	})
}
