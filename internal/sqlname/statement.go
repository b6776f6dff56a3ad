package sqlname

import "strings"

// statement reads the verb and the targets of a statement that is neither a query nor a change of data.
func (p *parser) statement(f *frame) {
	f.mode = ignoring
	for _, phrase := range plain {
		if p.acceptPhrase(phrase) {
			p.out.op(phrase)
			return
		}
	}
	for i := range verbs {
		if verb := &verbs[i]; p.acceptPhrase(verb.phrase) {
			p.follow(f, verb.name, verb.then)
			return
		}
	}
	p.advance()
}

// follow adds the operation and reads the rest of the statement.
func (p *parser) follow(f *frame, op string, then syntax) {
	switch then {
	case object:
		p.object(f, op)
		return
	case rollback:
		if !p.accept("WORK") {
			p.accept("TRANSACTION")
		}
		if p.accept("TO") {
			op = "ROLLBACK TO SAVEPOINT"
		}
	}
	p.out.op(op)
	switch then {
	case oneName:
		p.name(false)
		f.mode = inExpr
	case someNames:
		p.brackets() // options
		p.names()
	case asQuery:
		f.mode = untilAs
	case forQuery:
		f.mode = untilFor
	case explained:
		p.explain(f)
	case copied:
		p.accept("BINARY")
		if p.sym('(') {
			p.open(atData, 0)
		} else {
			p.name(false)
		}
	}
}

// explain reads the options of EXPLAIN.
func (p *parser) explain(f *frame) {
	if p.sym('(') {
		look := p.lex
		switch t := look.next(); {
		case t.kw == kwSelect, t.kw == kwWith, t.kw == kwTable, t.kw == kwValues, t.char == '(':
		default:
			p.brackets()
		}
	}
	for p.accept("ANALYZE") || p.accept("ANALYSE") || p.accept("VERBOSE") {
	}
	f.mode = atStatement
}

// object reads the kind of the object of a CREATE, ALTER, DROP or REINDEX. The rest of the statement is ignored, so
// that migrations, schemas of tenants and partitions of a day do not each have a name of their own.
func (p *parser) object(f *frame, verb string) {
	p.brackets() // options of REINDEX
	for p.acceptAny(modifiers[:]) {
	}
	for _, kind := range objects {
		if !p.acceptPhrase(kind) {
			continue
		}
		p.out.op(verb, kind)
		if kind == "FUNCTION" || kind == "PROCEDURE" {
			f.mode = inRoutine
		}
		return
	}
	p.out.op(verb)
}

// names reads a list of names and the words that may stand around each.
func (p *parser) names() {
	for {
		for p.acceptAny(noise[:]) {
		}
		p.name(false)
		for !p.sym(',') {
			if p.sym(';') || p.tok.kind == eof || p.out.full {
				return
			}
			if !p.brackets() {
				p.advance()
			}
		}
		p.advance()
	}
}

// brackets moves past a pair of brackets and its content. It reports whether there was one.
func (p *parser) brackets() bool {
	if !p.sym('(') {
		return false
	}
	for depth := 0; p.tok.kind != eof; {
		if p.sym('(') {
			depth++
		} else if p.sym(')') {
			depth--
		}
		p.advance()
		if depth == 0 {
			break
		}
	}
	return true
}

// acceptAny moves past the next token if it is one of the words, and reports whether it was.
func (p *parser) acceptAny(words []string) bool {
	for _, w := range words {
		if p.accept(w) {
			return true
		}
	}
	return false
}

// acceptPhrase moves past the words of the phrase if they come next, and reports whether they did.
func (p *parser) acceptPhrase(phrase string) bool {
	first, rest, more := strings.Cut(phrase, " ")
	if p.tok.kind != word || !equalUpper(p.text(), first) {
		return false
	}
	lex, tok, prev := p.lex, p.tok, p.prev
	p.advance()
	for more {
		first, rest, more = strings.Cut(rest, " ")
		if !p.accept(first) {
			p.lex, p.tok, p.prev = lex, tok, prev
			return false
		}
	}
	return true
}
