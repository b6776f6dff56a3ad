package sqlname

// keyword is a word that changes the state of the parser. Words that matter
// only at the start of a statement are compared as text (see phrases.go).
type keyword uint8

const (
	none keyword = iota
	kwAll
	kwAs
	kwAtomic
	kwDelete
	kwDistinct
	kwDo
	kwExcept
	kwFetch
	kwFor
	kwFrom
	kwGroup
	kwHaving
	kwInsert
	kwIntersect
	kwInto
	kwJoin
	kwLateral
	kwLimit
	kwMerge
	kwOffset
	kwOn
	kwOnly
	kwOrder
	kwRecursive
	kwReturning
	kwRows
	kwSelect
	kwTable
	kwUnion
	kwUpdate
	kwUsing
	kwValues
	kwWhen
	kwWhere
	kwWindow
	kwWith

	// After these the next word is not a keyword.
	kwMark // the @ or : of a named argument
	kwDot
)

// lookup returns the keyword that s spells in any case, or none.
func lookup(s string) keyword {
	var b [9]byte
	if len(s) > len(b) {
		return none
	}
	for i := range len(s) {
		b[i] = s[i] &^ 0x20 // maps no other byte of a word to a capital letter
	}
	switch string(b[:len(s)]) {
	case "ALL":
		return kwAll
	case "AS":
		return kwAs
	case "ATOMIC":
		return kwAtomic
	case "DELETE":
		return kwDelete
	case "DISTINCT":
		return kwDistinct
	case "DO":
		return kwDo
	case "EXCEPT":
		return kwExcept
	case "FETCH":
		return kwFetch
	case "FOR":
		return kwFor
	case "FROM":
		return kwFrom
	case "GROUP":
		return kwGroup
	case "HAVING":
		return kwHaving
	case "INSERT":
		return kwInsert
	case "INTERSECT":
		return kwIntersect
	case "INTO":
		return kwInto
	case "JOIN":
		return kwJoin
	case "LATERAL":
		return kwLateral
	case "LIMIT":
		return kwLimit
	case "MERGE":
		return kwMerge
	case "OFFSET":
		return kwOffset
	case "ON":
		return kwOn
	case "ONLY":
		return kwOnly
	case "ORDER":
		return kwOrder
	case "RECURSIVE":
		return kwRecursive
	case "RETURNING":
		return kwReturning
	case "ROWS":
		return kwRows
	case "SELECT":
		return kwSelect
	case "TABLE":
		return kwTable
	case "UNION":
		return kwUnion
	case "UPDATE":
		return kwUpdate
	case "USING":
		return kwUsing
	case "VALUES":
		return kwValues
	case "WHEN":
		return kwWhen
	case "WHERE":
		return kwWhere
	case "WINDOW":
		return kwWindow
	case "WITH":
		return kwWith
	}
	return none
}

// equalUpper reports whether the word s equals upper in any case. The letters
// of upper are capitals.
func equalUpper(s, upper string) bool {
	if len(s) != len(upper) {
		return false
	}
	for i := range len(s) {
		if s[i]&^0x20 != upper[i]&^0x20 {
			return false
		}
	}
	return true
}
