package sqlname

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// output collects a name. It leaves out an element that does not fit whole, and everything after it.
type output struct {
	buf  [maxBytes]byte
	n    int
	mark int // start of the target being written, including its space
	full bool
}

// op adds an operation of one or more words: all of them or none.
func (o *output) op(words ...string) {
	o.begin()
	for i, word := range words {
		if i > 0 {
			o.text(" ")
		}
		o.text(word)
	}
	o.end(true)
}

// begin starts an element; end completes it.
func (o *output) begin() {
	o.mark = o.n
	if o.n > 0 {
		o.text(" ")
	}
}

// end completes the element that begin started, or removes it.
func (o *output) end(keep bool) {
	if o.full || !keep {
		o.n = o.mark
	}
}

// text adds a part of an element, printable.
func (o *output) text(s string) {
	if o.full {
		return
	}
	b, ok := appendText(o.buf[:o.n], s)
	o.n, o.full = len(b), !ok || len(b) > maxName && utf8.RuneCount(b) > maxName
}

// appendText appends s to dst. It appends U+FFFD for each control character and each byte that is not UTF-8. It stops
// and returns false at a character that exceeds the capacity of dst.
func appendText(dst []byte, s string) (_ []byte, ok bool) {
	for i := 0; i < len(s); {
		if c := s[i]; ' ' <= c && c < 0x7f {
			if len(dst) == cap(dst) {
				return dst, false
			}
			dst = append(dst, c)
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if unicode.IsControl(r) {
			r = utf8.RuneError
		}
		if len(dst)+utf8.RuneLen(r) > cap(dst) {
			return dst, false
		}
		dst = utf8.AppendRune(dst, r)
		i += size
	}
	return dst, true
}

// ident adds an identifier of the text in the one spelling that all its spellings share: in lower case without quotes,
// or in the quotes that it needs. first is whether it is the first part of a name.
func (o *output) ident(s string, first bool) {
	if s[len(s)-1] == '"' {
		if inner := s[1 : len(s)-1]; s[0] == '"' && bare(inner, first) {
			s = inner
		}
		o.text(s)
		return
	}
	start := o.n
	o.text(s)
	for i := start; i < o.n; i++ {
		o.buf[i] = lower(o.buf[i])
	}
}

// quoted adds s as a quoted identifier.
func (o *output) quoted(s string) {
	o.text(`"`)
	o.text(strings.ReplaceAll(s, `"`, `""`))
	o.text(`"`)
}

// cut removes the bytes from i to j.
func (o *output) cut(i, j int) {
	o.n = i + copy(o.buf[i:], o.buf[j:o.n])
}
