package sqlname

import "strings"

// space moves past white space and comments.
func (l *lexer) space() {
	for l.pos < len(l.s) {
		switch c := l.s[l.pos]; {
		case isSpace(c):
			l.pos++
		case c == '-' && l.at(1) == '-':
			l.pos += lineLen(l.s[l.pos:])
		case c == '/' && l.at(1) == '*':
			l.pos += blockLen(l.s[l.pos:])
		default:
			return
		}
	}
}

// Blank reports whether a text has no statement: only white space, comments and semicolons.
func Blank(sql string) bool {
	l := lexer{s: sql}
	for l.space(); l.at(0) == ';'; l.space() {
		l.pos++
	}
	return l.pos == len(l.s)
}

// lineLen returns the length of s up to its first line break.
func lineLen(s string) int {
	if i := strings.IndexAny(s, "\r\n"); i >= 0 {
		return i
	}
	return len(s)
}

// blockLen returns the length of the comment that s begins with. Such comments nest. An unterminated comment takes the
// rest of the text.
func blockLen(s string) int {
	depth := 0
	for i := 0; i+1 < len(s); i++ {
		switch {
		case s[i] == '/' && s[i+1] == '*':
			depth++
			i++
		case s[i] == '*' && s[i+1] == '/':
			depth--
			i++
		}
		if depth == 0 {
			return i + 1
		}
	}
	return len(s)
}

func isSpace(c byte) bool {
	return c == ' ' || '\t' <= c && c <= '\r'
}

func isDigit(c byte) bool {
	return '0' <= c && c <= '9'
}

// identStart reports whether c can begin an identifier. PostgreSQL treats every byte outside ASCII as a letter.
func identStart(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || c >= 0x80
}

func identPart(c byte) bool {
	return identStart(c) || isDigit(c) || c == '$'
}
