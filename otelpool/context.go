package otelpool

import (
	"context"

	"github.com/otelpool/otelpool-go/otelpool/internal/instruments"
	"github.com/otelpool/otelpool-go/otelpool/internal/poolstate"
)

// OtherOperation is the name of an operation without a name of its own: no summary can be made of its text, or its name
// is beyond the limit of distinct names (see [WithOperationLimit]).
const OtherOperation = "_OTHER"

// WithOperation returns a copy of ctx that names the database operations performed with it. The name becomes
// db.query.summary of their durations, and of the use_time of connections acquired with the context. It applies to
// every operation performed with the context, including begin and commit, so give each query a context of its own. To
// name the holds of a request but not its queries, use [WithScope]. A Prepare is recorded as "PREPARE name", so that
// the name counts executions. Queries that AfterConnect and PrepareConn hooks run during an acquire are named by their
// own text. Names must be of low cardinality: "get_user_with_roles", never an id. A nil ctx counts as
// context.Background.
//
// An operation that WithOperation does not name has the name that the function of [WithOperationName] returns, else
// that of its sqlc comment (-- name: GetUser :one), else the summary of its text as the semantic conventions define it
// (SELECT users). An empty name removes the name.
//
// A batch whose queries all have one name is named "BATCH name", any other batch "BATCH". As in the semantic
// conventions, a batch of one query has the name of that query. The exception is a sqlc query whose command is
// :batchexec, :batchmany or :batchone: its batch is always named "BATCH name", because the number of its queries varies
// from call to call.
func WithOperation(ctx context.Context, name string) context.Context {
	if ctx == nil {
		ctx = context.Background()
	}
	return instruments.WithName(ctx, name)
}

// WithScope returns a copy of ctx that begins a unit of work, such as a request, which should hold at most one
// connection of a pool at a time. Call it in a middleware, with the route as the name, and pass the context on. A nil
// ctx counts as context.Background.
//
// The name becomes db.query.summary of the use_time of connections acquired with the context, unless [WithOperation]
// names the acquire, and [Hold].Operation. It does not name queries. Names must be of low cardinality: "POST /orders",
// never a path with an id. A scope with an empty name has the name of the enclosing scope. If that has none either, a
// hold is named by its first operation that does more than control a transaction or change settings. The number of
// scope names has its own limit, see [WithOperationLimit].
//
// pgxpool.nested_acquires counts an Acquire in the scope by a goroutine that already holds a connection of the same
// pool in that scope. A query in a loop over the rows of another query is an example; concurrent queries of several
// goroutines are not. If such an Acquire has to wait, which is how a pool deadlocks with itself, that is logged with
// both stacks, at most once a second (see [WithLogger]). The scope follows the context, so goroutines that share the
// context share the scope. A scope within a scope is a new one. On processors other than amd64, arm64 and 386, otelpool
// cannot distinguish goroutines: there an Acquire counts while any goroutine holds a connection in the scope.
func WithScope(ctx context.Context, name string) context.Context {
	if ctx == nil {
		ctx = context.Background()
	}
	return poolstate.WithScope(ctx, name)
}

// unnamed returns ctx without the operation name that the caller chose.
func unnamed(ctx context.Context) context.Context {
	if instruments.NameFrom(ctx) == "" {
		return ctx
	}
	return instruments.WithName(ctx, "")
}
