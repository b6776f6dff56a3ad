package sqlname

// into reads the keyword kw and its target.
func (p *parser) into(kw keyword) {
	if p.tok.kw == kw {
		p.advance()
		p.target(false)
	}
}

// target reads the table of an operation: [ONLY] name, or ONLY (name).
func (p *parser) target(ref bool) {
	if p.tok.kw == kwOnly {
		p.advance()
		if p.sym('(') {
			p.advance()
			p.name(ref)
			if p.sym(')') {
				p.advance()
			}
			return
		}
	}
	p.name(ref)
}

// name reads a name of one or more parts and adds it to the output. With ref set, it leaves out the name of a WITH
// query. It leaves out a name whose last part is missing, and does nothing if the next token is not a name.
func (p *parser) name(ref bool) {
	if !p.ident() {
		return
	}
	first := p.text()
	p.advance()
	ref = ref && !p.sym('.') && !p.sym('(')
	if ref && p.isCTE(first) {
		return
	}
	p.out.begin()
	p.out.ident(first, true)
	whole := true
	for whole && p.sym('.') {
		p.advance()
		if whole = p.ident(); whole {
			p.out.text(".")
			p.out.ident(p.text(), false)
			p.advance()
		}
	}
	if p.lex.cut && p.tok.kind == eof {
		whole = false // there may have been more parts
	}
	p.out.end(whole)
	p.targets = true
	if ref && p.nrefs < maxRefs && p.out.n > p.out.mark {
		p.refs[p.nrefs] = span{uint16(p.out.mark), uint16(p.out.n)}
		p.nrefs++
	}
}

// ident reports whether the next token can be a name.
func (p *parser) ident() bool { return p.tok.kind == word || p.tok.kind == quoted }

// text returns the next token as written.
func (p *parser) text() string { return p.lex.s[p.tok.start:p.tok.end] }

// accept moves past the next token if it is the word upper, and reports whether it was.
func (p *parser) accept(upper string) bool {
	if p.tok.kind != word || !equalUpper(p.text(), upper) {
		return false
	}
	p.advance()
	return true
}

// withName reads the name of a WITH query.
func (p *parser) withName(f *frame, kw keyword) {
	if kw == kwRecursive && p.prev == kwWith {
		f.recursive = true
		return
	}
	f.name = p.tok.span
	f.mode = inWith
}

// declare records the name of the WITH query. WITH RECURSIVE also applies the name to earlier queries, so declare
// removes it from their output.
func (p *parser) declare(f *frame) {
	name := p.lex.s[f.name.start:f.name.end]
	if p.nctes < maxCTEs {
		p.ctes[p.nctes] = f.name
		p.nctes++
	}
	if !f.recursive {
		return
	}
	for i := int(f.refs); i < p.nrefs; {
		r := p.refs[i]
		if !sameName(string(p.out.buf[r.start+1:r.end]), name) {
			i++
			continue
		}
		p.out.cut(int(r.start), int(r.end))
		copy(p.refs[i:], p.refs[i+1:p.nrefs])
		p.nrefs--
		for j := i; j < p.nrefs; j++ {
			p.refs[j].start -= r.end - r.start
			p.refs[j].end -= r.end - r.start
		}
	}
}

// isCTE reports whether name refers to a WITH query that is in scope.
func (p *parser) isCTE(name string) bool {
	for _, cte := range p.ctes[:p.nctes] {
		if sameName(p.lex.s[cte.start:cte.end], name) {
			return true
		}
	}
	return false
}
