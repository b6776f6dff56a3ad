package otelpool

import "context"

// OtherOperation is the operation name of what has no other: a text that cannot be read, or a name beyond the limit of
// distinct names (see [WithOperationLimit]).
const OtherOperation = "_OTHER"

type operationKey struct{}

// operationContext carries the name that the caller gave. It is a type of its own and not a context.WithValue, because
// the look-up then neither allocates nor converts.
type operationContext struct {
	context.Context
	name string
}

func (c *operationContext) Value(key any) any {
	if key == (operationKey{}) {
		return c
	}
	return c.Context.Value(key)
}

// WithOperation names the database operations that are done with the returned context: the name becomes
// db.query.summary in their durations, and in the use_time of connections acquired with it. It applies to every
// operation done with that context, begin and commit too, so give each of several queries its own; what AfterConnect and
// PrepareConn hooks ask in an acquire done with it is named by its own text. Names must be of low cardinality:
// "get_user_with_roles", never an id.
//
// Without a name an operation is named by its sqlc comment (-- name: GetUser :one), else by a summary of its text as
// the semantic conventions define it (SELECT users). An empty name takes the name back.
func WithOperation(ctx context.Context, name string) context.Context {
	if ctx == nil {
		ctx = context.Background()
	}
	return &operationContext{Context: ctx, name: name}
}

// unnamed takes back the name that the caller gave, if one did.
func unnamed(ctx context.Context) context.Context {
	if operationName(ctx) == "" {
		return ctx
	}
	return WithOperation(ctx, "")
}

// operationName is the name that the innermost WithOperation gave, "" if there is none.
func operationName(ctx context.Context) string {
	if ctx == nil { // which some of pgx bears
		return ""
	}
	if c, ok := ctx.(*operationContext); ok {
		return c.name
	}
	if c, ok := ctx.Value(operationKey{}).(*operationContext); ok {
		return c.name
	}
	return ""
}
