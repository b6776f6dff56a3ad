package sqlname

import "strings"

// Listens reports whether a text begins with LISTEN, whatever follows.
func Listens(sql string) bool {
	const listen = "LISTEN"
	if sql == "" || sql[0]|0x20 != 'l' && identStart(sql[0]) { // nearly every text, without a call
		return false
	}
	l := lexer{s: sql}
	l.space()
	if rest := sql[l.pos:]; len(rest) > len(listen) && strings.EqualFold(rest[:len(listen)], listen) {
		return isSpace(rest[len(listen)]) || strings.IndexByte(`"/-`, rest[len(listen)]) >= 0 // a name, or a comment before it
	}
	return false
}
