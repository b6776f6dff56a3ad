package instruments

import "strings"

// maxPreparedText is how much of the text of a prepared statement is kept: the beginning.
const maxPreparedText = 1 << 10

// Statement is a SQL text.
type Statement struct {
	SQL  string
	Name Name // of the whole text, set if SQL is only its beginning
}

// PreparedStatement returns a copy of sql, to be kept with the prepared statement: of a long text the beginning.
func PreparedStatement(sql string) Statement {
	if len(sql) <= maxPreparedText {
		return Statement{SQL: strings.Clone(sql)}
	}
	return Statement{SQL: strings.Clone(sql[:maxPreparedText]), Name: nameOf(sql)}
}
