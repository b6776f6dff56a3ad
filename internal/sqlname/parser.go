package sqlname

const (
	maxDepth = 64 // depth of nested brackets that are parsed
	maxCTEs  = 64 // names of WITH queries that are known at one time
	maxRefs  = 16 // tables that a later name of WITH RECURSIVE may refer to
)

// parser reads a text token by token. Each open bracket has a frame that says what may come next in it. Input that the
// grammar forbids is skipped.
type parser struct {
	lex  lexer
	tok  token   // the next token
	prev keyword // the token before it

	frames  [maxDepth]frame
	depth   int // index of the current frame
	tooDeep int // open brackets beyond maxDepth, whose content is ignored

	ctes  [maxCTEs]span // positions in the text
	nctes int
	refs  [maxRefs]span // positions in the output: tables that may be names of WITH queries
	nrefs int

	read    int // tokens
	calls   calls
	out     output
	targets bool // a target was found
}

// run reads the text to its end, until the name is full, or until it finds nothing more to add.
func (p *parser) run() {
	p.advance()
	for n, last := 0, 0; p.tok.kind != eof && !p.out.full; {
		if p.out.n != n {
			n, last = p.out.n, p.read
		} else if p.targets && p.read-last > maxQuiet {
			return
		}
		switch {
		case p.tok.kind == symbol:
			p.symbol()
		case p.tooDeep > 0:
			p.advance()
		case p.tok.kind == literal:
			p.operand()
			p.advance()
		default:
			p.word()
		}
	}
}

// advance moves to the next token.
func (p *parser) advance() {
	p.prev = p.tok.kw
	if p.tok.kind == symbol {
		switch p.tok.char {
		case '.':
			p.prev = kwDot
		case '@', ':':
			p.prev = kwMark
		}
	}
	p.tok = p.lex.next()
	p.read++
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
		p.open(f.inner(), f.list)
		return
	case '(':
		list := f.list
		if p.tooDeep == 0 && p.called(f) {
			list = 0 // of nested calls the outermost counts
		}
		p.open(f.inner(), list)
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

// comma records that another table or WITH query follows.
func (p *parser) comma(f *frame) {
	switch {
	case p.tooDeep > 0:
	case f.mode == inTables:
		f.mode = atTable
	case f.mode == inWith, f.mode == afterWith:
		f.mode = atWithName
	}
}

// operand records a token that begins no query and names no table, such as a string, a number or a parameter.
func (p *parser) operand() {
	if p.tooDeep > 0 {
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

// open reads an opening bracket. list is the SELECT whose expressions it contains.
func (p *parser) open(inner mode, list uint8) {
	if p.tooDeep > 0 || p.depth == maxDepth-1 {
		p.tooDeep++
	} else {
		if f := p.top(); f.mode == atWithBody && f.recursive {
			p.declare(f)
		}
		p.depth++
		p.frames[p.depth] = frame{mode: inner, list: list, ctes: uint8(p.nctes)}
	}
	p.advance()
}

// close reads a closing bracket.
func (p *parser) close() {
	if p.tooDeep > 0 {
		if p.tooDeep--; p.tooDeep > 0 {
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

// semicolon ends the statement and its open brackets. Only the actions of a rule have a semicolon of their own.
func (p *parser) semicolon() {
	if p.depth > 0 && p.tooDeep == 0 && p.top().mode == ignoring {
		return
	}
	p.depth, p.tooDeep, p.nctes, p.nrefs = 0, 0, 0, 0
	p.frames[0] = frame{}
}
