package sqlname

const (
	maxDepth = 64 // brackets within brackets that are understood
	maxCTEs  = 64 // names of WITH queries that are known at a time
	maxRefs  = 16 // tables that a later name of WITH RECURSIVE may turn out to be
)

// parser follows a text token by token. Each open bracket has a frame that says
// what may come next in it; what the grammar forbids is passed over.
type parser struct {
	lex  lexer
	tok  token   // the next token
	prev keyword // the token before it

	frames [maxDepth]frame
	depth  int // index of the current frame
	over   int // brackets open beyond maxDepth, their content ignored

	ctes  [maxCTEs]span // in the text
	nctes int
	refs  [maxRefs]span // in the output: tables that may be names of WITH
	nrefs int

	out output
}

// run reads the text until its end, or until the name is full.
func (p *parser) run() {
	p.advance()
	for p.tok.kind != eof && !p.out.full {
		switch {
		case p.tok.kind == symbol:
			p.symbol()
		case p.over > 0:
			p.advance()
		case p.tok.kind == literal:
			p.literal()
		default:
			p.word()
		}
	}
}

// advance moves to the next token.
func (p *parser) advance() {
	p.prev = p.tok.kw
	if p.sym('.') || p.sym('@') || p.sym(':') {
		p.prev = kwMark
	}
	p.tok = p.lex.next()
}

func (p *parser) top() *frame { return &p.frames[p.depth] }

// sym reports whether the next token is the symbol c.
func (p *parser) sym(c byte) bool { return p.tok.kind == symbol && p.tok.char == c }

// symbol reads punctuation.
func (p *parser) symbol() {
	c := p.tok.char
	f := p.top()
	switch c {
	case '[':
		p.operand()
		p.open(f.inner())
		return
	case '(':
		p.open(f.inner())
		return
	case ')', ']':
		p.close()
	case ';':
		p.semicolon()
	case ',':
		p.comma(f)
	default:
		p.operand()
	}
	p.advance()
}

// comma notes that another table or WITH query follows.
func (p *parser) comma(f *frame) {
	switch {
	case p.over > 0:
	case f.mode == inTables:
		f.mode = atTable
	case f.mode == inWith, f.mode == afterWith:
		f.mode = atWithName
	}
}

// literal reads a string, number or parameter.
func (p *parser) literal() {
	p.operand()
	p.advance()
}

// operand notes that something has come that begins no query and names no table.
func (p *parser) operand() {
	if p.over > 0 {
		return
	}
	switch f := p.top(); f.mode {
	case atStatement:
		f.mode = ignoring
	case atData, atQuery:
		f.mode = inExpr
	case atGroup, atTable:
		f.mode = inTables
	}
}

// open reads an opening bracket.
func (p *parser) open(inner mode) {
	if p.over > 0 || p.depth == maxDepth-1 {
		p.over++
	} else {
		if f := p.top(); f.mode == atWithBody && f.recursive {
			p.declare(f)
		}
		p.depth++
		p.frames[p.depth] = frame{mode: inner, ctes: uint8(p.nctes)}
	}
	p.advance()
}

// close leaves the innermost bracket.
func (p *parser) close() {
	if p.over > 0 {
		p.over--
		if p.over > 0 {
			return
		}
	} else {
		if p.depth == 0 {
			p.operand()
			return
		}
		p.nctes = int(p.top().ctes)
		p.depth--
	}
	switch f := p.top(); f.mode {
	case atWithBody:
		if !f.recursive {
			p.declare(f)
		}
		f.mode = afterWith
	case atStatement, afterWith, atData, atQuery:
		f.mode = inExpr
	case atGroup, atTable:
		f.mode = inTables
	}
}

// semicolon ends the statement, brackets that are still open with it. Only the
// actions of a rule have one of their own.
func (p *parser) semicolon() {
	if p.depth > 0 && p.over == 0 && p.top().mode == ignoring {
		return
	}
	p.depth, p.over, p.nctes, p.nrefs = 0, 0, 0, 0
	p.frames[0] = frame{}
}
