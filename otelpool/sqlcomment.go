package otelpool

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"go.opentelemetry.io/otel/trace"

	"github.com/otelpool/otelpool-go/otelpool/internal/instruments"
	"github.com/otelpool/otelpool-go/otelpool/internal/poolstate"
)

// SQLComment is a part of the comments that [WithSQLComments] adds to statements.
type SQLComment uint8

const (
	// CommentApplication is the key application: the application_name of the configuration, else the program's name.
	CommentApplication SQLComment = iota + 1

	// CommentOperation is the key operation: the name of the operation, as in db.query.summary. A prepared statement is
	// sent once and executed many times, so it has the name of its text: that of its sqlc comment, else its summary.
	CommentOperation

	// CommentTraceparent is the key traceparent: the span of the call, in the format of W3C Trace Context. Prepared
	// statements and utility statements have none.
	CommentTraceparent
)

// WithSQLComments adds comments to the statements that the pool sends, so that the server's log, pg_stat_activity and
// pg_stat_statements show where they come from. The format is that of sqlcommenter
// (https://google.github.io/sqlcommenter/spec):
//
//	SELECT 1 FROM users /*application='shop',operation='SELECT%20users'*/
//
// Without arguments, a comment has the application and the operation, which cost almost nothing. Repeated options add
// up. A value other than the constants is an error.
//
// A comment is added when a statement is sent. So pgx and its tracers see the text that the caller wrote, and a
// statement is not prepared more often than without the option. By default pgx prepares each text once per connection
// and then only refers to it, so the server keeps the comment of the first call. Prepared statements therefore get no
// traceparent, and the name of their text instead of the caller's ([WithOperation], [WithOperationName]). Statements of
// a batch also have the name of their text, unless WithOperation names the batch. In modes other than
// [pgx.QueryExecModeCacheStatement], and in an Exec without arguments, each call sends the text, with the whole
// comment. Utility statements, such as BEGIN, have no traceparent, because before PostgreSQL 16 pg_stat_statements
// keeps an entry for each of their texts.
//
// A text that ends in a block comment or has no statement is sent unchanged. So are batches in QueryExecModeExec, which
// pgx writes past its protocol layer, statements sent with [pgx.Conn.PgConn], statements of a pool passed to
// [Register], and all statements after [Instrumentation.Unregister]. If a text is incomplete, the position in the
// server's error is after the comment.
func WithSQLComments(content ...SQLComment) Option {
	if len(content) == 0 {
		content = []SQLComment{CommentApplication, CommentOperation}
	}
	content = slices.Clone(content)
	return optionFunc(func(c config) config {
		c.sqlComments = slices.Concat(c.sqlComments, content)
		return c
	})
}

func checkSQLComments(content []SQLComment) (errs []error) {
	for _, part := range content {
		if part < CommentApplication || part > CommentTraceparent {
			errs = append(errs, fmt.Errorf("otelpool: unknown SQL comment %d "+
				"(valid: CommentApplication, CommentOperation, CommentTraceparent)", part))
		}
	}
	return errs
}

// sqlComments makes the comments of a pool's statements. It is safe for concurrent use.
type sqlComments struct {
	operations  *instruments.Operations
	application string // the tag, "" if comments have none
	operation   bool   // comments have one
	traceparent bool   // comments have one
	byOperation perOperation[operationComments]
}

// comment is the comment of the statements of one call. It does not change.
type comment struct {
	tags string

	// ownNames reports whether an unnamed Parse has the name of its text instead of that in tags.
	ownNames bool

	traceID trace.TraceID // zero if there is no traceparent
	spanID  trace.SpanID
	flags   trace.TraceFlags
}

// operationComments are the comments of calls of one operation, without a traceparent.
type operationComments struct{ call, ownNames comment }

// newSQLComments returns nil if there is to be nothing in the comments.
func newSQLComments(content []SQLComment, operations *instruments.Operations, connConfig *pgx.ConnConfig) *sqlComments {
	if len(content) == 0 {
		return nil
	}
	s := &sqlComments{
		operations:  operations,
		operation:   slices.Contains(content, CommentOperation),
		traceparent: slices.Contains(content, CommentTraceparent),
	}
	s.byOperation.make = s.newOperationComments
	if slices.Contains(content, CommentApplication) {
		s.application = tag("application", applicationName(connConfig))
	}
	return s
}

func applicationName(connConfig *pgx.ConnConfig) string {
	if name := connConfig.RuntimeParams["application_name"]; name != "" {
		return name
	}
	if len(os.Args) == 0 {
		return ""
	}
	return filepath.Base(os.Args[0])
}

// escapeMore escapes what url.QueryEscape leaves. "--" must be escaped: if a text ends within a string, the quotes of
// the comment end the string, and a "--" in the comment would hide the rest. The server would execute a text that it
// refuses without a comment.
var escapeMore = strings.NewReplacer("+", "%20", "--", "-%2D")

// tag returns a key and its value as a comment has them, "" if there is no value. All but letters, digits and "-._~" is
// escaped, so that nothing in a value ends the comment.
func tag(key, value string) string {
	if value == "" {
		return ""
	}
	return key + "='" + escapeMore.Replace(url.QueryEscape(instruments.Sanitize(value))) + "'"
}

// tags returns the tags of an operation, in the order of their keys.
func (s *sqlComments) tags(operation string) string {
	if !s.operation {
		return s.application
	}
	of := tag("operation", operation)
	if s.application == "" {
		return of
	}
	return s.application + "," + of
}

// set sets the comment of the statements that a call sends. op is nil if the call is not recorded.
func (s *sqlComments) set(ctx context.Context, c *conn, kind poolstate.CallKind, op *instruments.Operation) {
	if c.wire != nil && op != nil && !c.foreign {
		c.wire.comment.Store(s.of(ctx, kind, op))
	}
}

// uncomment reverts set, because statements that no hook announces must have no comment.
func (h *hooks) uncomment(c *conn) {
	if h.comments != nil && c.wire != nil {
		c.wire.comment.Store(nil)
	}
}

func (s *sqlComments) of(ctx context.Context, kind poolstate.CallKind, op *instruments.Operation) *comment {
	of := s.byOperation.of(op)
	c := &of.call
	if kind == poolstate.PrepareCall || kind == poolstate.BatchCall && instruments.NameFrom(ctx) == "" {
		c = &of.ownNames
	}
	if !s.traceparent {
		return c
	}
	span := trace.SpanContextFromContext(ctx)
	if !span.IsValid() {
		return c
	}
	return &comment{c.tags, c.ownNames, span.TraceID(), span.SpanID(), span.TraceFlags()}
}

func (s *sqlComments) newOperationComments(op *instruments.Operation) *operationComments {
	tags := s.tags(op.Name)
	return &operationComments{call: comment{tags: tags}, ownNames: comment{tags: tags, ownNames: true}}
}

// forParse returns the comment of a statement that is parsed. A named one is parsed once for many calls, so its comment
// has nothing that only this call has.
func (s *sqlComments) forParse(c comment, named bool, sql []byte) comment {
	if !named && !c.ownNames {
		return c
	}
	if named {
		c.traceID = trace.TraceID{}
	}
	c.tags = s.application
	if s.operation {
		c.tags = s.tags(s.operations.TextName(sql))
	}
	return c
}

func (c *comment) empty() bool { return c.tags == "" && !c.traceID.IsValid() }

// append appends the comment to b.
func (c *comment) append(b []byte) []byte {
	b = append(append(b, "/*"...), c.tags...)
	if c.traceID.IsValid() {
		if c.tags != "" {
			b = append(b, ',')
		}
		b = hex.AppendEncode(append(b, "traceparent='00-"...), c.traceID[:])
		b = hex.AppendEncode(append(b, '-'), c.spanID[:])
		b = hex.AppendEncode(append(b, '-'), []byte{byte(c.flags & (trace.FlagsSampled | trace.FlagsRandom))})
		b = append(b, '\'')
	}
	return append(b, "*/"...)
}

// separatorAfter returns what has to be between a text and its comment, "" if the text is to stay as it is.
func separatorAfter(sql []byte) string {
	sql = bytes.TrimRight(sql, " \t\n\v\f\r;")
	if len(sql) == 0 || bytes.HasSuffix(sql, []byte("*/")) {
		return ""
	}
	dashes := []byte("--")
	switch {
	case !bytes.Contains(sql, dashes), bytes.ContainsAny(sql[bytes.LastIndex(sql, dashes):], "\r\n"):
		return " "
	case instruments.Blank(string(sql)): // pgx's ping, for example
		return ""
	}
	return "\n" // the last line may end in a comment
}

// plannedVerbs begin the statements that are not utility statements.
var plannedVerbs = [][]byte{
	[]byte("SELECT"), []byte("INSERT"), []byte("UPDATE"), []byte("DELETE"),
	[]byte("MERGE"), []byte("WITH"), []byte("VALUES"), []byte("TABLE"),
}

// traceable reports whether a text may have a traceparent. Before PostgreSQL 16 each text of a utility statement, such
// as BEGIN, is an entry of pg_stat_statements of its own. The text ends at a semicolon, as in what pgx sends for a
// CopyFrom.
func traceable(sql []byte) bool {
	if bytes.HasSuffix(sql, []byte(";")) {
		return true
	}
	for {
		sql = bytes.TrimLeft(sql, " \t\n\v\f\r(")
		end := 0
		switch {
		case bytes.HasPrefix(sql, []byte("--")):
			end = bytes.IndexAny(sql, "\r\n")
		case bytes.HasPrefix(sql, []byte("/*")): // one that nests hides the verb
			end = bytes.Index(sql, []byte("*/")) + len("*/")
		default:
			word := sql[:min(len(sql), len("SELECT"))]
			return slices.ContainsFunc(plannedVerbs, func(verb []byte) bool {
				return len(word) >= len(verb) && bytes.EqualFold(word[:len(verb)], verb)
			})
		}
		if end < len("--") {
			return false
		}
		sql = sql[end:]
	}
}
