package sqlname

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// marker is a secret that no name may contain.
const marker = "s3cr3t"

// templates are statements in which "?" stands for a value, and each space
// stands for any white space and comments.
var templates = []statementCase{
	{"select a , ? from users where b = ? and c in ( ? , ? ) limit ?", "SELECT users"},
	{"insert into app . orders ( a , b ) values ( ? , ? ) , ( ? , ? ) on conflict ( a ) do update set b = ?", "INSERT app.orders"},
	{"update a set b = ? , c = ? || ? from d where e = ?", "UPDATE a d"},
	{"delete from a using b where c = ? returning ?", "DELETE a b"},
	{"with x as ( select ? from a ) select ? , ? from x join b on c = ?", "SELECT a SELECT b"},
	{"merge into a using b on c = ? when matched and d = ? then update set e = ?", "MERGE a b"},
	{"select ? ; ; update a set b = ? ; commit", "SELECT UPDATE a COMMIT"},
	{"select * from f ( ? , ? ) , 'x' , a", "SELECT f a"},
	{"select extract ( year from ? ) , trim ( ? from ? ) from a", "SELECT a"},
	{"do ?", "DO"},
	{"set a . b = ?", "SET"},
	{"call p ( ? )", "CALL p"},
	{"create function f ( ) returns int language sql as ?", "CREATE FUNCTION"},
	{"create table a ( b int default ? )", "CREATE TABLE"},
	{"create user u password ?", "CREATE USER"},
	{"copy a from ? with ( delimiter ? )", "COPY a"},
	{"notify c , ?", "NOTIFY"},
	{"comment on table a is ?", "COMMENT"},
	{"prepare transaction ?", "PREPARE TRANSACTION"},
	{"select * from ?", "SELECT"},
	{"select pg_notify ( ? , lower ( ? ) ) , ?", "SELECT pg_notify"},
	{"values ( ? )", "VALUES"},
	{"?", Other},
	{"? select ?", Other},
}

// value returns a random literal whose content contains the marker and the
// body.
func value(r *rand.Rand, body string) string {
	body = strings.ReplaceAll(body, "\x00", "") + marker
	plain := "'" + strings.ReplaceAll(body, "'", "''") + "'"
	escaped := "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(body) + "'"
	switch r.IntN(8) {
	case 0:
		return plain
	case 1:
		return "E" + escaped
	case 2:
		return "u&" + plain
	case 3:
		return "'x'\n" + plain
	case 4:
		return "e'x' -- '\n" + escaped
	case 5:
		return "$" + marker + "$ " + strings.ReplaceAll(body, "$", "") + "$" + marker + "$"
	case 6:
		return "$$ " + strings.ReplaceAll(body, "$", "") + "$$"
	default:
		return []string{"1", "$17", "1.5e-3", ".5", "0x1F", "1_000", "x'1f'", "12" + marker}[r.IntN(8)]
	}
}

// gap returns random white space and comments: at least one character.
func gap(r *rand.Rand, body string) string {
	line := strings.NewReplacer("\r", "", "\n", "").Replace(body)
	block := strings.NewReplacer("*/", "", "/*", "", "*", "", "/", "").Replace(body)
	return []string{
		" ", "\n\t", " /*" + marker + " " + block + "*/ ", " -- " + line + marker + "\n", "\r\n/* /* " + block + " */ ' */ ",
	}[r.IntN(5)]
}

// fill returns the template with random values and gaps.
func fill(r *rand.Rand, template, body string) string {
	var b strings.Builder
	for i, part := range strings.Split(template, " ") {
		if i > 0 {
			// A line break would join two strings, but no template has two
			// adjacent values.
			b.WriteString(gap(r, body))
		}
		if part == "?" {
			part = value(r, body)
		}
		b.WriteString(part)
	}
	return b.String()
}

func checkSecrecy(t *testing.T, seed uint64, body string) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 0))
	for _, c := range templates {
		sql := fill(r, c.sql, body)
		got := Summary(sql)
		if strings.Contains(got, marker) {
			t.Errorf("Summary(%q) = %q shows a value", sql, got)
		}
		if len(sql) < maxScan && got != c.want {
			t.Errorf("Summary(%q)\n got %q\nwant %q", sql, got, c.want)
		}
	}
}

// checkSanitizeSecrecy checks the texts as they are, and with strings as a server with standard_conforming_strings off
// reads them.
func checkSanitizeSecrecy(t *testing.T, seed uint64, body string) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 0))
	for _, c := range templates {
		sql := fill(r, c.sql, body)
		for _, sql := range []string{sql, strings.NewReplacer("E'", "'", "e'", "'").Replace(sql)} {
			got := Sanitize(sql)
			if strings.Contains(got, marker) {
				t.Errorf("Sanitize(%q) = %q shows a value", sql, got)
			}
			checkText(t, sql, got)
		}
	}
}

var bodies = []string{"", "'", `\`, `\'`, "from x", "; select 1 from x; ", `" from x "`, "--", "/*", "$", "$$ from x", "\n'x'", "é\xff"}

func TestNoValueOrCommentIsShown(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		for _, body := range bodies {
			checkSecrecy(t, seed, body)
			checkSanitizeSecrecy(t, seed, body)
		}
	}
}

func FuzzSecrecy(f *testing.F) {
	for i, body := range bodies {
		f.Add(uint64(i), body)
	}
	f.Fuzz(checkSecrecy)
}
