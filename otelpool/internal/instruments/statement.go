package instruments

import (
	"strings"
	"unicode/utf8"
)

// maxPreparedText is how much of the text of a prepared statement is kept: the beginning.
const maxPreparedText = 1 << 10

// Statement is a SQL text.
type Statement struct {
	SQL  string
	Name Name // of the whole text, set if SQL is only its beginning
}

// PreparedStatement returns a copy of sql to keep with the prepared statement. Of a long text it keeps only the
// beginning.
func PreparedStatement(sql string) Statement {
	if len(sql) <= maxPreparedText {
		return Statement{SQL: strings.Clone(sql)}
	}
	return Statement{SQL: strings.Clone(sql[:runeBoundary(sql, maxPreparedText)]), Name: nameOf(sql)}
}

// runeBoundary returns the last index up to i that cuts no rune. i is below len(s). If s is not UTF-8, it returns i.
func runeBoundary(s string, i int) int {
	for back := range utf8.UTFMax {
		if utf8.RuneStart(s[i-back]) {
			return i - back
		}
	}
	return i
}
