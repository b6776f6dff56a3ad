package sqlname

// mode says what a frame contains.
type mode uint8

const (
	atStatement mode = iota // any statement may begin
	atData                  // a query or a change of data may begin
	atQuery                 // a query may begin, or an expression
	atSource                // after INSERT INTO t: a query may begin
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

// frame is the state of the parser within one pair of brackets, or outside all brackets.
type frame struct {
	mode      mode
	from      bool  // FROM begins a list of tables
	using     bool  // USING begins a list of tables
	when      bool  // WHEN ends the list: the statement is a MERGE
	recursive bool  // the WITH is recursive
	list      uint8 // the SELECT whose expressions are read, from 1, 0 for none
	ctes      uint8
	refs      uint8 // start of the refs of the WITH RECURSIVE
	name      span  // of the WITH query being read
}

// inner returns the mode at the start of a bracket's content.
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
