package sqlname

// maxSelects is how many SELECTs of a text may be named by functions. A summary has no room for more.
const maxSelects = 31

// calls is the parser's state of calls of functions. A SELECT without FROM is named by the functions that it calls, but
// FROM comes after them. So the parser reads a text twice if the first reading finds such a SELECT.
type calls struct {
	selects uint8  // SELECTs read
	found   uint32 // those that call a function and have no FROM so far, a bit each
	named   uint32 // what the first reading found, 0 in the first reading

	// The last name in a list of expressions, which is a function's if a bracket follows.
	name span
	at   int  // the number of its last token
	dots bool // it has more than one part
}

// beginList begins the expressions of a SELECT.
func (p *parser) beginList(f *frame) {
	f.list = 0
	if p.calls.selects < maxSelects {
		p.calls.selects++
		f.list = p.calls.selects
	}
}

// bit returns the bit of the SELECT whose list the frame is in, 0 if it is in none.
func (f *frame) bit() uint32 { return 1 << f.list >> 1 }

// operandName notes the next token if it may be a part of a function's name.
func (p *parser) operandName() {
	c := &p.calls
	switch {
	case p.prev == kwDot && c.at == p.read-2:
		c.name.end, c.dots = p.tok.end, true
	case p.prev == kwDot, p.prev == kwMark, p.prev == kwAs: // of a field, an argument or a type
		return
	default:
		c.name, c.dots = p.tok.span, false
	}
	c.at = p.read
}

// called reports whether the bracket that comes next has the arguments of a function. It adds the function to the
// output if the SELECT is named by it.
func (p *parser) called(f *frame) bool {
	c := &p.calls
	name := p.lex.s[c.name.start:c.name.end]
	if f.list == 0 || c.at != p.read-1 || !c.dots && noFunction(name) {
		return false
	}
	c.found |= f.bit()
	if c.named&f.bit() == 0 {
		return true
	}
	p.out.begin()
	parts := lexer{s: name}
	for i := 0; ; i++ {
		t := parts.next()
		switch {
		case t.kind == eof:
			p.out.end(true)
			p.targets = true
			return true
		case t.kind == symbol:
			p.out.text(".")
		default:
			p.out.ident(name[t.start:t.end], i == 0)
		}
	}
}

// noFunction reports whether a word before a bracket is not the name of a function.
func noFunction(s string) bool {
	var b [17]byte // the longest reserved word
	if len(s) > len(b) {
		return false
	}
	for i := range len(s) {
		b[i] = lower(s[i])
	}
	word := string(b[:len(s)])
	switch word {
	case "coalesce", "exists", "greatest", "least", "nullif", "row", "values", // expressions
		"between", "escape", "filter", "ilike", "like", "operator", "over", "overlaps", "zone", // operators and clauses
		"bit", "char", "character", "dec", "decimal", "float", "interval", "nchar", "numeric", "time", "timestamp", "varchar", "varying":
		return true
	}
	return reserved(word)
}

// functions returns the SELECTs of the text just read that are named by functions. Those whose end was not read may
// have a FROM.
func (p *parser) functions() uint32 {
	found := p.calls.found
	if found != 0 && (p.lex.cut || p.tok.kind != eof) {
		for i := range p.depth + 1 {
			found &^= p.frames[i].bit()
		}
	}
	return found
}
