package sqlname

import "strings"

// sameName reports whether two identifiers, as written, name the same thing. An
// unquoted identifier stands for its lower case, a quoted one for itself.
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

// unquoted reports whether PostgreSQL's quote_ident leaves the identifier s
// without quotes.
func unquoted(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c != '_' && (c < 'a' || c > 'z') && (!isDigit(c) || i == 0) {
			return false
		}
	}
	return s != "" && !reserved(s)
}

// reserved reports whether s is a keyword that needs quotes in some uses as a
// name. These are the classes "reserved", "function or type name" and "column
// name" of PostgreSQL's keyword list.
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
	case "authorization", "binary", "collation", "concurrently", "cross", "current_schema",
		"freeze", "full", "ilike", "inner", "is", "isnull", "join", "left", "like", "natural",
		"notnull", "outer", "overlaps", "right", "similar", "tablesample", "verbose":
		return true
	case "between", "bigint", "bit", "boolean", "char", "character", "coalesce", "dec", "decimal",
		"exists", "extract", "float", "greatest", "grouping", "inout", "int", "integer",
		"interval", "json", "json_array", "json_arrayagg", "json_exists", "json_object",
		"json_objectagg", "json_query", "json_scalar", "json_serialize", "json_table",
		"json_value", "least", "merge_action", "national", "nchar", "none", "normalize", "nullif",
		"numeric", "out", "overlay", "position", "precision", "real", "row", "setof", "smallint",
		"substring", "time", "timestamp", "treat", "trim", "values", "varchar", "xmlattributes",
		"xmlconcat", "xmlelement", "xmlexists", "xmlforest", "xmlnamespaces", "xmlparse", "xmlpi",
		"xmlroot", "xmlserialize", "xmltable":
		return true
	}
	return false
}
