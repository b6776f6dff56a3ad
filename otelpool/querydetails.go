package otelpool

import (
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/otelpool/otelpool-go/otelpool/internal/instruments"
)

// The maximum length of a text and of a parameter that are shown, and the maximum number of parameters.
const (
	maxShownText       = 8 << 10
	maxShownParameter  = 1 << 10
	maxShownParameters = 64
)

// queryDetails says what spans and slow-query lines show of a query besides its name. The zero value shows nothing.
type queryDetails struct {
	text       QueryText // 0 if it is not shown
	parameters func(operation, key string, value any) (text string, show bool)
}

func (q queryDetails) any() bool { return q.text != 0 || q.parameters != nil }

// textOf returns the text of a statement as it is shown, "" if it is not.
func (q queryDetails) textOf(operations *instruments.Operations, s instruments.Statement) string {
	switch q.text {
	case QueryTextRaw:
		return bounded(s.SQL, maxShownText)
	case QueryTextSanitized:
		return operations.SanitizedText(s)
	}
	return ""
}

// batchText returns the text of a batch: of its queries one after the other, or of one if all are alike (semantic
// conventions, note on db.query.text).
func (q queryDetails) batchText(operations *instruments.Operations, c *conn, queries []*pgx.QueuedQuery) string {
	differs := func(query *pgx.QueuedQuery) bool { return query.SQL != queries[0].SQL }
	var text strings.Builder
	for i, query := range queries {
		if i > 0 {
			text.WriteString("; ")
		}
		text.WriteString(q.textOf(operations, c.statement(query.SQL)))
		if text.Len() > maxShownText || i == 0 && !slices.ContainsFunc(queries, differs) {
			break
		}
	}
	return bounded(text.String(), maxShownText)
}

// attributes returns the text and the parameters of a query as they are shown.
func (q queryDetails) attributes(operations *instruments.Operations, s instruments.Statement, parameters []parameter) []attribute.KeyValue {
	var attrs []attribute.KeyValue
	if text := q.textOf(operations, s); text != "" {
		attrs = append(attrs, semconv.DBQueryText(text))
	}
	for _, p := range parameters {
		attrs = append(attrs, semconv.DBQueryParameter(p.key, p.text))
	}
	return attrs
}

// logged returns the same for a line of the log.
func (q queryDetails) logged(operations *instruments.Operations, s instruments.Statement, parameters []parameter) []slog.Attr {
	var attrs []slog.Attr
	if text := q.textOf(operations, s); text != "" {
		attrs = append(attrs, slog.String("sql", text))
	}
	if len(parameters) > 0 {
		var group []any
		for _, p := range parameters {
			group = append(group, slog.String(p.key, p.text))
		}
		attrs = append(attrs, slog.Group("parameters", group...))
	}
	return attrs
}

// parameter is a parameter of a query as it is shown.
type parameter struct{ key, text string }

// shownParameters returns the parameters that the user's function shows.
func (q queryDetails) shownParameters(operation string, args []any) (shown []parameter) {
	looked := 0
	for key, value := range parametersOf(args) {
		if looked++; looked > maxShownParameters {
			break
		}
		if text, show := q.show(operation, key, value); show {
			shown = append(shown, parameter{instruments.Sanitize(key), text})
		}
	}
	return shown
}

// show calls the user's function. A parameter for which that panics is not shown.
func (q queryDetails) show(operation, key string, value any) (text string, show bool) {
	defer func() {
		if recover() != nil {
			text, show = "", false
		}
	}()
	text, show = q.parameters(operation, key, value)
	return bounded(text, maxShownParameter), show
}

// parametersOf returns the parameters among the arguments of a query, by name, or by their index from 0. pgx takes options
// before them. What another QueryRewriter makes of the arguments is not known.
func parametersOf(args []any) func(yield func(key string, value any) bool) {
	for len(args) > 0 {
		switch first := args[0].(type) {
		case pgx.QueryExecMode, pgx.QueryResultFormats, pgx.QueryResultFormatsByOID:
			args = args[1:]
			continue
		case pgx.NamedArgs:
			return sorted(first)
		case pgx.StrictNamedArgs:
			return sorted(first)
		case pgx.QueryRewriter:
			return func(func(string, any) bool) {}
		}
		break
	}
	return func(yield func(string, any) bool) {
		for i, value := range args {
			if !yield(strconv.Itoa(i), value) {
				return
			}
		}
	}
}

func sorted(named map[string]any) func(yield func(string, any) bool) {
	return func(yield func(string, any) bool) {
		for _, key := range slices.Sorted(maps.Keys(named)) {
			if !yield(key, named[key]) {
				return
			}
		}
	}
}

// bounded returns as much of a text as is shown, as valid UTF-8.
func bounded(text string, limit int) string {
	if len(text) <= limit {
		return strings.ToValidUTF8(text, "\uFFFD")
	}
	return strings.ToValidUTF8(text[:limit], "") + "…"
}
