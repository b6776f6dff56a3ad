package sqlname

// into reads the keyword and the target behind it.
func (p *parser) into(kw keyword) {
	if p.tok.kw == kw {
		p.advance()
		p.target(false)
	}
}

// target reads the table that an operation is about: [ONLY] name, or
// ONLY (name).
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

// name reads a name of one or more parts and adds it to the output. A ref may
// also be the name of a WITH query, which is not added. A name with its last
// part missing is not added either. At what is no name, nothing happens.
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
	p.out.text(first)
	whole := true
	for whole && p.sym('.') {
		p.advance()
		if whole = p.ident(); whole {
			p.out.text(".")
			p.out.text(p.text())
			p.advance()
		}
	}
	if p.lex.cut && p.tok.kind == eof {
		whole = false // there may have been more to it
	}
	p.out.end(whole)
	if ref && p.nrefs < maxRefs && p.out.n > p.out.mark {
		p.refs[p.nrefs] = span{uint16(p.out.mark), uint16(p.out.n)}
		p.nrefs++
	}
}

// ident reports whether the next token can be a name.
func (p *parser) ident() bool { return p.tok.kind == word || p.tok.kind == quoted }

// text returns the next token as written.
func (p *parser) text() string { return p.lex.s[p.tok.start:p.tok.end] }

// accept moves past the next token if it is this word, and reports whether it
// was.
func (p *parser) accept(upper string) bool {
	if p.tok.kind != word || !fold(p.text(), upper) {
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

// declare makes the name of the WITH query known. In WITH RECURSIVE it holds
// for the queries before it as well, so it is taken out where they had it.
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

// isCTE reports whether the name is that of a WITH query in force here.
func (p *parser) isCTE(name string) bool {
	for _, cte := range p.ctes[:p.nctes] {
		if sameName(p.lex.s[cte.start:cte.end], name) {
			return true
		}
	}
	return false
}
