package sqlname

import (
	"strings"
	"testing"
)

func TestSummaryOfUnreadableTextIsOther(t *testing.T) {
	t.Parallel()
	for _, sql := range []string{
		"", " \n\t", ";", ";;", "-- ping", "/* a */ -- b\n", "/* select 1", "'select 1'", "$$select 1$$",
		"17", "\x00", "\xff\xfe", "{call proc}", "garbage in", `"select" 1`, "+", "(", ")", "selec 1",
		strings.Repeat("(", 1000), strings.Repeat(")", 1000), strings.Repeat("/*", 1000),
	} {
		if got := Summary(sql); got != Other {
			t.Errorf("Summary(%.40q) = %q, want %q", sql, got, Other)
		}
	}
}

func TestSummarySkipsUnreadableParts(t *testing.T) {
	t.Parallel()
	for _, c := range []statementCase{
		{"garbage; select * from a", "SELECT a"},
		{")) select", Other},
		{"select (((; select * from a", "SELECT SELECT a"},
		{"select * from a) b, c", "SELECT a c"},
		{"select \x00 from \x00a, b", "SELECT b"},
		{"select * from \"a\nb\", \"c\x00\", \"d\x80\", e\xff, \"\u0085\"", "SELECT \"a\uFFFDb\" \"c\uFFFD\" d\uFFFD e\uFFFD \uFFFD"},
	} {
		checkSummary(t, c)
	}
}

func TestSummaryKeepsTargetsWhole(t *testing.T) {
	t.Parallel()
	name := strings.Repeat("x", 30)
	tables := strings.Repeat(name+", ", 9) + name
	want := "SELECT " + strings.Repeat(name+" ", 2)
	checkSummary(t, statementCase{"select * from " + tables, want + name})
	// One name of exactly 100 characters and one of 101.
	for _, letter := range []string{"y", "é"} {
		last := strings.Repeat(letter, maxName-len(want))
		list := strings.Repeat(name+", ", 2)
		checkSummary(t, statementCase{"select * from " + list + last, want + last})
		checkSummary(t, statementCase{"select * from " + list + last + "y, z", want[:len(want)-1]})
		// The two words of an operation are kept or cut together.
		last = strings.Repeat(letter, maxName-len(want)-len(" DROP"))
		checkSummary(t, statementCase{"select * from " + list + last + "; drop table z", want + last})
	}
	// Characters of three bytes reach the limit of attribute values before they are 100.
	wide := strings.Repeat("表", (maxBytes-len("TRUNCATE "))/3)
	checkSummary(t, statementCase{"truncate " + wide, "TRUNCATE " + wide})
	checkSummary(t, statementCase{"truncate " + wide + "表", "TRUNCATE"})
}

func TestSummaryReadsABoundedPrefix(t *testing.T) {
	t.Parallel()
	rows := strings.Repeat("(1, 'from secret'), ", 100_000)
	checkSummary(t, statementCase{"insert into a values " + rows + "(1); drop table b", "INSERT a"})
	// Summary shows no part of a token that the limit cuts.
	for _, tail := range []string{"public.users u", `public."users" u`, "public . users u", `"public" u`, "public u"} {
		for i := range len(tail) + 2 {
			sql := "select " + strings.Repeat(" ", maxScan-len("select from ")-i) + "from " + tail
			switch got := Summary(sql); got {
			case "SELECT", "SELECT " + strings.NewReplacer(" ", "", `"`, "").Replace(strings.TrimSuffix(tail, " u")):
			default:
				t.Errorf("with %q cut after %d bytes: %q", tail, i, got)
			}
		}
	}
}

func TestSummaryBoundsFunctions(t *testing.T) {
	t.Parallel()
	many := strings.Repeat("a_function(1), ", 500)
	want := "SELECT" + strings.Repeat(" a_function", 8)
	for _, c := range []statementCase{
		{"select " + many + "f(1)", want},
		{"select " + many + "f(1) from t", "SELECT t"},
		// What was not read may have a FROM.
		{"select f(1), '" + strings.Repeat("x", maxScan) + "'", "SELECT"},
		{"select f(1); select g(2), '" + strings.Repeat("x", maxScan) + "'", "SELECT f SELECT"},
		{strings.Repeat("select f(1);", 500), strings.TrimSuffix(strings.Repeat("SELECT f ", 11), " ")},
		{"select " + strings.Repeat("(", maxDepth-1) + "f(1)", "SELECT f"},
		{"select " + strings.Repeat("(", maxDepth) + "f(1)", "SELECT"},
	} {
		checkSummary(t, c)
	}
}

func TestSummaryStopsAmongValues(t *testing.T) {
	t.Parallel()
	columns := "select a" + strings.Repeat(", t.c", maxQuiet/2)
	few, many := strings.Repeat("(1), ", maxQuiet/6), strings.Repeat("(1), ", maxQuiet/2)
	for _, c := range []statementCase{
		{"insert into a values " + many + "(1); delete from b", "INSERT a"},
		{"insert into a values " + few + "(1); delete from b", "INSERT a DELETE b"},
		{"select * from a where b in (" + many + "1) and exists (select 1 from c)", "SELECT a"},
		{columns + " from b join c on true", "SELECT b c"}, // until the first target all is read
		{columns + "; select 1 from b", "SELECT SELECT b"},
		{"insert into a values (1) " + strings.Repeat("/* comments are no tokens */ ", 100) + "; delete from b", "INSERT a DELETE b"},
	} {
		checkSummary(t, c)
	}
}

func TestNameDependsOnReadPart(t *testing.T) {
	t.Parallel()
	for _, tail := range []string{"users", "users u", "users.x"} {
		for i := range 12 {
			sql := "select " + strings.Repeat(" ", maxScan-len("select from ")-i) + "from " + tail + " where true"
			if got, want := Summary(Read(sql)), Summary(sql); got != want {
				t.Errorf("with %q cut after %d bytes: Summary(Read()) is %q, Summary() is %q", tail, i, got, want)
			}
			if again := Read(sql); Read(again) != again || len(again) > maxScan+1 {
				t.Errorf("Read returns %d bytes", len(again))
			}
		}
	}
}

func TestSummaryIgnoresKeywordCutInHalf(t *testing.T) {
	t.Parallel()
	before := "select 1;" + strings.Repeat(" ", maxScan-len("select 1;begin"))
	checkSummary(t, statementCase{before + "beginning", "SELECT"})
	checkSummary(t, statementCase{before[:len(before)-1] + "begin ning", "SELECT BEGIN"})
}

func TestSummaryBoundsNesting(t *testing.T) {
	t.Parallel()
	nest := func(n int) string {
		return "select * from a where " + strings.Repeat("(", n) + "select 1 from b" + strings.Repeat(")", n) + " union select 1 from c"
	}
	deep := func(n int) (open, closed string) { return strings.Repeat("(", n), strings.Repeat(")", n) }
	open, closed := deep(maxDepth)
	innermost, ends := deep(maxDepth - 1)
	for _, c := range []statementCase{
		{nest(maxDepth - 1), "SELECT a SELECT b SELECT c"},
		{nest(maxDepth), "SELECT a SELECT c"},
		{"select * from f" + open + "1, x" + closed + " y, c", "SELECT f c"},
		// The innermost bracket within maxDepth has a WITH.
		{"select " + innermost + "with x(a, b) as (select 1 from y) select * from x, z" + ends + " from c", "SELECT SELECT z c"},
		{"with " + strings.Repeat("x as (values (1)), ", 500) + "y as (values (1)) select * from x, z", "SELECT z"},
	} {
		checkSummary(t, c)
	}
}
