// Package sqlname gives the texts of PostgreSQL statements short names of low
// cardinality, fit to be a metric attribute: "SELECT users",
// "INSERT orders SELECT carts", "COMMIT".
//
// A name follows OpenTelemetry's "Generating a summary of the query": the
// operations and their targets, in the order of the text, a space between
// them, repeats included, at most 255 bytes with neither cut in half. Beyond
// that, these rules hold:
//
//   - An operation is spelled in upper case and without noise words: "begin
//     isolation level serializable" is BEGIN, "truncate table a" TRUNCATE a.
//     Here the norm says that case should be kept, and lets an instrumentation
//     of one database differ. PostgreSQL does not tell "select" from "SELECT",
//     and neither should a dashboard.
//   - A target is spelled as the text has it, quotes included, without the
//     white space and comments around its dots.
//   - Targets are tables, views and functions in FROM, and procedures. The name
//     of a WITH query is not one, nor is any name that programs tend to make
//     up as they go: savepoints, cursors, channels, roles, settings.
//   - WITH, UNION, JOIN, VALUES within a statement and the actions of
//     ON CONFLICT and MERGE are parts of an operation, not operations.
//   - Of a definition whose query runs at once (CREATE TABLE AS, CREATE
//     MATERIALIZED VIEW AS) the query is summarised too.
//
// No literal, number, parameter or comment is ever part of a summary. The texts
// are read by PostgreSQL's lexical rules with standard_conforming_strings on, the
// default, without which pgx's simple protocol does not work either. Reading is
// linear, does not recurse, and ends after the first 16 KiB.
//
// All functions are pure and safe for concurrent use.
package sqlname

// Other is the name of a text in which no statement can be read.
const Other = "_OTHER"

const (
	maxName = 255      // bytes of a name; the norm says 255 characters
	maxScan = 16 << 10 // bytes of a text that are looked at; spans are uint16
)

// Of returns the name that sqlc gave the text, or else its summary. It is never
// empty.
func Of(sql string) string {
	if name, ok := SQLC(sql); ok {
		return name
	}
	return Summary(sql)
}

// Summary returns the operations and targets of the text, as the package
// comment has it, or Other if there are none to be read. It is valid UTF-8 of
// at most 255 bytes without control characters.
func Summary(sql string) string {
	var p parser
	p.lex.reset(sql)
	p.run()
	if p.out.n == 0 {
		return Other
	}
	return string(p.out.buf[:p.out.n])
}

// Copy returns the name of a bulk copy into the table whose name has these
// parts, unquoted as in a pgx.Identifier: "COPY app.accounts". A part is quoted
// where PostgreSQL would quote it, so the name equals the summary of the same
// COPY as text. A name past 255 bytes is left out.
func Copy(table []string) string {
	var o output
	o.op("COPY")
	o.begin()
	for i, part := range table {
		if i > 0 {
			o.text(".")
		}
		if plain(part) {
			o.text(part)
		} else {
			o.quoted(part)
		}
	}
	o.end(len(table) > 0)
	return string(o.buf[:o.n])
}
