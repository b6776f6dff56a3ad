package instruments

import (
	"context"
	"strings"

	"github.com/otelpool/otelpool-go/internal/sqlname"
)

// OtherOperation is the name of an operation that has no other.
const OtherOperation = "_OTHER"

// Source is where a name comes from. Each source has its own limit of names. So neither summaries of generated texts
// nor names of routes turn chosen names into _OTHER.
type Source uint8

// The sources of names.
const (
	Chosen     Source = iota // by the caller, the user's function or a sqlc comment
	Summarized               // a summary of a text
	Scoped                   // by a scope
	sourceCount
)

// Name is the name of an operation or of a unit of work.
type Name struct {
	Text   string
	Source Source

	// Batched reports whether it is the name of a sqlc query for batches: its command is :batchexec, :batchmany or
	// :batchone.
	Batched bool
}

// after returns the name after an operation, such as "BATCH name". A summary stays within its limit.
func (n Name) after(op string) Name {
	if n.Source == Summarized {
		n.Text = sqlname.Prefix(op, n.Text)
	} else {
		n.Text = op + " " + n.Text
	}
	return n
}

// nameOf returns the name in the sqlc comment of a text, else its summary.
func nameOf(sql string) Name {
	name, command := sqlname.Of(sql)
	if command == "" {
		return Name{Text: name, Source: Summarized}
	}
	return Name{Text: name, Source: Chosen, Batched: strings.HasPrefix(command, "batch")}
}

// Summary returns the summary of a text.
func Summary(sql string) string { return sqlname.Summary(sql) }

// SanitizeSQL returns a text with its literals masked and its comments removed.
func SanitizeSQL(sql string) string { return sqlname.Sanitize(sql) }

// Listens reports whether a text begins to listen for notifications.
func Listens(sql string) bool { return sqlname.Listens(sql) }

// Blank reports whether a text has no statement.
func Blank(sql string) bool { return sqlname.Blank(sql) }

type nameKey struct{}

// nameContext carries the name that the caller chose. It is a type of its own, not a context.WithValue, so that looking
// it up neither allocates nor converts.
type nameContext struct {
	context.Context
	name string
}

func (c *nameContext) Value(key any) any {
	if key == (nameKey{}) {
		return c
	}
	return c.Context.Value(key)
}

// WithName returns a context whose operations have that name, or no chosen name if it is "".
func WithName(ctx context.Context, name string) context.Context {
	return &nameContext{Context: ctx, name: name}
}

// NameFrom returns the name that the innermost WithName chose, "" if there is none. ctx may be nil, as in parts of pgx.
func NameFrom(ctx context.Context) string {
	if ctx == nil {
		return ""
	}
	if c, ok := ctx.(*nameContext); ok {
		return c.name
	}
	if c, ok := ctx.Value(nameKey{}).(*nameContext); ok {
		return c.name
	}
	return ""
}
