package instruments

// maxRecentText is the length of the longest text that a connection remembers.
const maxRecentText = 1 << 10

// Recent is a cache of the texts and names that were last used on a connection. A comparison takes a quarter of the
// time of a look-up in the tables of the pool, whose strings it shares. The length of a string determines its place.
// Recent belongs to the owner of the connection. The zero value is empty.
type Recent struct {
	of    *Operations // whose names it has; hooks of another configuration may use the connection too
	texts [16]*text
	names [8]*Operation
}

// text returns the place of a text, by its length.
func (r *Recent) text(length int) **text { return &r.texts[uint(length)%uint(len(r.texts))] }

// name returns the place of an operation, by the length of its name.
func (r *Recent) name(length int) **Operation { return &r.names[uint(length)%uint(len(r.names))] }

// named returns the operation of that name, nil if it is not remembered. It is small enough to be inlined.
func (r *Recent) named(o *Operations, name string) *Operation {
	if op := *r.name(len(name)); op != nil && r.of == o && op.key == name {
		return op
	}
	return nil
}

// begin forgets everything that belongs to other operations than o.
func (r *Recent) begin(o *Operations) {
	if r.of != o {
		*r = Recent{of: o}
	}
}
