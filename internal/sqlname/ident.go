package sqlname

import "strings"

// sameName reports whether two identifiers, as written, name the same thing. An unquoted identifier stands for its
// lower case, a quoted one for itself.
func sameName(a, b string) bool {
	if a == b {
		return true
	}
	a, aQuoted := strings.CutPrefix(a, `"`)
	b, bQuoted := strings.CutPrefix(b, `"`)
	a, b = strings.TrimSuffix(a, `"`), strings.TrimSuffix(b, `"`)
	if len(a) != len(b) {
		return false
	}
	for i := range len(a) {
		x, y := a[i], b[i]
		if !aQuoted {
			x = lower(x)
		}
		if !bQuoted {
			y = lower(y)
		}
		if x != y {
			return false
		}
	}
	return true
}

// lower returns the lower case of an ASCII letter and any other byte unchanged.
func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}

// bare reports whether PostgreSQL reads s without quotes as the identifier s: it has no capital letter and no character
// that needs quotes. As the first part of a name it may not be a reserved word either.
func bare(s string, first bool) bool {
	if s == "" || !identStart(s[0]) {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c != lower(c) || !identPart(c) {
			return false
		}
	}
	return !first || !reserved(s)
}

// reserved reports whether s is in the class "reserved" of PostgreSQL's keyword list: without quotes it names no table
// and no function.
func reserved(s string) bool {
	switch s {
	case "all", "analyse", "analyze", "and", "any", "array", "as", "asc", "asymmetric", "both",
		"case", "cast", "check", "collate", "column", "constraint", "create", "current_catalog",
		"current_date", "current_role", "current_time", "current_timestamp", "current_user",
		"default", "deferrable", "desc", "distinct", "do", "else", "end", "except", "false",
		"fetch", "for", "foreign", "from", "grant", "group", "having", "in", "initially",
		"intersect", "into", "lateral", "leading", "limit", "localtime", "localtimestamp", "not",
		"null", "offset", "on", "only", "or", "order", "placing", "primary", "references",
		"returning", "select", "session_user", "some", "symmetric", "system_user", "table", "then",
		"to", "trailing", "true", "union", "unique", "user", "using", "variadic", "when", "where",
		"window", "with":
		return true
	}
	return false
}
