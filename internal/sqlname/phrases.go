package sqlname

// syntax says what follows the verb of a statement.
type syntax uint8

const (
	ignored   syntax = iota // the rest is ignored
	oneName                 // the name of a procedure or prepared statement, then expressions
	someNames               // a list of tables
	object                  // the kind of an object, then a definition that is ignored
	asQuery                 // AS somewhere, then a statement
	forQuery                // FOR somewhere, then a query
	rollback                // optionally TO a savepoint
	explained               // options, then a statement
	copied                  // a table or a query in parentheses
)

// plain lists the statements that are named by their phrase, and whose rest is ignored. A longer phrase stands before
// its own prefixes.
var plain = [...]string{
	"BEGIN", "COMMIT PREPARED", "COMMIT", "ROLLBACK PREPARED", "SAVEPOINT", "START TRANSACTION", "END", "ABORT",
	"SET", "SHOW", "RESET", "DISCARD", "DO", "PREPARE TRANSACTION", "DEALLOCATE", "FETCH", "MOVE", "CLOSE",
	"LISTEN", "NOTIFY", "UNLISTEN", "GRANT", "REVOKE", "REASSIGN OWNED", "COMMENT", "SECURITY LABEL",
	"IMPORT FOREIGN SCHEMA", "LOAD", "CHECKPOINT",
}

// verbs lists the other statements that the parser has no keyword for.
var verbs = [...]struct {
	phrase string
	name   string
	then   syntax
}{
	{"ROLLBACK", "ROLLBACK", rollback},
	{"RELEASE", "RELEASE SAVEPOINT", ignored},
	{"CALL", "CALL", oneName},
	{"COPY", "COPY", copied},
	{"EXPLAIN", "EXPLAIN", explained},
	{"TRUNCATE", "TRUNCATE", someNames},
	{"LOCK", "LOCK", someNames},
	{"PREPARE", "PREPARE", asQuery},
	{"EXECUTE", "EXECUTE", oneName},
	{"DECLARE", "DECLARE", forQuery},
	{"CREATE", "CREATE", object},
	{"ALTER", "ALTER", object},
	{"DROP", "DROP", object},
	{"REINDEX", "REINDEX", object},
	{"REFRESH MATERIALIZED VIEW", "REFRESH MATERIALIZED VIEW", someNames},
	{"VACUUM", "VACUUM", someNames},
	{"ANALYZE", "ANALYZE", someNames},
	{"ANALYSE", "ANALYZE", someNames},
	{"CLUSTER", "CLUSTER", someNames},
}

// objects lists the kinds of objects that CREATE, ALTER, DROP and REINDEX take. A longer phrase stands before its own
// prefixes.
var objects = [...]string{
	"TABLE", "INDEX", "VIEW", "MATERIALIZED VIEW", "SEQUENCE", "FUNCTION", "PROCEDURE", "ROUTINE",
	"AGGREGATE", "TRIGGER", "EVENT TRIGGER", "TYPE", "DOMAIN", "SCHEMA", "DATABASE", "EXTENSION",
	"POLICY", "RULE", "STATISTICS", "COLLATION", "CONVERSION", "FOREIGN TABLE",
	"FOREIGN DATA WRAPPER", "SERVER", "PUBLICATION", "SUBSCRIPTION", "TABLESPACE", "LANGUAGE",
	"ACCESS METHOD", "TEXT SEARCH CONFIGURATION", "TEXT SEARCH DICTIONARY", "TEXT SEARCH PARSER",
	"TEXT SEARCH TEMPLATE", "OPERATOR CLASS", "OPERATOR FAMILY", "OPERATOR", "CAST", "TRANSFORM",
	"LARGE OBJECT", "DEFAULT PRIVILEGES", "OWNED", "SYSTEM", "ROLE", "USER MAPPING", "USER",
	"GROUP",
}

// modifiers lists the words that may stand between CREATE and the kind of the object. It leaves out the DEFAULT of a
// conversion, because DEFAULT also begins DEFAULT PRIVILEGES.
var modifiers = [...]string{
	"OR", "REPLACE", "TEMP", "TEMPORARY", "GLOBAL", "LOCAL", "UNLOGGED", "UNIQUE", "RECURSIVE",
	"CONSTRAINT", "TRUSTED", "PROCEDURAL",
}

// noise lists the words that may stand before a list of table names.
var noise = [...]string{
	"TABLE", "ONLY", "IF", "NOT", "EXISTS", "CONCURRENTLY", "FULL", "FREEZE", "VERBOSE", "ANALYZE",
	"ANALYSE",
}
