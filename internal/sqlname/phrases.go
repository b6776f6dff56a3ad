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

// verbs lists the statements that the parser has no keyword for. A longer
// phrase stands before its own prefixes.
var verbs = [...]struct {
	phrase string
	name   string // if it differs from the phrase
	then   syntax
}{
	{"BEGIN", "", ignored},
	{"COMMIT PREPARED", "", ignored},
	{"COMMIT", "", ignored},
	{"ROLLBACK PREPARED", "", ignored},
	{"ROLLBACK", "", rollback},
	{"SAVEPOINT", "", ignored},
	{"RELEASE", "RELEASE SAVEPOINT", ignored},
	{"START TRANSACTION", "", ignored},
	{"END", "", ignored},
	{"ABORT", "", ignored},
	{"SET", "", ignored},
	{"SHOW", "", ignored},
	{"RESET", "", ignored},
	{"DISCARD", "", ignored},
	{"CALL", "", oneName},
	{"DO", "", ignored},
	{"COPY", "", copied},
	{"EXPLAIN", "", explained},
	{"TRUNCATE", "", someNames},
	{"LOCK", "", someNames},
	{"PREPARE TRANSACTION", "", ignored},
	{"PREPARE", "", asQuery},
	{"EXECUTE", "", oneName},
	{"DEALLOCATE", "", ignored},
	{"DECLARE", "", forQuery},
	{"FETCH", "", ignored},
	{"MOVE", "", ignored},
	{"CLOSE", "", ignored},
	{"LISTEN", "", ignored},
	{"NOTIFY", "", ignored},
	{"UNLISTEN", "", ignored},
	{"CREATE", "", object},
	{"ALTER", "", object},
	{"DROP", "", object},
	{"REINDEX", "", object},
	{"REFRESH MATERIALIZED VIEW", "", someNames},
	{"VACUUM", "", someNames},
	{"ANALYZE", "", someNames},
	{"ANALYSE", "ANALYZE", someNames},
	{"CLUSTER", "", someNames},
	{"GRANT", "", ignored},
	{"REVOKE", "", ignored},
	{"REASSIGN OWNED", "", ignored},
	{"COMMENT", "", ignored},
	{"SECURITY LABEL", "", ignored},
	{"IMPORT FOREIGN SCHEMA", "", ignored},
	{"LOAD", "", ignored},
	{"CHECKPOINT", "", ignored},
}

// objects lists the kinds of objects that CREATE, ALTER, DROP and REINDEX take.
// A longer phrase stands before its own prefixes.
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

// modifiers lists the words that may stand between CREATE and the kind of the
// object. It leaves out the DEFAULT of a conversion, because DEFAULT also
// begins DEFAULT PRIVILEGES.
var modifiers = [...]string{
	"OR", "REPLACE", "TEMP", "TEMPORARY", "GLOBAL", "LOCAL", "UNLOGGED", "UNIQUE", "RECURSIVE",
	"CONSTRAINT", "TRUSTED", "PROCEDURAL",
}

// noise lists the words that may stand before a list of table names.
var noise = [...]string{
	"TABLE", "ONLY", "IF", "NOT", "EXISTS", "CONCURRENTLY", "FULL", "FREEZE", "VERBOSE", "ANALYZE",
	"ANALYSE",
}
