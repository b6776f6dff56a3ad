package sqlname

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// sanitizeCases has the texts of statements and what Sanitize makes of them.
var sanitizeCases = []statementCase{
	// Literals of every kind.
	{"select 12, 12.5, .5, 1., 1e10, 1.5E-3, 0x1F, 0b01, 0o17, 1_000, 12abc", "select ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?"},
	{"select 'a', 'it''s', ''", "select ?, ?, ?"},
	{`select E'it\'s', e'\\', 'C:\\', 'a\b'`, "select ?, ?, ?, ?"},
	{`select B'01', X'1F', N'a', U&'\0041', u&'a' uescape '!'`, "select ?, ?, ?, ?, ? uescape ?"},
	{"select $$a$$, $t$ $$ ' -- $t$", "select ?, ?"},
	{"select 'a'\n'b', 'a' 'b'", "select ?, ? ?"},
	{"select interval '1 day', date '2024-01-01', '{1,2}'::int[]", "select interval ?, date ?, ?::int[]"},
	{"select a->>'key', a#>'{b,1}', a @> '{\"b\": 1}' from t", "select a->>?, a#>?, a @> ? from t"},
	{"select a[1], a[2:3], array[1, 2] from t", "select a[?], a[?:?], array[?, ?] from t"},
	{"select * from t limit 10 offset 20", "select * from t limit ? offset ?"},
	{"select cast('1' as numeric(10,2)), a::varchar(5)", "select cast(? as numeric(?,?)), a::varchar(?)"},
	{"create role u login password 'secret' valid until '2030-01-01'", "create role u login password ? valid until ?"},
	{"alter user u password E'sec\\'ret'", "alter user u password ?"},
	{"set app.token = 'secret'", "set app.token = ?"},
	{"select'a'from t where b='c'and d=1", "select?from t where b=?and d=?"},

	// Signs.
	{"select -1, +2, (-3), a[-1] from t where b = -1 and c >-2.5 or d between -1 and -.5",
		"select ?, ?, (?), a[?] from t where b = ? and c >? or d between ? and ?"},
	{"select a - 1, a-1, a -1, f()-1, $1-1, a+-1, - 1, -a from t", "select a - ?, a-?, a -?, f()-?, $1-?, a+-?, - ?, -a from t"},
	{"select * from t order by -1 limit +1", "select * from t order by ? limit ?"},

	// Not literals.
	{"select $1, $2::int, @name, :name, a from t where b = $3", "select $1, $2::int, @name, :name, a from t where b = $3"},
	{"select true, FALSE, null, default, current_date", "select true, FALSE, null, default, current_date"},
	{`select "a 1", "it's", "x""y", U&"\0041" from "t--u" t2`, `select "a 1", "it's", "x""y", U&"\0041" from "t--u" t2`},
	{"select c3po, größe from a$1 as 数据", "select c3po, größe from a$1 as 数据"},
	{"select a ? 'b', a ?| array['b']", "select a ? ?, a ?| array[?]"},

	// White space and comments.
	{" \n select\t1 ;\r\n", "select ? ;"},
	{"-- name: Get :one\nselect/* a /* b */ 'c' */1 -- d", "select ?"},
	{"/*a*/ select a/**/b, a -- 'x\n+ b /*traceparent='00-1'*/", "select a b, a + b"},
	{"select 1 - -1, 1 -/**/- 1", "select ? - -?, ? - - ?"},
	{"", ""},
	{" -- a", ""},
	{"/* a /* b */", ""},

	// Lists.
	{"select * from t where a in (1, 2,3 , -4)", "select * from t where a in (?)"},
	{"select * from t where a IN ( 1, 2 ) and b not in('c','d')", "select * from t where a IN ( ? ) and b not in(?)"},
	{"select * from t where (a, b) in ((1, 'x'), (2, 'y'))", "select * from t where (a, b) in ((?))"},
	{"select * from t where a in ('x'::uuid, 'y'::uuid)", "select * from t where a in (?::uuid)"},
	{"select * from t where a in ($1, $2, $2)", "select * from t where a in ($1, $2, $2)"},
	{"select * from t where a in (null, null, 1)", "select * from t where a in (null, null, ?)"},
	{"select * from t where a in (1, b, 2, 3+4, 5+6)", "select * from t where a in (?, b, ?, ?+?)"},
	{"select * from t where a in (select 1, 1 from u where b in (1, 2))",
		"select * from t where a in (select ?, ? from u where b in (?))"},
	{"select * from t where a in (f(1, 1), array[1, 1])", "select * from t where a in (f(?, ?), array[?, ?])"},
	{"insert into t values (1, 'a', $1), (2, 'b', $1)", "insert into t values (?, $1)"},
	{"insert into t values (1, now(), 2), (1, now(), 2) on conflict (a, b) do update set c = 1, d = 1",
		"insert into t values (?, now(), ?) on conflict (a, b) do update set c = ?, d = ?"},
	{"insert into t values (1), (2) returning 1, 1", "insert into t values (?) returning ?, ?"},
	{"select * from (values (1, 'a'), (2, 'b')) v, f(1, 1), f(1, 1)", "select * from (values (?)) v, f(?, ?), f(?, ?)"},
	{"values (1),(2) ; select 1, 1", "values (?) ; select ?, ?"},
	{"values (1), (2)", "values (?)"},
	{"values (1), (2) (3), (3)", "values (?) (?), (?)"},
	{"values (1)), (1), (1)", "values (?)), (?), (?)"},

	// Strings whose end is uncertain.
	{"select 1, 'a", "select ?, ?"},
	{`select "a from t`, "select ?"},
	{"select $a$ from t", "select ?"},
	{"select a /* from t", "select a"},
	{`select * from t where a like 'b' escape '\' and c = 1`, "select * from t where a like ? escape ?"},
	{`select 'a\' or b = ' from t`, "select ?"},
	{`select 'a\'' from t`, "select ?"},
	{`select N'a\' from t`, "select ?"},
	{`select $$\'$$, E'\'', e'a' '\''`, "select ?, ?, ? ?"},

	// Bytes that are not text.
	{"select \x00 \x01a, \x7f from t\xff, \"b\n\x00\u0085\"", "select ? ?a, ? from t\uFFFD, \"b\uFFFD\uFFFD\uFFFD\""},
	{"select '\xff\x00' from t", "select ? from t"},
}

// sanitizeSpec has what the specification expects of its test cases, with each
// run of white space as one space. It gives "??" for "99+100"; Sanitize keeps the
// operator.
var sanitizeSpec = []statementCase{
	{"SELECT 12, -12, +12", "SELECT ?, ?, ?"},
	{"SELECT 12.34, -12.34, +12.34, .01, -.01", "SELECT ?, ?, ?, ?, ?"},
	{"SELECT 12.34e56, -12.34e56, +12.34e56", "SELECT ?, ?, ?"},
	{"SELECT 12.34e-56, -12.34e-56, +12.34e-56", "SELECT ?, ?, ?"},
	{"SELECT 99+100", "SELECT ?+?"},
	{"SELECT 0xDEADBEEF, 0XdeadBEEF", "SELECT ?, ?"},
	{"SELECT 'My name is \n not important'", "SELECT ?"},
	{"SELECT c3po, r2d2 FROM covid19 WHERE n1h1=1234", "SELECT c3po, r2d2 FROM covid19 WHERE n1h1=?"},
	{"INSERT INTO X VALUES(1, 23456, 123.456, 99+100)", "INSERT INTO X VALUES(?, ?+?)"},
	{"SELECT { guid '01234567-89ab-cdef-0123-456789abcdef' }", "SELECT { guid ? }"},
	{"SELECT * FROM table WHERE value IN (123, 456, 'abc')", "SELECT * FROM table WHERE value IN (?)"},
	{"SELECT column -- end of line comment\nFROM /* block \n comment */ table", "SELECT column FROM table"},
	{"CREATE  TABLE MyTable (\n    ID NOT NULL IDENTITY(1,1) PRIMARY KEY\n)",
		"CREATE TABLE MyTable ( ID NOT NULL IDENTITY(?,?) PRIMARY KEY )"},
	{"ALTER  TABLE MyTable ADD Name varchar(255)", "ALTER TABLE MyTable ADD Name varchar(?)"},
}

// checkText checks the properties that every sanitized text has.
func checkText(t *testing.T, sql, text string) {
	t.Helper()
	switch {
	case len(text) > maxText:
		t.Errorf("the text of %.100q has %d bytes", sql, len(text))
	case !utf8.ValidString(text):
		t.Errorf("the text %.100q of %.100q is not UTF-8", text, sql)
	case strings.IndexFunc(text, unicode.IsControl) >= 0:
		t.Errorf("the text %.100q of %.100q has control characters", text, sql)
	case strings.Trim(text, " ") != text:
		t.Errorf("the text %.100q of %.100q is not trimmed", text, sql)
	}
	if again := Sanitize(text); again != text {
		t.Errorf("Sanitize(%.100q) is not stable\n got %q\nthen %q", sql, text, again)
	}
}

func checkSanitize(t *testing.T, c statementCase) {
	t.Helper()
	got := Sanitize(c.sql)
	if got != c.want {
		t.Errorf("Sanitize(%.100q)\n got %q\nwant %q", c.sql, got, c.want)
	}
	checkText(t, c.sql, got)
}

func TestSanitizeMasksLiterals(t *testing.T) {
	t.Parallel()
	for _, c := range slices.Concat(sanitizeCases, sanitizeSpec) {
		checkSanitize(t, c)
	}
}

func TestSanitizeKeepsSummary(t *testing.T) {
	t.Parallel()
	for _, c := range allCases() {
		text := Sanitize(c.sql)
		checkText(t, c.sql, text)
		if a, b := Summary(c.sql), Summary(text); a != b && utf8.ValidString(c.sql) {
			t.Errorf("Summary(%q) = %q\nbut of %q it is %q", c.sql, a, text, b)
		}
	}
}

func TestSanitizeCutsBetweenTokens(t *testing.T) {
	t.Parallel()
	long := "select " + strings.Repeat("größe, ", 1000) + "a"
	got := Sanitize(long)
	checkText(t, long, got)
	if !strings.HasSuffix(got, ", größe…") && !strings.HasSuffix(got, "größe,…") || len(got) < maxText-10 {
		t.Errorf("got %d bytes that end in %q", len(got), got[len(got)-20:])
	}
	exact := "select " + strings.Repeat("a", maxText-len("select "))
	checkSanitize(t, statementCase{exact, exact})
	checkSanitize(t, statementCase{exact + "a", "select…"})
	// Both limits at each byte of a token.
	tails := []string{
		`"a b" c`, "'secret' c", "/* secret */ c", "$$secret$$ c", "-1 c", "values (1), (2) coalesce", "in (1, 2) c",
		"é c",
	}
	for _, tail := range tails {
		for i := range len(tail) + 5 {
			for _, filler := range []string{
				strings.Repeat("b", maxText-len("select , ")-i), strings.Repeat(" ", maxTextScan-len("select , ")-i),
			} {
				sql := "select " + filler + ", " + tail
				got := Sanitize(sql)
				checkText(t, sql, got)
				half := strings.Contains(got, "coal") && !strings.Contains(got, "coalesce")
				if half || strings.Contains(got, "secret") || strings.Contains(got, "(?), (?)") {
					t.Errorf("with %q cut after %d bytes: %q", tail, i, got[max(0, len(got)-40):])
				}
			}
		}
	}
}

// fragments are pieces of texts that mean something else next to each other.
var fragments = []string{
	"(", ")", "[", "]", ",", ", ", "?", "?, ?", "$", "$1", "$a$", "$$", "a", "e", "E'", "u&", "b'1'", "'", "''",
	`\'`, `\`, `"`, "1", ".5", "1e", "-", "+", "--", "\n", "/*", "*/", "/", "*", ".", ":", "::", "=", "<", " ", "  ",
	"in", "in (", "values ", "values (", "select", "with ", "(1), (2)", "1, 2", "(1,'a')", "é", "\xff", "\x00",
	"…", ";",
}

func TestSanitizeIsStable(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 0))
	for i := range 20_000 {
		var b strings.Builder
		if i%2 == 0 { // up to the limit
			b.WriteString(strings.Repeat("a", maxText-5-r.IntN(30)))
		}
		for range r.IntN(30) {
			b.WriteString(fragments[r.IntN(len(fragments))])
		}
		sql := b.String()
		checkText(t, sql, Sanitize(sql))
	}
}

func TestSanitizeReadsABoundedPrefix(t *testing.T) {
	t.Parallel()
	for _, c := range []statementCase{
		{"select '" + strings.Repeat("s", maxTextScan) + "' from t", "select…"},
		{"select /*" + strings.Repeat("s", maxTextScan) + "*/ from t", "select…"},
		{"select \"" + strings.Repeat("s", maxTextScan) + "\" from t", "select…"},
		{"select a" + strings.Repeat(" ", maxTextScan) + "from t", "select a…"},
		{`select 'a\'` + strings.Repeat(" ", maxTextScan) + "from t", "select…"},
		{"insert into t values (1)" + strings.Repeat(",(1)", 10_000), "insert into t values (?)"},
		{"table t where a in (1" + strings.Repeat(", 'text'", 5000) + ")", "table t where a in (?)"},
	} {
		checkSanitize(t, c)
	}
}

func TestSanitizeBoundsNesting(t *testing.T) {
	t.Parallel()
	for _, depth := range []int{1, maxLists - 2, maxLists, 300} {
		for _, open := range []string{"(", "in (", "values ("} {
			sql := strings.Repeat(open, depth) + "1, 2" + strings.Repeat(")", depth+1)
			checkText(t, sql, Sanitize(sql))
		}
	}
	deep := strings.Repeat("(", maxLists)
	checkSanitize(t, statementCase{deep + "values (1, 2)", deep + "values (?, ?)"})
	checkSanitize(t, statementCase{deep[2:] + "values (1, 2)", deep[2:] + "values (?)"})
}

func TestSanitizeOfCleanTextDoesNotAllocate(t *testing.T) {
	for _, sql := range []string{"", "begin", "select id, name from users where id = $1 and state in ($2, $3)"} {
		if n := testing.AllocsPerRun(100, func() { Sanitize(sql) }); n != 0 {
			t.Errorf("Sanitize(%q) allocates %v times", sql, n)
		}
	}
}

func FuzzSanitize(f *testing.F) {
	for _, c := range slices.Concat(sanitizeCases, sanitizeSpec) {
		f.Add(c.sql, uint64(0))
	}
	for i, body := range bodies {
		f.Add(body, uint64(i))
	}
	f.Fuzz(func(t *testing.T, body string, seed uint64) {
		checkText(t, body, Sanitize(body))
		checkSanitizeSecrecy(t, seed, body)
	})
}
