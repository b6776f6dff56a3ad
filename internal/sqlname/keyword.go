package sqlname

// keyword is a word that changes the state of the parser. Words that matter only at the start of a statement are
// compared as text (see phrases.go).
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

// keywords has the words of the keywords, in the order of the alphabet.
var keywords = [...]string{
	kwAll: "ALL", kwAs: "AS", kwAtomic: "ATOMIC", kwDelete: "DELETE", kwDistinct: "DISTINCT",
	kwDo: "DO", kwExcept: "EXCEPT", kwFetch: "FETCH", kwFor: "FOR", kwFrom: "FROM",
	kwGroup: "GROUP", kwHaving: "HAVING", kwInsert: "INSERT", kwIntersect: "INTERSECT",
	kwInto: "INTO", kwJoin: "JOIN", kwLateral: "LATERAL", kwLimit: "LIMIT", kwMerge: "MERGE",
	kwOffset: "OFFSET", kwOn: "ON", kwOnly: "ONLY", kwOrder: "ORDER", kwRecursive: "RECURSIVE",
	kwReturning: "RETURNING", kwRows: "ROWS", kwSelect: "SELECT", kwTable: "TABLE",
	kwUnion: "UNION", kwUpdate: "UPDATE", kwUsing: "USING", kwValues: "VALUES", kwWhen: "WHEN",
	kwWhere: "WHERE", kwWindow: "WINDOW", kwWith: "WITH",
}

// firstKeyword has the first keyword of each initial letter, and at the end of the alphabet one past the last.
var firstKeyword = func() (first ['Z' - 'A' + 2]keyword) {
	kw := kwAll
	for i := range first {
		for int(kw) < len(keywords) && keywords[kw][0] < 'A'+byte(i) {
			kw++
		}
		first[i] = kw
	}
	return first
}()

// lookup returns the keyword that s spells in any case, or none.
func lookup(s string) keyword {
	initial := s[0]&^0x20 - 'A' // of no letter it is more than 25
	if initial > 'Z'-'A' {
		return none
	}
	for kw := firstKeyword[initial]; kw < firstKeyword[initial+1]; kw++ {
		if equalUpper(s, keywords[kw]) {
			return kw
		}
	}
	return none
}

// equalUpper reports whether the word s equals upper in any case. The letters of upper are capitals.
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
