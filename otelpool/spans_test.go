package otelpool_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/otelpool/otelpool-go/otelpool"
)

// traced is a pool with spans, and what they are recorded by.
type traced struct {
	fixture
	spans *tracetest.SpanRecorder
	root  context.Context // has a span named "request"
	end   func()
}

// setupTraced returns a pool whose calls are traced below a span.
func setupTraced(t *testing.T, maxConns int32, change func(*pgxpool.Config), opts ...otelpool.Option) traced {
	t.Helper()
	recorder := tracetest.NewSpanRecorder()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder))
	opts = append([]otelpool.Option{otelpool.WithTracerProvider(provider)}, opts...)
	f := traced{fixture: setup(t, maxConns, change, opts...), spans: recorder}
	ctx, span := provider.Tracer("test").Start(t.Context(), "request")
	f.root, f.end = ctx, func() { span.End() }
	return f
}

// last returns the span that has ended last.
func (f traced) last() sdktrace.ReadOnlySpan {
	ended := f.spans.Ended()
	return ended[len(ended)-1]
}

// texts describes the spans that have ended, in that order, as lines: name and kind, parent, status, then attributes, events and links,
// each sorted. The attributes that all spans of a pool share are checked and left out.
func (f traced) texts(t *testing.T) []string {
	t.Helper()
	ended := f.spans.Ended()
	names := map[string]string{}
	for _, s := range f.spans.Started() {
		names[s.SpanContext().SpanID().String()] = s.Name()
	}
	var texts []string
	for _, s := range ended {
		if s.InstrumentationScope().Name != "github.com/otelpool/otelpool-go/otelpool" {
			continue
		}
		parent := "no parent"
		if s.Parent().IsValid() {
			parent = "in " + names[s.Parent().SpanID().String()]
		}
		lines := []string{fmt.Sprintf("%s, %v, %s", s.Name(), s.SpanKind(), parent)}
		if status := s.Status(); status.Code != 0 || status.Description != "" {
			lines = append(lines, fmt.Sprintf("status %v %s", status.Code, status.Description))
		}
		shared := map[attribute.Key]string{
			"db.system.name": "postgresql", "db.client.connection.pool.name": "test",
			"server.address": f.pool.Config().ConnConfig.Host, "server.port": fmt.Sprint(f.pool.Config().ConnConfig.Port),
			"db.namespace": f.pool.Config().ConnConfig.Database,
		}
		for _, kv := range s.Attributes() {
			checkKey(t, kv)
		}
		own, left := attributeLines(s.Attributes(), shared)
		if f.pool.Config().ConnConfig.Port == 5432 {
			delete(left, "server.port")
		}
		if len(left) > 0 {
			t.Errorf("%s lacks the attributes %v", s.Name(), left)
		}
		lines = append(lines, own...)
		for _, e := range s.Events() {
			of, _ := attributeLines(e.Attributes, nil)
			lines = append(lines, fmt.Sprintf("event %s: %s", e.Name, strings.Join(of, ", ")))
		}
		for _, l := range s.Links() {
			of, _ := attributeLines(l.Attributes, nil)
			lines = append(lines, fmt.Sprintf("link to %s: %s", names[l.SpanContext.SpanID().String()], strings.Join(of, ", ")))
		}
		texts = append(texts, strings.Join(lines, "\n"))
	}
	return texts
}

// spanKeys are the attributes of the semantic conventions v1.43.0 for spans of PostgreSQL, with their types, and of errors, and
// otelpool's own.
var spanKeys = map[attribute.Key]attribute.Type{
	semconv.DBSystemNameKey: attribute.STRING, semconv.DBNamespaceKey: attribute.STRING, semconv.DBResponseStatusCodeKey: attribute.STRING,
	semconv.ErrorTypeKey: attribute.STRING, semconv.ServerAddressKey: attribute.STRING, semconv.ServerPortKey: attribute.INT64,
	semconv.DBCollectionNameKey: attribute.STRING, semconv.DBOperationBatchSizeKey: attribute.INT64, semconv.DBOperationNameKey: attribute.STRING,
	semconv.DBQuerySummaryKey: attribute.STRING, semconv.DBQueryTextKey: attribute.STRING, semconv.DBResponseReturnedRowsKey: attribute.INT64,

	semconv.DBClientConnectionPoolNameKey: attribute.STRING, "pgxpool.link": attribute.STRING,
	"pgxpool.acquire.queue": attribute.FLOAT64, "pgxpool.acquire.connect": attribute.FLOAT64,
	"pgxpool.acquire.ping": attribute.FLOAT64, "pgxpool.acquire.prepare": attribute.FLOAT64,
}

// checkKey checks an attribute against spanKeys. The test's function adds "length".
func checkKey(t *testing.T, kv attribute.KeyValue) {
	t.Helper()
	want, ok := spanKeys[kv.Key]
	if strings.HasPrefix(string(kv.Key), "db.query.parameter.") {
		want, ok = attribute.STRING, true
	}
	if kv.Key != "length" && (!ok || kv.Value.Type() != want) {
		t.Errorf("%s is %v: the conventions have no such attribute", kv.Key, kv.Value.Type())
	}
}

// attributeLines returns the attributes as sorted lines, without those of shared that have the value they must have, and those of
// shared that are missing.
func attributeLines(attrs []attribute.KeyValue, shared map[attribute.Key]string) (lines []string, missing map[attribute.Key]string) {
	for _, kv := range attrs {
		if want, ok := shared[kv.Key]; ok && kv.Value.String() == want {
			delete(shared, kv.Key)
			continue
		}
		lines = append(lines, fmt.Sprintf("%s=%s", kv.Key, kv.Value.String()))
	}
	slices.Sort(lines)
	return lines, shared
}

// brokenSource is the rows of a CopyFrom that fails.
type brokenSource struct{ left int }

func (s *brokenSource) Next() bool             { s.left--; return s.left >= 0 }
func (s *brokenSource) Values() ([]any, error) { return []any{1}, nil }
func (s *brokenSource) Err() error             { return errors.New("no more: hunter2") }

// TestSpansOfCalls compares the spans of each kind of call, and of each way in which it can end, whole.
func TestSpansOfCalls(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		opts []otelpool.Option
		call func(ctx context.Context, c *pgxpool.Conn) error
		want []string
	}{
		{
			"query", nil,
			func(ctx context.Context, c *pgxpool.Conn) error {
				_, err := c.Exec(ctx, "SELECT * FROM generate_series(1, $1)", 3)
				return err
			},
			[]string{"SELECT generate_series, client, in request\ndb.query.summary=SELECT generate_series\ndb.response.returned_rows=3"},
		},
		{
			"name of the caller", nil,
			func(ctx context.Context, c *pgxpool.Conn) error {
				return c.QueryRow(otelpool.WithOperation(ctx, "get_one"), "SELECT 1").Scan(new(int))
			},
			[]string{"get_one, client, in request\ndb.query.summary=get_one\ndb.response.returned_rows=1"},
		},
		{
			"no rows", nil,
			func(ctx context.Context, c *pgxpool.Conn) error {
				if err := c.QueryRow(ctx, "-- name: GetUser :one\nSELECT 1 FROM pg_class WHERE false").Scan(new(int)); !errors.Is(err, pgx.ErrNoRows) {
					return err
				}
				return nil
			},
			[]string{"GetUser, client, in request\ndb.query.summary=GetUser\ndb.response.returned_rows=0"},
		},
		{
			"text without a name", nil,
			func(ctx context.Context, c *pgxpool.Conn) error {
				_, _ = c.Exec(ctx, "'hunter2'")
				return nil
			},
			[]string{"postgresql, client, in request\nstatus Error 42601\ndb.response.status_code=42601\nerror.type=42601"},
		},
		{
			"error of the server", nil,
			func(ctx context.Context, c *pgxpool.Conn) error {
				_, _ = c.Exec(ctx, "SELECT 'hunter2'::int")
				return nil
			},
			[]string{"SELECT, client, in request\nstatus Error 22P02\ndb.query.summary=SELECT\ndb.response.status_code=22P02\nerror.type=22P02"},
		},
		{
			"error while rows are read", nil,
			func(ctx context.Context, c *pgxpool.Conn) error {
				rows, err := c.Query(ctx, "SELECT 1 / (2 - n) FROM generate_series(1, 3) AS n")
				if err != nil {
					return err
				}
				for rows.Next() {
				}
				return nil
			},
			[]string{"SELECT generate_series, client, in request\nstatus Error 22012\ndb.query.summary=SELECT generate_series\ndb.response.status_code=22012\nerror.type=22012"},
		},
		{
			"canceled", nil,
			func(ctx context.Context, c *pgxpool.Conn) error {
				ctx, cancel := context.WithCancel(ctx)
				cancel()
				_, _ = c.Exec(ctx, "SELECT 1")
				return nil
			},
			[]string{"SELECT, client, in request\nstatus Error canceled\ndb.query.summary=SELECT\nerror.type=canceled"},
		},
		{
			"rows not closed", nil,
			func(ctx context.Context, c *pgxpool.Conn) error {
				_, err := c.Query(ctx, "SELECT 1 FROM generate_series(1, 3)")
				return err
			},
			[]string{"SELECT generate_series, client, in request\nstatus Error connection\ndb.query.summary=SELECT generate_series\nerror.type=connection"},
		},
		{
			"refused on a busy connection", nil,
			func(ctx context.Context, c *pgxpool.Conn) error {
				rows, err := c.Query(ctx, "SELECT 1 FROM generate_series(1, 3)")
				if err != nil {
					return err
				}
				_, _ = c.Exec(ctx, "SELECT 2")
				rows.Close()
				return rows.Err()
			},
			[]string{
				"SELECT, client, in request\nstatus Error connection\ndb.query.summary=SELECT\nerror.type=connection",
				"SELECT generate_series, client, in request\ndb.query.summary=SELECT generate_series\ndb.response.returned_rows=3",
			},
		},
		{
			"panic in a loop over rows", nil,
			func(ctx context.Context, c *pgxpool.Conn) error {
				defer func() { _ = recover() }()
				if _, err := c.Query(ctx, "SELECT 1 FROM generate_series(1, 3)"); err != nil {
					return err
				}
				panic("in the program")
			},
			[]string{"SELECT generate_series, client, in request\nstatus Error connection\ndb.query.summary=SELECT generate_series\nerror.type=connection"},
		},
		{
			"insert", nil,
			func(ctx context.Context, c *pgxpool.Conn) error {
				_, err := c.Exec(ctx, "INSERT INTO n VALUES (7)")
				return err
			},
			[]string{"INSERT n, client, in request\ndb.query.summary=INSERT n"},
		},
		{
			"transaction", nil,
			func(ctx context.Context, c *pgxpool.Conn) error {
				return pgx.BeginFunc(ctx, c, func(pgx.Tx) error { return nil })
			},
			[]string{"BEGIN, client, in request\ndb.query.summary=BEGIN", "COMMIT, client, in request\ndb.query.summary=COMMIT"},
		},
		{
			"batch of one", nil,
			func(ctx context.Context, c *pgxpool.Conn) error {
				return c.SendBatch(ctx, batchOf("SELECT 1")).Close()
			},
			[]string{"SELECT, client, in request\ndb.query.summary=SELECT\ndb.response.returned_rows=1"},
		},
		{
			"batch of one, of a sqlc batch query", nil,
			func(ctx context.Context, c *pgxpool.Conn) error {
				b := new(pgx.Batch)
				b.Queue("-- name: GetN :batchone\nSELECT n FROM n WHERE n < $1", 0)
				return c.SendBatch(ctx, b).Close()
			},
			[]string{"BATCH GetN, client, in request\ndb.query.summary=BATCH GetN\ndb.response.returned_rows=0"},
		},
		{
			"batch", []otelpool.Option{otelpool.WithQueryText(otelpool.QueryTextSanitized)},
			func(ctx context.Context, c *pgxpool.Conn) error {
				return c.SendBatch(ctx, batchOf("SELECT 'hunter2' FROM n", "INSERT INTO n VALUES (8)")).Close()
			},
			[]string{"BATCH, client, in request\ndb.operation.batch.size=2\ndb.query.summary=BATCH\n" +
				"db.query.text=SELECT ? FROM n; INSERT INTO n VALUES (?)\n" +
				"event query: db.query.summary=SELECT n, db.query.text=SELECT ? FROM n, db.response.returned_rows=0\n" +
				"event query: db.query.summary=INSERT n, db.query.text=INSERT INTO n VALUES (?)"},
		},
		{
			"batch of equal texts", []otelpool.Option{otelpool.WithQueryText(otelpool.QueryTextRaw)},
			func(ctx context.Context, c *pgxpool.Conn) error {
				b := new(pgx.Batch)
				b.Queue("DELETE FROM n WHERE n = $1", 1)
				b.Queue("DELETE FROM n WHERE n = $1", 2)
				return c.SendBatch(ctx, b).Close()
			},
			[]string{"BATCH DELETE n, client, in request\ndb.operation.batch.size=2\ndb.query.summary=BATCH DELETE n\n" +
				"db.query.text=DELETE FROM n WHERE n = $1\n" +
				"event query: db.query.summary=DELETE n, db.query.text=DELETE FROM n WHERE n = $1\n" +
				"event query: db.query.summary=DELETE n, db.query.text=DELETE FROM n WHERE n = $1"},
		},
		{
			"batch that fails", nil,
			func(ctx context.Context, c *pgxpool.Conn) error {
				b := new(pgx.Batch)
				b.Queue("INSERT INTO n VALUES (9)")
				b.Queue("SELECT 1 / $1::int", 0)
				b.Queue("SELECT 3")
				_ = c.SendBatch(ctx, b).Close()
				return nil
			},
			[]string{"BATCH, client, in request\nstatus Error 22012\ndb.operation.batch.size=3\ndb.query.summary=BATCH\n" +
				"db.response.status_code=22012\nerror.type=22012\n" +
				"event query: db.query.summary=INSERT n\n" +
				"event query: db.query.summary=SELECT, db.response.status_code=22012, error.type=22012"},
		},
		{
			"batch that cannot be prepared", nil,
			func(ctx context.Context, c *pgxpool.Conn) error {
				_ = c.SendBatch(ctx, batchOf("SELECT 1", "SELECT nothing FROM n")).Close()
				return nil
			},
			[]string{"BATCH, client, in request\nstatus Error 42703\ndb.operation.batch.size=2\ndb.query.summary=BATCH\ndb.response.status_code=42703\nerror.type=42703"},
		},
		{
			"batch that is open at release", nil,
			func(ctx context.Context, c *pgxpool.Conn) error {
				c.SendBatch(ctx, batchOf("SELECT 1", "SELECT 2"))
				return nil
			},
			[]string{"BATCH SELECT, client, in request\nstatus Error connection\ndb.operation.batch.size=2\ndb.query.summary=BATCH SELECT\nerror.type=connection"},
		},
		{
			"copy", nil,
			func(ctx context.Context, c *pgxpool.Conn) error {
				_, err := c.CopyFrom(ctx, pgx.Identifier{"pg_temp", "n"}, []string{"n"}, pgx.CopyFromRows([][]any{{1}, {2}}))
				return err
			},
			[]string{"COPY pg_temp.n, client, in request\ndb.collection.name=pg_temp.n\ndb.operation.name=COPY\ndb.query.summary=COPY pg_temp.n"},
		},
		{
			"copy into no table", nil,
			func(ctx context.Context, c *pgxpool.Conn) error {
				_, _ = c.CopyFrom(ctx, pgx.Identifier{"gone"}, []string{"n"}, pgx.CopyFromRows([][]any{{1}}))
				return nil
			},
			[]string{"COPY gone, client, in request\nstatus Error 42P01\ndb.collection.name=gone\ndb.operation.name=COPY\ndb.query.summary=COPY gone\ndb.response.status_code=42P01\nerror.type=42P01"},
		},
		{
			"copy whose source fails", nil,
			func(ctx context.Context, c *pgxpool.Conn) error {
				_, _ = c.CopyFrom(ctx, pgx.Identifier{"n"}, []string{"n"}, &brokenSource{1})
				return nil
			},
			[]string{"COPY n, client, in request\nstatus Error 57014\ndb.collection.name=n\ndb.operation.name=COPY\ndb.query.summary=COPY n\ndb.response.status_code=57014\nerror.type=57014"},
		},
		{
			"prepare, and its query", []otelpool.Option{otelpool.WithQueryText(otelpool.QueryTextRaw)},
			func(ctx context.Context, c *pgxpool.Conn) error {
				for range 2 { // the second asks nothing of the server
					if _, err := c.Conn().Prepare(ctx, "ps1", "SELECT n FROM n WHERE n = $1"); err != nil {
						return err
					}
				}
				_, err := c.Exec(ctx, "ps1", 4)
				return err
			},
			[]string{
				"PREPARE SELECT n, client, in request\ndb.query.summary=PREPARE SELECT n\ndb.query.text=SELECT n FROM n WHERE n = $1",
				"SELECT n, client, in request\ndb.query.summary=SELECT n\ndb.query.text=SELECT n FROM n WHERE n = $1\ndb.response.returned_rows=0",
			},
		},
		{
			"prepare that fails", nil,
			func(ctx context.Context, c *pgxpool.Conn) error {
				_, _ = c.Conn().Prepare(ctx, "ps1", "SELECT nothing FROM n")
				return nil
			},
			[]string{"PREPARE SELECT n, client, in request\nstatus Error 42703\ndb.query.summary=PREPARE SELECT n\ndb.response.status_code=42703\nerror.type=42703"},
		},
		{
			"no parent", nil,
			func(_ context.Context, c *pgxpool.Conn) error {
				_, err := c.Exec(context.Background(), "SELECT 1")
				return err
			},
			nil,
		},
		{
			"no parent, but roots", []otelpool.Option{otelpool.WithRootSpans()},
			func(_ context.Context, c *pgxpool.Conn) error {
				_, err := c.Exec(context.Background(), "SELECT 1")
				return err
			},
			[]string{"SELECT, client, no parent\ndb.query.summary=SELECT\ndb.response.returned_rows=1"},
		},
		{
			"parameters",
			[]otelpool.Option{otelpool.WithQueryParameters(func(operation, key string, value any) (string, bool) {
				if key == "panic" {
					panic("in the filter")
				}
				return fmt.Sprint(operation, " ", value), key != "password" && key != "1"
			})},
			func(ctx context.Context, c *pgxpool.Conn) error {
				if _, err := c.Exec(ctx, "SELECT $1::int, $2::text", 5, "hunter2"); err != nil {
					return err
				}
				_, err := c.Exec(ctx, "SELECT @n::int, @password::text, @panic::int", pgx.NamedArgs{"n": 6, "password": "hunter2", "panic": 0})
				return err
			},
			[]string{
				"SELECT, client, in request\ndb.query.parameter.0=SELECT 5\ndb.query.summary=SELECT\ndb.response.returned_rows=1",
				"SELECT, client, in request\ndb.query.parameter.n=SELECT 6\ndb.query.summary=SELECT\ndb.response.returned_rows=1",
			},
		},
		{
			"changed by the program",
			[]otelpool.Option{otelpool.WithSpanStart(func(_ context.Context, s *otelpool.SpanStart) {
				s.Name = "db " + s.Name
				s.Attributes = append(s.Attributes, attribute.Int("length", len(s.SQL)))
			})},
			func(ctx context.Context, c *pgxpool.Conn) error {
				_, err := c.Exec(ctx, "SELECT 1")
				return err
			},
			[]string{"db SELECT, client, in request\ndb.query.summary=SELECT\ndb.response.returned_rows=1\nlength=8"},
		},
		{
			"function panics",
			[]otelpool.Option{otelpool.WithSpanStart(func(context.Context, *otelpool.SpanStart) { panic("in the function") })},
			func(ctx context.Context, c *pgxpool.Conn) error {
				_, err := c.Exec(ctx, "SELECT 1")
				return err
			},
			nil,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := setupTraced(t, 1, nil, tt.opts...)
			c, err := f.pool.Acquire(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			execute(t, c, t.Context(), "CREATE TEMP TABLE n (n int)")
			before := len(f.texts(t))
			err = tt.call(f.root, c)
			c.Release()
			if err != nil {
				t.Fatal(err)
			}
			if got := f.texts(t)[before:]; !slices.Equal(got, tt.want) {
				t.Errorf("got\n%s\n\nwant\n%s", strings.Join(got, "\n\n"), strings.Join(tt.want, "\n\n"))
			}
			f.end()
			if started, ended := len(f.spans.Started()), len(f.spans.Ended()); started != ended {
				t.Errorf("%d of %d spans have no end", started-ended, started)
			}
		})
	}
}

// TestSpanNames has texts of which a reader could expect another name.
func TestSpanNames(t *testing.T) {
	t.Parallel()
	f := setupTraced(t, 1, nil)
	for _, tt := range []struct{ sql, want string }{
		{"UPDATE\n\tn SET n = 1", "UPDATE n"},
		{"   SELECT * FROM n   ", "SELECT n"},
		{"-- name: GetUsers :many\nSELECT * FROM n", "GetUsers"},
		{"/* name: GetBooks :many */ SELECT * FROM n", "GetBooks"},
		{"-- why\n/* and how */ DELETE FROM n", "DELETE n"},
		{"SELECT 1 -- hunter2", "SELECT"},
		{"-- hunter2", "postgresql"},
		{"", "postgresql"},
		{"   ", "postgresql"},
		{"/* hunter2", "postgresql"},
	} {
		_, _ = f.pool.Exec(f.root, tt.sql)
		if got := f.last().Name(); got != tt.want {
			t.Errorf("%q: the span is %q, want %q", tt.sql, got, tt.want)
		}
	}
}

// TestSpanNamesAreFitForExport has a name that is too long, and not UTF-8, which exporters refuse with all spans beside it.
func TestSpanNamesAreFitForExport(t *testing.T) {
	t.Parallel()
	f := setupTraced(t, 1, nil, otelpool.WithOperationLimit(1))
	f.exec(t, otelpool.WithOperation(f.root, "first"), "SELECT 1")
	ctx := otelpool.WithOperation(f.root, "\xff"+strings.Repeat("x", 1000))
	f.exec(t, ctx, "SELECT 1")
	sendBatch(t, f.pool, ctx, "SELECT 1", "SELECT 2")
	check := func(text string) {
		t.Helper()
		if len(text) > 255 || !utf8.ValidString(text) {
			t.Errorf("%.20q has %d bytes", text, len(text))
		}
	}
	for _, s := range f.spans.Ended() {
		check(s.Name())
		attrs := s.Attributes()
		for _, e := range s.Events() {
			attrs = append(attrs, e.Attributes...)
		}
		for _, kv := range attrs {
			check(kv.Value.String())
		}
	}
}
