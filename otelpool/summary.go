package otelpool

import "github.com/otelpool/otelpool-go/otelpool/internal/instruments"

// Summary returns the name that otelpool gives an operation whose text has no sqlc comment, for logs, spans and the
// function of [WithOperationName]: the operations and targets of the text, such as "SELECT users" or "INSERT orders SELECT
// carts", and [OtherOperation] if it finds none. A SELECT without FROM has the functions that it calls as targets, such as
// "SELECT pg_notify", of nested calls the outermost. A summary has no literals and at most 100 characters, and depends on the
// text alone. A longer one ends after the last operation or target that fits.
//
// It follows "Generating a summary of the query" of OpenTelemetry's semantic conventions v1.43.0
// (https://opentelemetry.io/docs/specs/semconv/db/database-spans/#generating-a-summary-of-the-query), which keeps the case
// of the text, with these exceptions:
//
//   - Texts that PostgreSQL holds equal have one summary, whatever library wrote them. Operations are in upper case. Names are
//     in lower case without quotes, unless a quoted name needs them: users, USERS and "users" are users, but "Users",
//     "order items" and "user" keep their quotes.
//   - A definition is its verb and kind alone, such as "CREATE TABLE".
func Summary(sql string) string { return instruments.Summary(sql) }
