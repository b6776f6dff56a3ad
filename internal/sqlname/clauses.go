package sqlname

// word reads a keyword or a name. Its meaning depends on the frame.
func (p *parser) word() {
	f := p.top()
	kw := p.tok.kw
	if f.list > 0 {
		p.operandName()
	}
	switch f.mode {
	case atStatement:
		if !p.change(f, kw) && !p.query(f, kw) {
			p.statement(f)
		}
	case atData, inWith, afterWith:
		if !p.change(f, kw) && !p.query(f, kw) {
			p.within(f, kw)
		}
	case atQuery, atSource, atGroup:
		if !p.query(f, kw) {
			p.within(f, kw)
		}
	case atTable:
		p.table(f, kw)
	case inTables, inExpr:
		// The word after AS or a dot is a name, not a keyword.
		if p.prev == kwAs || p.prev >= kwMark || !p.clause(f, kw) {
			p.advance()
		}
	default:
		p.within(f, kw)
	}
}

// within reads a word that begins neither a query nor a clause.
func (p *parser) within(f *frame, kw keyword) {
	switch f.mode {
	case atGroup:
		f.mode = atTable // so it is a table
		return
	case atData:
		f.mode = inExpr
	case atQuery:
		if kw != kwAll && kw != kwDistinct { // of a UNION
			f.mode = inExpr
		}
	case atWithName:
		p.withName(f, kw)
	case inWith, afterWith:
		if kw == kwAs {
			f.mode = atWithBody
		}
	case untilAs:
		if kw == kwAs {
			f.mode = atStatement
		}
	case untilFor:
		if kw == kwFor {
			f.mode = atQuery
		}
	case inRoutine:
		if kw == kwAtomic { // a body in SQL, with semicolons: read no further
			p.tok.kind = eof
			return
		}
	}
	p.advance()
}

// clause reads a keyword between or after expressions and tables. It reports whether it moved past the keyword.
func (p *parser) clause(f *frame, kw keyword) bool {
	switch kw {
	case kwFrom:
		if f.mode == inExpr && f.from && p.prev != kwDistinct { // IS DISTINCT FROM
			p.calls.found &^= f.bit()
			f.from, f.list = false, 0
			f.mode = atTable
		}
	case kwUsing:
		if f.mode == inExpr && f.using { // otherwise the columns of a join
			f.using = false
			f.mode = atTable
		}
	case kwInto:
		if f.mode == inExpr && f.from {
			p.advance()
			for p.accept("TEMP") || p.accept("TEMPORARY") || p.accept("UNLOGGED") || p.accept("TABLE") {
			}
			p.name(false)
			return true
		}
	case kwUnion, kwIntersect, kwExcept:
		f.mode, f.list = atQuery, 0
	case kwOn:
		if p.prev != kwDistinct { // ON CONFLICT
			f.list = 0
		}
	case kwJoin:
		if f.mode == inTables {
			f.mode = atTable
		}
	case kwWhen:
		if f.when {
			f.mode = inExpr
		}
	case kwWhere, kwGroup, kwHaving, kwWindow, kwOrder, kwLimit, kwOffset, kwFetch, kwFor, kwReturning,
		kwDo: // the DO of ON CONFLICT
		f.list = 0
		if f.mode == inTables {
			f.mode = inExpr
		}
	}
	return false
}

// table reads a word where FROM expects a table.
func (p *parser) table(f *frame, kw keyword) {
	if look := p.lex; kw == kwRows && look.next().kw == kwFrom { // and functions in brackets
		p.advance()
		p.advance()
		return
	}
	switch kw {
	case kwOnly, kwLateral:
		p.advance()
	case kwWhere, kwGroup, kwHaving, kwWindow, kwOrder, kwLimit, kwOffset, kwFetch, kwFor, kwReturning,
		kwDo, kwOn, kwUsing, kwUnion, kwIntersect, kwExcept, kwFrom, kwJoin, kwWhen, kwSelect, kwAs:
		f.mode = inTables // the table is missing
	default:
		f.mode = inTables
		p.name(true)
	}
}

// query begins a query if kw is SELECT, VALUES or TABLE, and reports whether it did.
func (p *parser) query(f *frame, kw keyword) bool {
	switch kw {
	case kwSelect:
		p.out.op("SELECT")
		f.mode, f.from, f.using, f.when = inExpr, true, false, false
		p.beginList(f)
	case kwTable:
		p.out.op("TABLE")
		f.mode, f.from, f.using, f.when, f.list = inExpr, false, false, false, 0
		p.advance()
		p.target(true)
		return true
	case kwValues:
		// VALUES is an operation only if the whole statement is VALUES.
		if f.mode == atStatement || f.mode == afterWith && p.depth == 0 {
			p.out.op("VALUES")
		}
		f.mode, f.from, f.list = inExpr, false, 0
	case kwWith:
		f.mode, f.recursive, f.refs, f.list = atWithName, false, uint8(p.nrefs), 0
	default:
		return false
	}
	p.advance()
	return true
}

// change begins a statement that changes data if kw starts one, and reports whether it did.
func (p *parser) change(f *frame, kw keyword) bool {
	switch kw {
	case kwInsert:
		p.begin(f, "INSERT", frame{mode: atSource})
		p.into(kwInto)
	case kwUpdate:
		p.begin(f, "UPDATE", frame{mode: inExpr, from: true})
		p.target(false)
	case kwDelete:
		p.begin(f, "DELETE", frame{mode: inExpr, using: true})
		p.into(kwFrom)
	case kwMerge:
		p.begin(f, "MERGE", frame{mode: inExpr, using: true, when: true})
		p.into(kwInto)
	default:
		return false
	}
	return true
}

// begin adds the operation, and moves past it to the state next.
func (p *parser) begin(f *frame, op string, next frame) {
	next.ctes = f.ctes
	*f = next
	p.out.op(op)
	p.advance()
}
