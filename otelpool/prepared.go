package otelpool

import (
	"strings"

	"github.com/otelpool/otelpool-go/otelpool/internal/instruments"
)

// maxPrepared is how many statements a generation of preparedTexts holds.
const maxPrepared = 512

// preparedTexts maps the names that the caller chose for prepared statements to their texts: a query that uses one shows
// only the name. No event reports that a statement is deallocated, so those are kept that were used last: a full generation
// becomes the previous one, which is dropped, and a statement that is still in use moves to the current one. The zero value
// is empty.
type preparedTexts struct {
	current, previous map[string]instruments.Statement // nil until there is a statement
}

// get returns the statement of that name, and whether there is one.
func (p *preparedTexts) get(name string) (instruments.Statement, bool) {
	if s, ok := p.current[name]; ok {
		return s, true
	}
	s, ok := p.previous[name]
	if ok {
		p.put(name, s)
	}
	return s, ok
}

// put sets the statement of a name.
func (p *preparedTexts) put(name string, s instruments.Statement) {
	if len(p.current) >= maxPrepared {
		p.previous, p.current = p.current, nil
	}
	if p.current == nil {
		p.current = make(map[string]instruments.Statement)
	}
	p.current[strings.Clone(name)] = s
}

// remove removes the statement of a name.
func (p *preparedTexts) remove(name string) {
	delete(p.current, name)
	delete(p.previous, name)
}
