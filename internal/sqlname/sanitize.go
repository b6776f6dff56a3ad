package sqlname

import (
	"bytes"
	"strings"
)

const (
	maxText     = 2 << 10  // bytes of a sanitized text
	maxTextScan = 64 << 10 // bytes of a text that Sanitize reads
	maxLists    = 16       // depth of brackets up to which lists are shortened

	masked   = "?"
	ellipsis = "…" // a word to the lexer, so that a shortened text stays as it is
)

// Sanitize returns the text with every literal replaced by "?", fit for db.query.text or a log line. It follows
// OpenTelemetry's "Sanitization of db.query.text":
//
//   - Strings and numbers are literals, a sign that belongs to a number included. Parameters such as $1, identifiers,
//     TRUE, FALSE and NULL stay.
//   - A comment is removed, because it may contain values. It and the white space around it become one space.
//   - An element of an IN or VALUES list that contains a literal and equals the element before it is left out: IN (1,
//     2, 3) is IN (?), and VALUES (1, 'a'), (2, 'b') is VALUES (?).
//   - From an unterminated string or identifier on, the text is one "?". The same holds for a string whose end depends
//     on standard_conforming_strings, such as 'a\'.
//
// The result is valid UTF-8 of at most 2048 bytes without control characters. If it would be longer, or the text has
// more than 64 KiB, it is cut between two tokens and ends in "…". Sanitize does not change its own results, and returns
// such a text without an allocation.
func Sanitize(sql string) string {
	s := sanitizer{lex: lexer{s: sql}}
	if len(sql) > maxTextScan {
		s.lex.s, s.lex.cut = sql[:maxTextScan], true
	}
	s.run()
	if text := s.buf[:s.n]; string(text) != sql {
		return string(text)
	}
	return sql
}

// sanitizer writes the tokens of a text. It does not use their spans, which index only the first 64 KiB of a text, less
// one byte.
type sanitizer struct {
	lex   lexer
	last  string // the last token written
	space bool   // there is white space or a comment after it
	buf   [maxText]byte
	n     int
	fit   int  // where n was after the last token that leaves room for the ellipsis
	full  bool // a token did not fit
	depth int  // open brackets
	lists [maxLists]list
	spare list // stays noList, for deeper brackets
}

func (s *sanitizer) run() {
	for !s.full {
		start := s.lex.pos
		s.lex.space()
		s.space = s.space || s.lex.pos > start
		if s.lex.pos == len(s.lex.s) && !s.lex.cut {
			s.endRows()
			return
		}
		text := s.next()
		if (text == "-" || text == "+") && s.number() && s.takesSign() {
			continue
		}
		s.add(text)
	}
}

// next returns the next token with literals masked. A token that touches the cut may be incomplete, so next returns the
// ellipsis in its place.
func (s *sanitizer) next() string {
	var t token
	start := s.lex.pos
	if start < len(s.lex.s) {
		s.lex.scan(&t)
	}
	text := s.lex.s[start:s.lex.pos]
	switch {
	case t.kind == eof, t.kind == symbol && (t.char < ' ' || t.char == 0x7f):
		text = masked
	case t.kind == literal && !isParam(text):
		if s.lex.ambiguous(start) {
			s.lex.pos = len(s.lex.s)
		}
		text = masked
	}
	if s.lex.cut && s.lex.pos == len(s.lex.s) {
		s.lex.cut, s.space, text = false, false, ellipsis
	}
	return text
}

// isParam reports whether the literal is a numbered parameter.
func isParam(text string) bool {
	return len(text) > 1 && text[0] == '$' && isDigit(text[1])
}

// ambiguous reports whether the end of the literal that begins at start and ends at l.pos depends on
// standard_conforming_strings.
func (l *lexer) ambiguous(start int) bool {
	text := l.s[start:l.pos]
	quote := strings.IndexByte(text, '\'')
	if quote < 0 || text[0] == '$' || strings.IndexByte(text, '\\') < 0 {
		return false
	}
	other := lexer{s: l.s, pos: start}
	other.str(quote+1, true)
	return other.pos != l.pos
}

// number reports whether a number follows directly.
func (s *sanitizer) number() bool {
	c := s.lex.at(0)
	return isDigit(c) || c == '.' && isDigit(s.lex.at(1))
}

// takesSign reports whether a sign after the last token belongs to the number that follows it. After an operand it is
// an operator.
func (s *sanitizer) takesSign() bool {
	switch strings.ToLower(s.last) {
	case "(", "[", ",", "=", "<", ">", "and", "between", "by", "case", "default", "distinct", "else", "from",
		"limit", "offset", "or", "returning", "select", "then", "to", "when", "where":
		return true
	}
	return false
}

// write appends a token, or the ellipsis if there is no room.
func (s *sanitizer) write(text string) {
	b, ok := s.buf[:s.n], true
	if s.space && s.n > 0 {
		b, ok = appendText(b, " ")
	}
	if ok {
		b, ok = appendText(b, text)
	}
	if !ok {
		s.full = true
		b = append(b[:s.fit], ellipsis...)
	}
	s.n, s.last, s.space = len(b), text, false
	if s.n <= maxText-len(ellipsis) {
		s.fit = s.n
	}
}

// list is the state of the elements between two brackets.
type list struct {
	kind      listKind
	start     int // of the current element, including its space
	prev, end int // the element before it
}

type listKind uint8

const (
	noList listKind = iota
	inList          // the elements of an IN list or of a row
	rows            // the rows after VALUES, which the first other token ends
)

// add writes a token and leaves out an element of a list that it completes and that equals the one before.
func (s *sanitizer) add(text string) {
	l := s.list()
	switch text {
	case "(", "[":
		inner := noList
		first := s.n == l.start // the bracket begins an element
		if text == "(" && (equalUpper(s.last, "IN") || l.kind != noList && first) {
			inner = inList
		}
		if !first {
			s.endRows()
		}
		s.write(text)
		s.depth++
		*s.list() = list{kind: inner, start: s.n}
	case ")", "]":
		s.endElement()
		s.write(text)
		if s.depth > 0 {
			s.depth--
		} else {
			l.kind = noList
		}
	case ",":
		s.endElement()
		s.write(text)
		l.start = s.n
	default:
		s.endRows()
		s.write(text)
		if equalUpper(text, "VALUES") {
			*l = list{kind: rows, start: s.n}
		} else if equalUpper(text, "SELECT") || equalUpper(text, "WITH") {
			l.kind = noList // a query, not a list
		}
	}
}

// list returns the state within the innermost bracket. Brackets deeper than maxLists have none, so list returns an
// empty one.
func (s *sanitizer) list() *list {
	if s.depth < len(s.lists) {
		return &s.lists[s.depth]
	}
	s.spare = list{}
	return &s.spare
}

// endRows ends the rows after VALUES, if the last token could have been part of them.
func (s *sanitizer) endRows() {
	if l := s.list(); l.kind == rows {
		s.endElement()
		l.kind = noList
	}
}

// endElement completes the current element, or removes it and the comma before it.
func (s *sanitizer) endElement() {
	l := s.list()
	if l.kind == noList {
		return
	}
	element := bytes.TrimLeft(s.buf[l.start:s.n], " ")
	if l.end > 0 && bytes.Equal(element, s.buf[l.prev:l.end]) && bytes.Contains(element, []byte(masked)) {
		s.n = l.end
		s.fit = min(s.fit, s.n)
	} else {
		l.prev, l.end = s.n-len(element), s.n
	}
}
