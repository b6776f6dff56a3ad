package otelpool_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/trace"

	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

// serverLog is what the server logs of a pool's statements.
type serverLog struct {
	mu    sync.Mutex
	lines []string
}

// loggedPool makes an instrumented pool of one connection, whose application_name is shop. The server sends its log
// lines about the pool's statements to the client too.
func loggedPool(t *testing.T, change func(*pgxpool.Config), opts ...otelpool.Option) (fixture, *serverLog) {
	t.Helper()
	var l serverLog
	f := setup(t, 1, func(c *pgxpool.Config) {
		c.ConnConfig.RuntimeParams["application_name"] = "shop"
		c.ConnConfig.RuntimeParams["log_statement"] = "all"
		c.ConnConfig.RuntimeParams["client_min_messages"] = "log"
		c.ConnConfig.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) {
			if n.Severity == "LOG" {
				l.mu.Lock()
				defer l.mu.Unlock()
				l.lines = append(l.lines, n.Message)
			}
		}
		if change != nil {
			change(c)
		}
	}, opts...)
	f.exec(t, context.Background(), "CREATE TEMP TABLE items (id int)")
	l.statements()
	return f, &l
}

// statements returns the texts of the statements that were logged since the last call.
func (l *serverLog) statements() (texts []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.lines {
		_, text, _ := strings.Cut(line, ": ") // "statement: SELECT 1" or "execute name: SELECT 1"
		texts = append(texts, text)
	}
	l.lines = nil
	return texts
}

func (l *serverLog) check(t *testing.T, want ...string) {
	t.Helper()
	if got := l.statements(); !slices.Equal(got, want) {
		t.Errorf("the server logged\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

var allModes = []pgx.QueryExecMode{
	pgx.QueryExecModeCacheStatement, pgx.QueryExecModeCacheDescribe, pgx.QueryExecModeDescribeExec,
	pgx.QueryExecModeExec, pgx.QueryExecModeSimpleProtocol,
}

// spanned returns a context with a span, and the traceparent of that span.
func spanned(ctx context.Context, span byte) (context.Context, string) {
	sc := trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{0: 0xab, 15: 1}, SpanID: trace.SpanID{7: span}, TraceFlags: trace.FlagsSampled,
	})
	return trace.ContextWithSpanContext(ctx, sc), fmt.Sprintf("00-ab000000000000000000000000000001-%016x-01", span)
}

func TestSQLCommentsAreOffByDefault(t *testing.T) {
	t.Parallel()
	f, log := loggedPool(t, nil)
	f.exec(t, t.Context(), "SELECT 1")
	log.check(t, "SELECT 1")
}

func TestSQLCommentsInEachMode(t *testing.T) {
	t.Parallel()
	f, log := loggedPool(t, nil, otelpool.WithSQLComments())
	for _, mode := range allModes {
		t.Run(mode.String(), func(t *testing.T) {
			ctx := t.Context()
			for _, name := range []string{"O'Neill", "日本 -- /*"} {
				var got string
				err := f.pool.QueryRow(ctx, "SELECT $1::text AS a FROM pg_type LIMIT 1", mode, name).Scan(&got)
				if err != nil || got != name {
					t.Errorf("queried %q, %v", got, err)
				}
				f.exec(t, ctx, "INSERT INTO items VALUES ($1)", mode, 7)
				f.exec(t, ctx, "-- name: DeleteItem :exec\nDELETE FROM items WHERE id = $1;", mode, 8)
			}
			want := []string{
				"SELECT $1::text AS a FROM pg_type LIMIT 1 /*application='shop',operation='SELECT%20pg_type'*/",
				"INSERT INTO items VALUES ($1) /*application='shop',operation='INSERT%20items'*/",
				"-- name: DeleteItem :exec\nDELETE FROM items WHERE id = $1; /*application='shop',operation='DeleteItem'*/",
			}
			want = append(want, want...)
			if mode == pgx.QueryExecModeSimpleProtocol {
				for i, arg := range []string{" 'O''Neill' ", " '7' ", " '8' ", " '日本 -- /*' ", " '7' ", " '8' "} {
					want[i] = strings.ReplaceAll(want[i], "$1", arg)
				}
				want[3] = strings.Replace(want[3], " /*app", "\n/*app", 1) // the last line may have a comment
			}
			log.check(t, want...)
		})
	}
}

// TestSQLCommentsOnEveryKindOfStatement has statements that are not queries of the pool.
func TestSQLCommentsOnEveryKindOfStatement(t *testing.T) {
	t.Parallel()
	f, log := loggedPool(t, func(c *pgxpool.Config) {
		c.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
			_, err := conn.Exec(ctx, "SET work_mem = '8MB'")
			return err
		}
	}, otelpool.WithSQLComments())
	ctx := t.Context()
	tx := begin(t, f.pool, ctx)
	rows := make([][]any, 20_000)
	for i := range rows {
		rows[i] = []any{i}
	}
	copied, err := tx.CopyFrom(ctx, pgx.Identifier{"items"}, []string{"id"}, pgx.CopyFromRows(rows))
	if copied != int64(len(rows)) || err != nil {
		t.Errorf("copied %d rows, %v", copied, err)
	}
	testutil.NoError(t, tx.Commit(ctx))
	log.check(t,
		"begin /*application='shop',operation='BEGIN'*/",
		`copy "items" ( "id" ) from stdin binary; /*application='shop',operation='COPY%20items'*/`,
		"commit /*application='shop',operation='COMMIT'*/")

	conn := acquire(t, f.pool)
	prepare(t, conn, ctx, "p", "SELECT count(*) FROM items")
	var n int
	if err := conn.QueryRow(otelpool.WithOperation(ctx, "count"), "p").Scan(&n); err != nil || n != len(rows) {
		t.Errorf("counted %d, %v", n, err)
	}
	if _, err := conn.Conn().PgConn().Exec(ctx, "SELECT 1").ReadAll(); err != nil { // no hook announces it
		t.Error(err)
	}
	testutil.NoError(t, conn.Ping(ctx))
	execute(t, conn, ctx, ";")
	log.check(t, "SELECT count(*) FROM items /*application='shop',operation='SELECT%20items'*/",
		"SELECT 1", "-- ping", ";")

	own := hijack(t, conn)
	execute(t, own, ctx, "LISTEN c")
	log.check(t, "LISTEN c /*application='shop',operation='LISTEN'*/")

	f.exec(t, ctx, "SELECT 1") // on a new connection
	log.check(t, "SET work_mem = '8MB' /*application='shop',operation='SET'*/",
		"SELECT 1 /*application='shop',operation='SELECT'*/")
}

func TestSQLCommentsOfBatchInEachMode(t *testing.T) {
	t.Parallel()
	for _, mode := range allModes {
		t.Run(mode.String(), func(t *testing.T) {
			t.Parallel()
			f, log := loggedPool(t, func(c *pgxpool.Config) { c.ConnConfig.DefaultQueryExecMode = mode },
				otelpool.WithSQLComments(), otelpool.WithSQLComments(otelpool.CommentTraceparent))
			ctx, traceparent := spanned(t.Context(), 1)
			send := func(ctx context.Context) {
				t.Helper()
				b := batched("INSERT INTO items VALUES ($1)", 1)()
				b.Queue("SELECT count(*) FROM items WHERE id = $1", 1)
				testutil.NoError(t, f.pool.SendBatch(ctx, b).Close())
			}
			send(ctx)
			insert := "INSERT INTO items VALUES ($1) /*application='shop',operation='INSERT%20items'"
			count := "SELECT count(*) FROM items WHERE id = $1 /*application='shop',operation='SELECT%20items'"
			switch mode {
			case pgx.QueryExecModeCacheStatement:
				log.check(t, insert+"*/", count+"*/")
			case pgx.QueryExecModeExec: // pgx writes it past the frontend
				log.check(t, "INSERT INTO items VALUES ($1)", "SELECT count(*) FROM items WHERE id = $1")
			case pgx.QueryExecModeSimpleProtocol:
				log.check(t, "INSERT INTO items VALUES ( '1' )\n;SELECT count(*) FROM items WHERE id =  '1'  "+
					"/*application='shop',operation='BATCH',traceparent='"+traceparent+"'*/")
			default:
				end := ",traceparent='" + traceparent + "'*/"
				log.check(t, insert+end, count+end)
				send(otelpool.WithOperation(ctx, "import"))
				log.check(t, "INSERT INTO items VALUES ($1) /*application='shop',operation='import'"+end,
					"SELECT count(*) FROM items WHERE id = $1 /*application='shop',operation='import'"+end)
			}
		})
	}
}

// TestTraceparentIsInUnpreparedStatements makes two calls, each with its own span and name.
func TestTraceparentIsInUnpreparedStatements(t *testing.T) {
	t.Parallel()
	f, log := loggedPool(t, nil, otelpool.WithSQLComments(otelpool.CommentOperation, otelpool.CommentTraceparent))
	for _, mode := range allModes {
		t.Run(mode.String(), func(t *testing.T) {
			for span := range byte(2) {
				ctx, traceparent := spanned(t.Context(), span+1)
				ctx = otelpool.WithOperation(ctx, fmt.Sprint("call ", span))
				var n int
				err := f.pool.QueryRow(ctx, "SELECT id FROM items WHERE id = $1", mode, 5).Scan(&n)
				if !errors.Is(err, pgx.ErrNoRows) {
					t.Error(err)
				}
				ofCall := fmt.Sprintf(" /*operation='call%%20%d',traceparent='%s'*/", span, traceparent)
				switch mode {
				case pgx.QueryExecModeCacheStatement:
					log.check(t, "SELECT id FROM items WHERE id = $1 /*operation='SELECT%20items'*/")
				case pgx.QueryExecModeSimpleProtocol:
					log.check(t, "SELECT id FROM items WHERE id =  '5' "+ofCall)
				default:
					log.check(t, "SELECT id FROM items WHERE id = $1"+ofCall)
				}
			}
			f.exec(t, t.Context(), "SELECT 1", pgx.QueryExecModeExec)
			log.check(t, "SELECT 1 /*operation='SELECT'*/") // without a span
		})
	}
}

// TestUtilityStatementsHaveNoTraceparent has the statements whose texts pg_stat_statements keeps apart.
func TestUtilityStatementsHaveNoTraceparent(t *testing.T) {
	t.Parallel()
	f, log := loggedPool(t, nil, otelpool.WithSQLComments(otelpool.CommentOperation, otelpool.CommentTraceparent))
	ctx, traceparent := spanned(t.Context(), 1)
	end := ",traceparent='" + traceparent + "'*/"
	err := pgx.BeginFunc(ctx, f.pool, func(tx pgx.Tx) error {
		_, err := tx.CopyFrom(ctx, pgx.Identifier{"items"}, []string{"id"}, pgx.CopyFromRows([][]any{{1}}))
		return err
	})
	testutil.NoError(t, err)
	log.check(t, "begin /*operation='BEGIN'*/",
		`copy "items" ( "id" ) from stdin binary; /*operation='COPY%20items'`+end, // whose text ends at the semicolon
		"commit /*operation='COMMIT'*/")
	for sql, want := range map[string]string{
		"SET work_mem = '8MB'":                       "SET work_mem = '8MB' /*operation='SET'*/",
		"/* a */ -- b\nSET work_mem = '8MB'":         "/* a */ -- b\nSET work_mem = '8MB' /*operation='SET'*/",
		"( select 1 )":                               "( select 1 ) /*operation='SELECT'" + end,
		"/* a */ -- b\nWITH a AS (SELECT 1) TABLE a": "/* a */ -- b\nWITH a AS (SELECT 1) TABLE a /*operation='SELECT%20TABLE'" + end,
		"values (1)":                                 "values (1) /*operation='VALUES'" + end,
		"/* a /* b */ */ SELECT 1":                   "/* a /* b */ */ SELECT 1 /*operation='SELECT'*/",
	} {
		f.exec(t, ctx, sql)
		log.check(t, want)
	}
}

func TestTraceparentWithoutOtherTags(t *testing.T) {
	t.Parallel()
	f, log := loggedPool(t, nil, otelpool.WithSQLComments(otelpool.CommentTraceparent))
	ctx, traceparent := spanned(t.Context(), 9)
	f.exec(t, t.Context(), "SELECT 1")
	f.exec(t, ctx, "SELECT 2")
	f.exec(t, ctx, "SELECT $1::int", 3)
	log.check(t, "SELECT 1", "SELECT 2 /*traceparent='"+traceparent+"'*/", "SELECT $1::int")
}

// TestSQLCommentsKeepStatementCache calls with a span and a name each.
func TestSQLCommentsKeepStatementCache(t *testing.T) {
	t.Parallel()
	f := setup(t, 1, nil, otelpool.WithSQLComments(), otelpool.WithSQLComments(otelpool.CommentTraceparent))
	for span := range byte(20) {
		ctx, _ := spanned(t.Context(), span+1)
		f.exec(t, otelpool.WithOperation(ctx, fmt.Sprint("call ", span)), "SELECT $1::int", 1)
	}
	var prepared []string
	const look = "SELECT statement FROM pg_prepared_statements WHERE statement LIKE '%::int%'"
	rows, err := f.pool.Query(t.Context(), look, pgx.QueryExecModeExec)
	if err == nil {
		prepared, err = pgx.CollectRows(rows, pgx.RowTo[string])
	}
	want := []string{"SELECT $1::int /*application='" + filepath.Base(os.Args[0]) + "',operation='SELECT'*/"}
	if err != nil || !slices.Equal(prepared, want) {
		t.Errorf("prepared are %q, %v, want %q", prepared, err, want)
	}
}

func TestHostileNamesStayInSQLComment(t *testing.T) {
	t.Parallel()
	f, log := loggedPool(t, func(c *pgxpool.Config) {
		c.ConnConfig.RuntimeParams["application_name"] = "a*/; DROP TABLE items --"
	}, otelpool.WithSQLComments())
	for name, want := range map[string]string{
		"*/ DROP TABLE items; --":       "%2A%2F%20DROP%20TABLE%20items%3B%20-%2D",
		"it's 100%\n\r\x00+ \\ \"q\"":   "it%27s%20100%25%0A%0D%00%2B%20%5C%20%22q%22",
		"größe 日本":                      "gr%C3%B6%C3%9Fe%20%E6%97%A5%E6%9C%AC",
		"\xff'":                         "%EF%BF%BD%27",
		"a-b_c.d~":                      "a-b_c.d~",
		"/*" + strings.Repeat("x", 400): "%2F%2A" + strings.Repeat("x", 253),
	} {
		f.exec(t, otelpool.WithOperation(t.Context(), name), "SELECT 1 FROM items")
		log.check(t, "SELECT 1 FROM items /*application='a%2A%2F%3B%20DROP%20TABLE%20items%20-%2D',operation='"+want+"'*/")
	}
}

// TestBrokenTextIsRefused sends a text that breaks off in a string. The quotes of its comment end that.
func TestBrokenTextIsRefused(t *testing.T) {
	t.Parallel()
	f := setup(t, 1, func(c *pgxpool.Config) {
		c.ConnConfig.RuntimeParams["application_name"] = "shop--eu"
	}, otelpool.WithSQLComments())
	for _, mode := range allModes {
		if _, err := f.pool.Exec(t.Context(), "SELECT 'x", mode); err == nil {
			t.Errorf("%v: the server executed the text", mode)
		}
	}
}

func TestSQLCommentKeepsFormOfText(t *testing.T) {
	t.Parallel()
	f, log := loggedPool(t, nil, otelpool.WithSQLComments())
	const tags = "/*application='shop',operation='SELECT'*/"
	for sql, want := range map[string]string{
		"SELECT 1 /*action='a'*/":     "SELECT 1 /*action='a'*/",
		"SELECT 1 /*action='a'*/ ;\n": "SELECT 1 /*action='a'*/ ;\n",
		"-- only\n-- comments":        "-- only\n-- comments",
		"/* a /* b */ */ ; -- c":      "/* a /* b */ */ ; -- c",
		"SELECT 1 -- it":              "SELECT 1 -- it\n" + tags,
		"SELECT 1 --\n":               "SELECT 1 --\n\n" + tags,
		"SELECT 1 -- it\n + 1":        "SELECT 1 -- it\n + 1 " + tags,
		"SELECT '--'":                 "SELECT '--'\n" + tags,
		"SELECT 1; SELECT 2;":         "SELECT 1; SELECT 2; /*application='shop',operation='SELECT%20SELECT'*/",
		"SELECT 1;":                   "SELECT 1; " + tags,
	} {
		f.exec(t, t.Context(), sql)
		log.check(t, want)
	}
}

func TestLargeStatementGetsSQLComment(t *testing.T) {
	t.Parallel()
	f := setup(t, 1, nil, otelpool.WithSQLComments(otelpool.CommentOperation))
	const length = 5 << 20
	var got int
	var end string
	sql := "SELECT length('" + strings.Repeat("x", length) + "'), right(current_query(), 30)"
	testutil.NoError(t, f.pool.QueryRow(t.Context(), sql, pgx.QueryExecModeExec).Scan(&got, &end))
	if got != length || !strings.HasSuffix(end, "/*operation='SELECT'*/") {
		t.Errorf("%d bytes, end %q", got, end)
	}
}

func TestSQLCommentsNeedNoMetrics(t *testing.T) {
	t.Parallel()
	f, log := loggedPool(t, nil, otelpool.WithSQLComments(), otelpool.WithMeterProvider(noop.NewMeterProvider()))
	f.exec(t, t.Context(), "SELECT 1")
	log.check(t, "SELECT 1 /*application='shop',operation='SELECT'*/")
	conn := acquire(t, f.pool)
	defer conn.Release()
	rows := openRows(t, conn, t.Context(), "SELECT 2")
	unregister(t, f.inst) // while a call runs
	rows.Close()
	execute(t, conn, t.Context(), "SELECT 3")
	log.check(t, "SELECT 2 /*application='shop',operation='SELECT'*/", "SELECT 3")
}

// TestSQLCommentsConcurrentSafe has each call see its own name and span, also after calls that were canceled.
func TestSQLCommentsConcurrentSafe(t *testing.T) {
	t.Parallel()
	f := setup(t, 4, nil, otelpool.WithSQLComments(otelpool.CommentOperation, otelpool.CommentTraceparent))
	var wg sync.WaitGroup
	for caller := range 8 {
		wg.Go(func() {
			for i := range 50 {
				ctx, traceparent := spanned(t.Context(), byte(caller*25+i%25+1))
				ctx = otelpool.WithOperation(ctx, fmt.Sprint("caller ", caller))
				if i%10 == 9 {
					short, cancel := context.WithCancel(ctx)
					go cancel()
					_, _ = f.pool.Exec(short, "SELECT pg_sleep(10)")
				}
				var query string
				mode := allModes[1+i%4]
				err := f.pool.QueryRow(ctx, "SELECT current_query(), $1::int", mode, i).Scan(&query, nil)
				want := fmt.Sprintf(" /*operation='caller%%20%d',traceparent='%s'*/", caller, traceparent)
				if err != nil || !strings.HasSuffix(query, want) {
					t.Errorf("%v: %q, %v, want %q", mode, query, err, want)
				}
			}
		})
	}
	wg.Wait()
}

// TestSQLCommentsOverTLS has a proxy decrypt what the pool sends.
func TestSQLCommentsOverTLS(t *testing.T) {
	t.Parallel()
	certificates := httptest.NewTLSServer(nil)
	certificates.Close()
	var dials sync.WaitGroup
	f := setup(t, 1, func(c *pgxpool.Config) {
		c.ConnConfig.TLSConfig, c.ConnConfig.SSLNegotiation = &tls.Config{InsecureSkipVerify: true}, "direct"
		dial := c.ConnConfig.DialFunc
		c.ConnConfig.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
			server, err := dial(ctx, network, address)
			if err != nil {
				return nil, err
			}
			client, pipe := net.Pipe()
			proxy := tls.Server(pipe, &tls.Config{Certificates: certificates.TLS.Certificates})
			dials.Go(func() { _, _ = io.Copy(server, proxy); _ = server.Close() })
			dials.Go(func() { _, _ = io.Copy(proxy, server); _ = pipe.Close() })
			return client, nil
		}
	}, otelpool.WithSQLComments(otelpool.CommentOperation))
	for _, mode := range allModes {
		var query string
		err := f.pool.QueryRow(t.Context(), "SELECT current_query() FROM pg_class LIMIT $1", mode, 1).Scan(&query)
		if err != nil || !strings.HasSuffix(query, " /*operation='SELECT%20pg_class'*/") {
			t.Errorf("%v: %q, %v", mode, query, err)
		}
	}
	postgrestest.ClosePool(t, f.pool)
	dials.Wait()
}

func TestTraceparentIsSpanOfQuery(t *testing.T) {
	t.Parallel()
	f := setupTraced(t, 1, func(c *pgxpool.Config) { c.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec },
		otelpool.WithSQLComments(otelpool.CommentTraceparent))
	var query string
	testutil.NoError(t, f.pool.QueryRow(f.root, "SELECT query FROM pg_stat_activity WHERE pid = pg_backend_pid()").Scan(&query))
	of := f.last().SpanContext()
	if want := fmt.Sprintf("/*traceparent='00-%s-%s-01'*/", of.TraceID(), of.SpanID()); !strings.HasSuffix(query, want) {
		t.Errorf("the server runs %q, want a comment %s", query, want)
	}
}
