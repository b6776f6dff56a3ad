package otelpool

import "github.com/otelpool/otelpool-go/otelpool/internal/instruments"

// Summary returns the name that otelpool gives an operation whose text has no sqlc comment, for logs, spans and the
// function of [WithOperationName]: the operations and targets of the text, such as "SELECT users" or "INSERT orders SELECT
// carts", and [OtherOperation] if it finds none. A summary has no literals, at most 255 bytes, and depends on the text alone.
//
// It follows "Generating a summary of the query" of OpenTelemetry's semantic conventions v1.43.0
// (https://opentelemetry.io/docs/specs/semconv/db/database-spans/#generating-a-summary-of-the-query), except that operations
// are in upper case, and that a definition is its verb and kind alone, such as "CREATE TABLE".
func Summary(sql string) string { return instruments.Summary(sql) }
