package sqlname

// syntax says what follows the verb of a statement.
type syntax uint8

const (
	ignored   syntax = iota // the rest is ignored
	oneName                 // the name of a procedure or prepared statement, then expressions
	someNames               // a list of tables
	object                  // the kind of an object, then its name or names
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
// A kind that is not named has a dynamic name (roles) or none.
var objects = [...]struct {
	phrase string
	named  bool
}{
	{"TABLE", true},
	{"INDEX", true},
	{"VIEW", true},
	{"MATERIALIZED VIEW", true},
	{"SEQUENCE", true},
	{"FUNCTION", true},
	{"PROCEDURE", true},
	{"ROUTINE", true},
	{"AGGREGATE", true},
	{"TRIGGER", true},
	{"EVENT TRIGGER", true},
	{"TYPE", true},
	{"DOMAIN", true},
	{"SCHEMA", true},
	{"DATABASE", true},
	{"EXTENSION", true},
	{"POLICY", true},
	{"RULE", true},
	{"STATISTICS", true},
	{"COLLATION", true},
	{"CONVERSION", true},
	{"FOREIGN TABLE", true},
	{"FOREIGN DATA WRAPPER", true},
	{"SERVER", true},
	{"PUBLICATION", true},
	{"SUBSCRIPTION", true},
	{"TABLESPACE", true},
	{"LANGUAGE", true},
	{"ACCESS METHOD", true},
	{"TEXT SEARCH CONFIGURATION", true},
	{"TEXT SEARCH DICTIONARY", true},
	{"TEXT SEARCH PARSER", true},
	{"TEXT SEARCH TEMPLATE", true},
	{"OPERATOR CLASS", true},
	{"OPERATOR FAMILY", true},
	{"OPERATOR", false},
	{"CAST", false},
	{"TRANSFORM", false},
	{"LARGE OBJECT", false},
	{"DEFAULT PRIVILEGES", false},
	{"OWNED", false},
	{"SYSTEM", false},
	{"ROLE", false},
	{"USER MAPPING", false},
	{"USER", false},
	{"GROUP", false},
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
