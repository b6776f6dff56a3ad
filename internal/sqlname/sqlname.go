// Package sqlname returns short, low-cardinality names for PostgreSQL statements, fit for a metric attribute: "SELECT
// users", "INSERT orders SELECT carts", "COMMIT".
//
// A name follows OpenTelemetry's "Generating a summary of the query". It lists the operations and their targets in the
// order of the text, separated by spaces, repeats included. It has at most 100 characters and cuts no operation or
// target in half. These rules apply in addition:
//
//   - An operation is in upper case and without noise words: "begin isolation level serializable" is BEGIN, "truncate
//     table a" is TRUNCATE a. The specification says to keep the case, here and in targets, but lets an instrumentation
//     of one database differ. PostgreSQL does not distinguish "select" from "SELECT", and a dashboard should not
//     either.
//   - A target has one spelling for all that PostgreSQL holds equal: an unquoted part is in lower case, a quoted part
//     keeps its quotes only if it needs them, and the white space and comments around its dots are left out. Users,
//     USERS and "users" are users, "Users" and "order items" stay.
//   - Targets are tables, views and functions in FROM, and procedures. Those of a SELECT without FROM are the functions
//     that it calls, the outermost of nested ones: "select pg_notify(lower($1), $2)" is SELECT pg_notify. The name of a
//     WITH query is not a target. Neither are names that programs tend to generate: savepoints, cursors, channels,
//     roles, settings.
//   - WITH, UNION, JOIN, VALUES within a statement and the actions of ON CONFLICT and MERGE are parts of an operation,
//     not operations.
//   - A definition is its verb and kind alone: CREATE TABLE, DROP INDEX. The specification adds the name of the object.
//     But a definition runs once, and migrations, a schema a tenant or a partition a day would make names without end.
//
// A summary never contains a literal, number, parameter or comment. The package reads texts by PostgreSQL's lexical
// rules with standard_conforming_strings on. That is the default, and pgx's simple protocol requires it. Reading is
// linear and does not recurse. It ends after the first 16 KiB, or when a target was found and the next 1000 tokens add
// nothing.
//
// Sanitize returns the text itself, without its literals.
//
// All functions are pure and safe for concurrent use.
package sqlname

// Other is the name of a text without a readable statement.
const Other = "_OTHER"

const (
	maxName  = 100      // characters of a summary; the specification allows 255
	maxBytes = 255      // bytes of a name, as of any attribute value
	maxScan  = 16 << 10 // bytes of a text that are read; spans are uint16
	maxQuiet = 1000     // tokens that are read after a target to find another
)

// Read returns the part of a text that its name depends on, at most a little more than 16 KiB.
func Read[Text string | []byte](sql Text) Text {
	if len(sql) > maxScan {
		return sql[:maxScan+1] // one more, as a sign that it is cut
	}
	return sql
}

// Of returns the sqlc name of the text with its command, such as "one", or its summary without a command if it has
// none. The name is never empty.
func Of(sql string) (name, command string) {
	if name, command, ok := SQLC(sql); ok {
		return name, command
	}
	return Summary(sql), ""
}

// Summary returns the operations and targets of the text, as the package comment describes, or Other if it finds none.
// The result is valid UTF-8 of at most 100 characters and 255 bytes without control characters.
func Summary(sql string) string {
	var p parser
	p.lex.reset(sql)
	p.run()
	if named := p.functions(); named != 0 {
		p = parser{calls: calls{named: named}}
		p.lex.reset(sql)
		p.run()
	}
	if p.out.n == 0 {
		return Other
	}
	return string(p.out.buf[:p.out.n])
}

// Copy returns the name of a bulk copy into a table, such as "COPY app.accounts". The parts of the table's name are
// unquoted, as in a pgx.Identifier. Copy quotes a part that needs it, so the name equals the summary of the same COPY
// as text. It leaves out a table name that would exceed the limit of a summary.
func Copy(table []string) string {
	var o output
	o.op("COPY")
	o.begin()
	for i, part := range table {
		if i > 0 {
			o.text(".")
		}
		if bare(part, i == 0) {
			o.text(part)
		} else {
			o.quoted(part)
		}
	}
	o.end(len(table) > 0)
	return string(o.buf[:o.n])
}

// Prefix returns the summary with an operation of one word before it. If that exceeds the limit of a summary, Prefix
// cuts it at the last space that is not in quotes.
func Prefix(op, summary string) string {
	name := op + " " + summary
	if len(name) <= maxName {
		return name
	}
	end, chars, quoted := 0, 0, false
	for i, r := range name {
		switch {
		case r == '"':
			quoted = !quoted
		case r == ' ' && !quoted:
			end = i
		}
		if chars++; chars > maxName {
			return name[:end]
		}
	}
	return name
}
