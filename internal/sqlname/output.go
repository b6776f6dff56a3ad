package sqlname

import (
	"unicode"
	"unicode/utf8"
)

// output collects a name. It leaves out an element that does not fit whole, and
// everything after it.
type output struct {
	buf  [maxName]byte
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

// text adds a part of an element. It writes U+FFFD for each control character
// and each byte that is not UTF-8.
func (o *output) text(s string) {
	for i := 0; i < len(s) && !o.full; {
		if c := s[i]; c < utf8.RuneSelf {
			if c < ' ' || c == 0x7f {
				o.rune(utf8.RuneError)
			} else if o.n < len(o.buf) {
				o.buf[o.n] = c
				o.n++
			} else {
				o.full = true
			}
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if unicode.IsControl(r) {
			r = utf8.RuneError
		}
		o.rune(r)
		i += size
	}
}

func (o *output) rune(r rune) {
	if o.n+utf8.RuneLen(r) > len(o.buf) {
		o.full = true
		return
	}
	o.n += utf8.EncodeRune(o.buf[o.n:], r)
}

// quoted adds s as a quoted identifier.
func (o *output) quoted(s string) {
	o.text(`"`)
	for i := 0; i < len(s) && !o.full; {
		j := i
		for j < len(s) && s[j] != '"' {
			j++
		}
		o.text(s[i:j])
		if j < len(s) {
			o.text(`""`)
			j++
		}
		i = j
	}
	o.text(`"`)
}

// cut removes the bytes from i to j.
func (o *output) cut(i, j int) {
	o.n = i + copy(o.buf[i:], o.buf[j:o.n])
}
