package otelpool

import "github.com/otelpool/otelpool-go/otelpool/internal/instruments"

// Summary returns the name that otelpool uses for an operation whose text has no sqlc comment, for logs, spans and the
// function of [WithOperationName]. It consists of the operations and targets of the text, such as "SELECT users" or
// "INSERT orders SELECT carts", and is [OtherOperation] if there are none. The targets of a SELECT without FROM are the
// functions that it calls, such as "SELECT pg_notify"; of nested calls the outermost. A summary contains no literals
// and depends on the text alone. It has at most 100 characters: a longer one is cut after the last operation or target
// that fits.
//
// It follows "Generating a summary of the query" of OpenTelemetry's semantic conventions v1.43.0
// (https://opentelemetry.io/docs/specs/semconv/db/database-spans/#generating-a-summary-of-the-query), which keeps the
// case of the text, with these exceptions:
//
//   - Texts that mean the same to PostgreSQL have the same summary. Operations are in upper case. Names are in lower
//     case without quotes, unless a name needs its quotes: users, USERS and "users" become users, but "Users", "order
//     items" and "user" keep their quotes.
//   - A data definition is summarized by its verb and kind only, such as "CREATE TABLE".
func Summary(sql string) string { return instruments.Summary(sql) }
