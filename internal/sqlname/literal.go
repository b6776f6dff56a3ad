package sqlname

import "strings"

// number reads a number such as 1e10, 0x1F, 1_000, .5 or 1.5e-3. It includes a directly following identifier (12abc),
// which the server rejects.
func (l *lexer) number() {
	if l.at(0) == '0' && identStart(l.at(1)) { // 0x, 0o or 0b
		l.skipIdent()
		return
	}
	l.digits()
	if l.at(0) == '.' && l.at(1) != '.' {
		l.pos++
		l.digits()
	}
	if l.at(0)|0x20 == 'e' {
		if sign := l.at(1); (sign == '+' || sign == '-') && isDigit(l.at(2)) {
			l.pos += 2
		}
	}
	if identPart(l.at(0)) && l.at(0) != '$' {
		l.skipIdent()
	}
}

func (l *lexer) digits() {
	for isDigit(l.at(0)) || l.at(0) == '_' {
		l.pos++
	}
}

// str reads a string whose content starts skip bytes ahead, and any strings that continue it after a line break.
func (l *lexer) str(skip int, escapes bool) {
	l.pos += skip
	for {
		l.strEnd(escapes)
		if l.at(0) == '\'' { // a doubled quote
			l.pos++
		} else if !l.joined() {
			return
		}
	}
}

// strEnd moves past the closing quote.
func (l *lexer) strEnd(escapes bool) {
	for l.pos < len(l.s) {
		c := l.s[l.pos]
		l.pos++
		if c == '\'' {
			return
		}
		if c == '\\' && escapes && l.pos < len(l.s) {
			l.pos++
		}
	}
}

// joined reports whether the string continues on a later line. If so, it moves into the continuation.
func (l *lexer) joined() bool {
	newline := false
	for i := l.pos; i < len(l.s); i++ {
		switch c := l.s[i]; {
		case c == '\n' || c == '\r':
			newline = true
		case isSpace(c):
		case c == '-' && strings.HasPrefix(l.s[i:], "--"):
			i += lineLen(l.s[i:]) - 1
		case c == '\'' && newline:
			l.pos = i + 1
			return true
		default:
			return false
		}
	}
	return false
}

// dollar reads a parameter ($1), a dollar-quoted string ($$ or $tag$) or a lone dollar sign.
func (l *lexer) dollar(t *token) {
	start := l.pos
	l.pos++
	if isDigit(l.at(0)) {
		for isDigit(l.at(0)) {
			l.pos++
		}
		return
	}
	if identStart(l.at(0)) {
		for l.pos < len(l.s) && identPart(l.s[l.pos]) && l.s[l.pos] != '$' {
			l.pos++
		}
	}
	if l.at(0) != '$' {
		t.kind, t.char = symbol, '$'
		l.pos = start + 1
		return
	}
	l.pos++
	tag := l.s[start:l.pos]
	if i := strings.Index(l.s[l.pos:], tag); i >= 0 {
		l.pos += i + len(tag)
	} else {
		l.pos = len(l.s)
	}
}
