package sqlname

import "strings"

// kind is the kind of a token.
type kind uint8

const (
	eof     kind = iota // end of the text or of the scanned prefix
	word                // a keyword or an unquoted identifier
	quoted              // a quoted identifier, U& included
	literal             // a string, a number or a numbered parameter: never part of a name
	symbol              // one character of an operator, or punctuation
)

// span is a range of bytes in the scanned prefix of a text, which a uint16 can index.
type span struct{ start, end uint16 }

type token struct {
	kind kind
	char byte    // of a symbol
	kw   keyword // of a word
	span
}

// lexer splits a text by the rules of chapter 4.1 of the PostgreSQL manual. It returns operators one character at a
// time, because nothing depends on them.
type lexer struct {
	s   string
	pos int
	cut bool // s is only the beginning of the text
}

func (l *lexer) reset(sql string) {
	*l = lexer{s: sql}
	if len(sql) > maxScan {
		l.s, l.cut = sql[:maxScan], true
	}
}

// next returns the next token. It does not return a token that touches the cut, because it may be incomplete.
func (l *lexer) next() token {
	l.space()
	var t token
	t.start = uint16(l.pos)
	if l.pos < len(l.s) {
		l.scan(&t)
	}
	t.end = uint16(l.pos)
	if l.cut && l.pos == len(l.s) {
		t.kind, t.kw = eof, none
	}
	return t
}

func (l *lexer) scan(t *token) {
	c, next := l.s[l.pos], l.at(1)
	t.kind = literal
	switch {
	case identStart(c):
		l.word(t)
	case isDigit(c), c == '.' && isDigit(next):
		l.number()
	case c == '\'':
		l.str(1, false)
	case c == '"':
		l.ident(t, 1)
	case c == '$':
		l.dollar(t)
	case (c == ':' || c == '.') && next == c: // not the dot of a name
		t.kind, t.char = symbol, ':'
		l.pos += 2
	default:
		t.kind, t.char = symbol, c
		l.pos++
	}
}

// word reads an identifier, a keyword or a literal with a prefix letter (E, B, X, N or U&).
func (l *lexer) word(t *token) {
	start := l.pos
	l.skipIdent()
	t.kind = word
	if l.pos == start+1 {
		switch l.s[start] | 0x20 {
		case 'e':
			if l.at(0) == '\'' {
				t.kind = literal
				l.str(1, true)
			}
			return
		case 'b', 'x', 'n':
			if l.at(0) == '\'' {
				t.kind = literal
				l.str(1, false)
			}
			return
		case 'u':
			if l.at(0) == '&' && l.at(1) == '\'' {
				t.kind = literal
				l.str(2, false)
			} else if l.at(0) == '&' && l.at(1) == '"' {
				l.ident(t, 2)
			}
			return
		}
	}
	t.kw = lookup(l.s[start:l.pos])
}

// ident reads a quoted identifier whose content starts skip bytes ahead. An unterminated identifier is not a token.
func (l *lexer) ident(t *token, skip int) {
	t.kind = quoted
	l.pos += skip
	for {
		i := strings.IndexByte(l.s[l.pos:], '"')
		if i < 0 {
			l.pos, t.kind = len(l.s), eof
			return
		}
		l.pos += i + 1
		if l.at(0) != '"' {
			return
		}
		l.pos++
	}
}

// skipIdent moves past the characters of an identifier.
func (l *lexer) skipIdent() {
	for l.pos < len(l.s) && identPart(l.s[l.pos]) {
		l.pos++
	}
}

// at returns the byte i bytes ahead, or 0 past the end.
func (l *lexer) at(i int) byte {
	if l.pos+i < len(l.s) {
		return l.s[l.pos+i]
	}
	return 0
}
