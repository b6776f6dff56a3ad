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
		{[]string{"a$b"}, `COPY "a$b"`},
		{[]string{"user"}, `COPY "user"`},
		{[]string{"left"}, `COPY "left"`},
		{[]string{"values"}, `COPY "values"`},
		{[]string{"name"}, "COPY name"},
		{[]string{"größe"}, `COPY "größe"`},
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

func TestCopyEqualsSummaryOfText(t *testing.T) {
	t.Parallel()
	for _, table := range [][]string{{"a"}, {"app", "accounts"}, {"A b", `c"d`}, {"select", "from"}} {
		name := Copy(table)
		if got := Summary(name + " FROM STDIN"); got != name {
			t.Errorf("Copy(%q) = %q, but the text gives %q", table, name, got)
		}
	}
}
