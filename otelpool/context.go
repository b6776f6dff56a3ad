package otelpool

import (
	"context"

	"github.com/otelpool/otelpool-go/otelpool/internal/instruments"
	"github.com/otelpool/otelpool-go/otelpool/internal/poolstate"
)

// OtherOperation is the operation name of an operation that has no other: its text cannot be read, or its name is beyond
// the limit of distinct names (see [WithOperationLimit]).
const OtherOperation = "_OTHER"

// WithOperation names the database operations that are done with the returned context. The name becomes db.query.summary
// of their durations, and of the use_time of connections acquired with that context. It applies to every operation done
// with the context, begin and commit too, so give each of several queries its own. To name the holds of a request and leave
// its queries their names, use [WithScope]. A Prepare is recorded as "PREPARE name", so that the name counts executions.
// Queries of AfterConnect and PrepareConn hooks in an acquire with that context are named by their own text. Names must be
// of low cardinality: "get_user_with_roles", never an id.
//
// Without a name an operation is named by the function of [WithOperationName], else by its sqlc comment (-- name: GetUser
// :one), else by a summary of its text as the semantic conventions define it (SELECT users). An empty name removes the name.
//
// A batch of queries that have one name is "BATCH name", any other is "BATCH". By the semantic conventions a batch of one query
// is that query, and is named as it is. A sqlc query whose command is :batchexec, :batchmany or :batchone departs from that:
// it is "BATCH name" also for one query, because how many there are changes from call to call and is nothing that the program
// chose.
func WithOperation(ctx context.Context, name string) context.Context {
	if ctx == nil {
		ctx = context.Background()
	}
	return instruments.WithName(ctx, name)
}

// WithScope marks the beginning of a unit of work that should hold one connection of a pool at a time, such as a request:
// call it in a middleware, with the route as the name, and pass the context on.
//
// The name becomes db.query.summary of the use_time of connections acquired with the context, unless [WithOperation] names
// the acquire, and [Hold].Operation. It does not name queries. Names must be of low cardinality: "POST /orders", never a
// path with an id. With an empty name the scope has the name of the scope around it. If that has none either, a hold is
// named by its first operation that does more than control a transaction or change settings. Names of scopes have a limit
// of their own, see [WithOperationLimit].
//
// An Acquire with a context of the scope, by a goroutine that already holds a connection of the same pool by that scope, is
// counted in pgxpool.nested_acquires: a query in a loop over the rows of another, for example, but not queries that
// goroutines of one request make side by side, and end. If it has to wait, which is how a pool deadlocks with itself, that
// is logged with both stacks, at most once a second (see [WithLogger]). The scope follows the context, so goroutines that
// share the context share the scope. A scope in a scope is a new one. Processors other than amd64, arm64 and 386 cannot
// tell goroutines apart: there an Acquire counts while any goroutine holds a connection by the scope.
func WithScope(ctx context.Context, name string) context.Context {
	if ctx == nil {
		ctx = context.Background()
	}
	return poolstate.WithScope(ctx, name)
}

// unnamed returns a context without the name that the caller chose.
func unnamed(ctx context.Context) context.Context {
	if instruments.NameFrom(ctx) == "" {
		return ctx
	}
	return instruments.WithName(ctx, "")
}
