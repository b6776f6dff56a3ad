package sqlname

import (
	"strings"
	"unicode"
)

// SQLC returns the name and the command in an annotation of sqlc, "-- name: GetUser :one" or the same in a block
// comment. The annotation may follow white space and other comments, but not the first token of the text. The comment
// must contain only the annotation; the name must be an identifier, and the command a word.
func SQLC(sql string) (name, command string, ok bool) {
	var l lexer
	l.reset(sql)
	for {
		var comment string
		switch start := l.pos; {
		case l.at(0) == '-' && l.at(1) == '-':
			l.pos += lineLen(l.s[l.pos:])
			comment = l.s[start+2 : l.pos]
		case l.at(0) == '/' && l.at(1) == '*':
			l.pos += blockLen(l.s[l.pos:])
			if comment, ok = strings.CutSuffix(l.s[start+2:l.pos], "*/"); !ok {
				return "", "", false
			}
		case l.pos < len(l.s) && isSpace(l.s[l.pos]):
			l.pos++
			continue
		default:
			return "", "", false
		}
		if l.cut && l.pos == len(l.s) {
			return "", "", false // an incomplete comment
		}
		if name, command, ok = annotation(comment); ok {
			return name, command, true
		}
	}
}

// annotation returns the name and the command in the comment, and whether the comment is an annotation.
func annotation(comment string) (name, command string, ok bool) {
	rest, ok := strings.CutPrefix(strings.TrimSpace(comment), "name:")
	if !ok {
		return "", "", false
	}
	rest = strings.TrimSpace(rest)
	i := strings.IndexFunc(rest, unicode.IsSpace)
	if i < 0 || i > maxBytes {
		return "", "", false
	}
	name = rest[:i]
	command, ok = strings.CutPrefix(strings.TrimSpace(rest[i:]), ":")
	return name, command, ok && isName(name) && isCommand(command)
}

// isName reports whether sqlc accepts s as a name.
func isName(s string) bool {
	for i, r := range s {
		if r != '_' && !unicode.IsLetter(r) && (i == 0 || !unicode.IsDigit(r)) {
			return false
		}
	}
	return s != ""
}

func isCommand(s string) bool {
	for i := range len(s) {
		if s[i] < 'a' || 'z' < s[i] {
			return false
		}
	}
	return s != ""
}
