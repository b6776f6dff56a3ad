package sqlname

import (
	"strings"
	"testing"
)

func TestCopyQuotesLikePostgreSQL(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		table []string
		want  string
	}{
		{nil, "COPY"},
		{[]string{"accounts"}, "COPY accounts"},
		{[]string{"app", "accounts"}, "COPY app.accounts"},
		{[]string{"app", "Accounts"}, `COPY app."Accounts"`},
		{[]string{"weird table"}, `COPY "weird table"`},
		{[]string{`a"b`, `"`}, `COPY "a""b".""""`},
		{[]string{"1a"}, `COPY "1a"`},
		{[]string{"_a1"}, "COPY _a1"},
		{[]string{"a$b"}, "COPY a$b"},
		{[]string{"user"}, `COPY "user"`},
		{[]string{"app", "user"}, "COPY app.user"},
		{[]string{"left"}, "COPY left"},
		{[]string{"values"}, "COPY values"},
		{[]string{"name"}, "COPY name"},
		{[]string{"größe"}, "COPY größe"},
		{[]string{""}, `COPY ""`},
		{[]string{"a\nb\x80"}, "COPY \"a\uFFFDb\uFFFD\""},
		{[]string{strings.Repeat("x", maxName-5)}, "COPY " + strings.Repeat("x", maxName-5)},
		{[]string{strings.Repeat("x", maxName-4)}, "COPY"},
		{[]string{"a", strings.Repeat("X", maxName)}, "COPY"},
	} {
		if got := Copy(c.table); got != c.want {
			t.Errorf("Copy(%q) = %q, want %q", c.table, got, c.want)
		}
	}
}

func TestPrefixKeepsTargetsWhole(t *testing.T) {
	t.Parallel()
	fits := "SELECT " + strings.Repeat("é", maxName-len("BATCH SELECT "))
	for _, c := range []struct{ summary, want string }{
		{"SELECT users", "BATCH SELECT users"},
		{fits, "BATCH " + fits},
		{fits + "é", "BATCH SELECT"},
		{fits[:len(fits)-4] + " a b", "BATCH " + fits[:len(fits)-4] + " a"},
		{`SELECT a "` + strings.Repeat("b ", 45) + `"`, "BATCH SELECT a"},
		{`SELECT "a b" ` + strings.Repeat("c", 90), `BATCH SELECT "a b"`},
		{`SELECT "a"" b" ` + strings.Repeat("c", 90), `BATCH SELECT "a"" b"`},
	} {
		if got := Prefix("BATCH", c.summary); got != c.want {
			t.Errorf("Prefix(%q)\n got %q\nwant %q", c.summary, got, c.want)
		}
	}
}

func TestCopyEqualsSummaryOfText(t *testing.T) {
	t.Parallel()
	for _, table := range [][]string{{"a"}, {"app", "accounts"}, {"A b", `c"d`}, {"select", "from"}, {"left", "größe", "a$b"}, {"Größe"}} {
		name := Copy(table)
		if got := Summary(name + " FROM STDIN"); got != name {
			t.Errorf("Copy(%q) = %q, but the text gives %q", table, name, got)
		}
	}
}
