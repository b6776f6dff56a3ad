package sqlname

// mode is what a frame is about.
type mode uint8

const (
	atStatement mode = iota // any statement may begin
	atData                  // a query or a change of data may begin
	atQuery                 // a query may begin, or an expression
	atSource                // what follows INSERT INTO t: a query may begin
	inExpr                  // expressions, or the clauses after FROM
	atGroup                 // after ( in FROM: a query or a table
	atTable                 // in FROM: a table
	inTables                // in FROM, after a table
	atWithName              // in WITH: a name
	inWith                  // after the name, up to AS
	atWithBody              // after AS: the statement in brackets
	afterWith               // after the brackets: a comma or the main statement
	untilAs                 // ignored up to AS
	untilFor                // ignored up to FOR
	inRoutine               // the definition of a routine: ignored
	ignoring                // ignored up to the end of the statement
)

// frame is the state of the text within one pair of brackets, or outside of all.
type frame struct {
	mode      mode
	from      bool // FROM begins a list of tables
	using     bool // so does USING
	when      bool // WHEN ends it: the statement is a MERGE
	recursive bool // the WITH is
	ctes      uint8
	refs      uint8 // where the refs of the WITH RECURSIVE begin
	name      span  // of the WITH query being read
}

// inner returns the mode in which the content of a bracket begins.
func (f *frame) inner() mode {
	switch f.mode {
	case atStatement:
		return atStatement
	case atGroup, atTable:
		return atGroup
	case atWithBody:
		return atData
	case atWithName, inWith, untilAs, untilFor, inRoutine, ignoring:
		return ignoring
	}
	return atQuery
}
