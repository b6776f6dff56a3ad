package sqlname

import (
	"strings"
	"testing"
)

// tokens returns the tokens of a text: L for a literal, all others as written.
func tokens(sql string) string {
	var l lexer
	var out []string
	for l.reset(sql); ; {
		switch t := l.next(); t.kind {
		case eof:
			return strings.Join(out, " ")
		case literal:
			out = append(out, "L")
		case symbol:
			out = append(out, string(rune(t.char)))
		default:
			out = append(out, l.s[t.start:t.end])
		}
	}
}

func TestLexerFollowsPostgreSQL(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ sql, want string }{
		{"a 'b''c' d", "a L d"},
		{`a 'b\' d`, "a L d"},
		{`a E'b\'c' d`, "a L d"},
		{`a e'b''c\\' d`, "a L d"},
		{"a 'b'\n 'c' d", "a L d"},
		{"a 'b' 'c' d", "a L L d"},
		{"a E'b' -- x\n '\\'c' d", "a L d"}, // the second piece has escapes too
		{"a U&'b' d", "a L d"},
		{"a u&\"b\"\"c\" d", `a u&"b""c" d`},
		{"a U & b", "a U & b"},
		{"a b'01' x'1F' N'c' d", "a L L L d"},
		{"a $$b$$ c", "a L c"},
		{"a $t$b $$ $u$ c$t$ d", "a L d"},
		{"a $é$b$é$ d", "a L d"},
		{"a$$b$$ c", "a$$b$$ c"}, // the dollar signs belong to the name
		{"$1 $23a $b $", "L L a $ b $"},
		{"1.$a$b$a$ c", "L L c"},
		{"1 1.5 .5 1. 1e10 1.5E-3 0x1F 0b01 1_000 12abc c", "L L L L L L L L L L c"},
		{"1e c", "L c"},
		{"1..5 c", "L : L c"},
		{"a.b c.5", "a . b c L"},
		{"a::b :c @d a[1:2]", "a : b : c @ d a [ L : L ]"},
		{"a -- b\nc", "a c"},
		{"a -- b\rc", "a c"},
		{"a /* b /* c */ d */ e", "a e"},
		{"a /*/ b */ e", "a e"},
		{"a +/* b */ - c--d", "a + - c"},
		{"a /* b", "a"},
		{"a 'b", "a L"},
		{`a "b`, "a"},
		{"a $t$ b", "a L"},
		{"größe \u00a0x a\x80b", "größe \u00a0x a\x80b"},
		{"a\x00b", "a \x00 b"},
		{"\t\n\v\f\r a", "a"},
	} {
		if got := tokens(c.sql); got != c.want {
			t.Errorf("tokens(%q)\n got %q\nwant %q", c.sql, got, c.want)
		}
	}
}
